/* The four requests of tus 1.0.0 that an upload is made of, each with what its good answer
 * means. When to make which of them, and what to do about any other answer, is transfer.c. */
#ifndef GATEWAY_SEND_UPLOAD_H
#define GATEWAY_SEND_UPLOAD_H

#include "gateway/send/source.h"
#include "gateway/send/state.h"
#include "gateway/send/transfer.h"

enum { STATE_PATH_MAX = REPORT_PATH_MAX };

struct upload {
    const struct shared *shared;
    struct report *report;
    struct source source;
    struct state state;
    char state_path[STATE_PATH_MAX];
    struct buf metadata;   /* the header's line */
    uint64_t offset;       /* what the service has told to hold */
    uint64_t acknowledged; /* the most that it ever told: what counts as progress */
    uint64_t handed;       /* how far the last piece went to the network */
    struct answer answer;
};

/* The request. Of the errors ERR_CONFLICT is the file's: it changed. */
MUST_USE enum err upload_call(struct upload *u, enum step step);
/* What a good answer to it says. ERR_UNAVAILABLE: not what tus lays down; ERR_CONFLICT: the
 * upload is not the one of this file, or the file is not the one that was begun. Notes what is
 * known now in the state file. */
MUST_USE enum err upload_created(struct upload *u);
MUST_USE enum err upload_asked(struct upload *u);
MUST_USE enum err upload_sent(struct upload *u);
/* Of an upload that has ended: true if that was a refusal, whose answer was lost. */
bool upload_ended(struct upload *u, struct problem *why);
/* Gives the upload up at the service, if it can be told: a kindness, no more. */
void upload_forget(struct upload *u);

#endif
