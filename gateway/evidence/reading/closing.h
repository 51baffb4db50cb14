/* The end of read sessions, told to the log: expired ones, those that make room for others,
 * those that failed while they were opened, and those that a crash left open. What cannot be
 * written (the disk is full, the log refuses) is kept and tried again. */
#ifndef GATEWAY_EVIDENCE_READING_CLOSING_H
#define GATEWAY_EVIDENCE_READING_CLOSING_H

#include "gateway/evidence/evidence.h"
#include "gateway/evidence/reading/session.h"

struct closings; /* what could not be written yet */
MUST_USE enum err closings_new(struct closings **out);
void closings_free(struct closings *c);

/* Ended sessions (or all that nobody holds) are taken out of the table and closed. */
void closing_ended(struct evidence *ev, bool all);
/* Closes some idle sessions before their time, the person's own if these are many, else those
 * that were idle longest. False: there was none. */
bool closing_make_room(struct evidence *ev, const struct person *actor);
/* A session that is in the records but never opened: nothing was served. */
void closing_failed(struct evidence *ev, const struct session *s);
/* Sessions that a crash left open: the log says that their counts are not known. */
MUST_USE enum err closing_crashed(struct evidence *ev);

#endif
