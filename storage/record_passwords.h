/* Artefacts that are sealed and wait for the password that opens them. What a password is stands
 * nowhere; here stands how long one is waited for, and how many were wrong. */
#ifndef STORAGE_RECORD_PASSWORDS_H
#define STORAGE_RECORD_PASSWORDS_H

#include "storage/records.h"

struct password_wait {
    struct uuid artefact;
    unsigned tries;
    int64_t expires_at;
    bool ended; /* the waiting is over and its key destroyed: its bytes are to be removed */
};
MUST_USE enum err password_wait_insert(struct db *db, const struct password_wait *w);
MUST_USE enum err password_wait_find(struct db *db, const struct uuid *artefact,
                                     struct password_wait *out);
MUST_USE enum err password_wait_change(struct db *db, const struct password_wait *w); /* all but whose it is */
MUST_USE enum err password_wait_remove(struct db *db, const struct uuid *artefact); /* ERR_NOT_FOUND if absent */
/* Those whose time has come, the longest ago first. */
MUST_USE enum err password_wait_list_over(struct db *db, int64_t now, struct password_wait *out,
                                          size_t max, size_t *n);

#endif
