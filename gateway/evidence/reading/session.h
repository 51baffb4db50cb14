/* The table of read sessions that are open in this process. One (actor, role, artefact,
 * purpose) has one session; whoever comes second while it is being opened waits for the
 * outcome. The payload key lives in a locked slab slot and is wiped when the session ends. A
 * person has at most one part in SESSION_PARTS of the table. */
#ifndef GATEWAY_EVIDENCE_READING_SESSION_H
#define GATEWAY_EVIDENCE_READING_SESSION_H

#include "crypto/secret.h"
#include "gateway/auth/permission.h"
#include "storage/records.h"

enum { SESSION_PARTS = 4 };

struct session_table;

struct session { /* fields are constant while somebody holds it, but the counter */
    struct read_session_record record;
    struct artefact_record artefact; /* as it was when opened: for the closing entry */
    struct uuid bundle;              /* nil: none */
    enum role role;
    int64_t expires_ms; /* by the steady clock: a wall clock set back prolongs nothing */
    uint8_t *key;       /* 32 bytes in the slab; NULL until opened */
    _Atomic uint64_t served;
    _Atomic bool size_authenticated; /* the final chunk was opened under `key` */
};

MUST_USE enum err session_table_new(size_t max, struct key_slab *keys,
                                    struct session_table **out);
void session_table_free(struct session_table *t); /* each was let go; what is open is wiped */

/* Finds a live session or makes room for one. *fresh: the caller must open it and report by
 * session_opened; others wait meanwhile. ERR_BUSY: the table is full, or the person's part of
 * it. The session is held until session_let_go. */
MUST_USE enum err session_hold(struct session_table *t, const struct person *actor,
                               enum role role, const struct uuid *artefact,
                               enum purpose purpose, int64_t now_ms, struct session **out,
                               bool *fresh);
/* The same for a part of a bundle: always a fresh one, which nobody joins, and which has ended
 * when it is let go. */
MUST_USE enum err session_hold_bundled(struct session_table *t, const struct person *actor,
                                       enum role role, const struct uuid *artefact,
                                       enum purpose purpose, const struct uuid *bundle,
                                       struct session **out);
/* outcome ERR_OK: it is open. Otherwise the session is gone (also let go for the caller) and
 * waiters get the outcome's error. */
void session_opened(struct session_table *t, struct session *s, enum err outcome);
void session_let_go(struct session_table *t, struct session *s);
/* Takes ended sessions out of the table (expired, or all), at most max; nobody holds those.
 * Their keys are wiped. */
size_t session_collect(struct session_table *t, int64_t now_ms, bool all, struct session *out,
                       size_t max);
/* Takes out idle ones before their time: the person's own if their part is full, else those
 * that were let go first, an eighth of the table at the most. */
size_t session_evict(struct session_table *t, const struct person *actor, struct session *out,
                     size_t max);
void session_copy(struct session *to, const struct session *from); /* without its key */
size_t session_count(struct session_table *t);

#endif
