/* What the rooms of gateway/evidence/ share. Not for others. */
#ifndef GATEWAY_EVIDENCE_INTERNAL_H
#define GATEWAY_EVIDENCE_INTERNAL_H

#include "crypto/secret.h"
#include "gateway/evidence/evidence.h"

#include <pthread.h>
#include <stdatomic.h>

struct sealer_pool;
struct opener_pool;
struct session_table;
struct scribe;
struct running_keys;
struct share;
struct flood;
struct closings;
struct resumable_table;
struct rescan;

struct evidence {
    struct evidence_config config;
    struct evidence_parts parts;
    char party_issuer[ISSUER_MAX + 1];
    char keyring_file[1024];

    pthread_rwlock_t keyring_lock; /* held for copies only */
    struct keyring keyring;

    struct key_slab *keys;     /* payload keys of uploads and read sessions */
    struct secret *intake_key; /* of what uploads at rest keep apart */
    struct sealer_pool *sealers;
    struct opener_pool *openers;
    struct session_table *sessions;
    struct scribe *scribe;
    struct running_keys *running;
    struct share *upload_shares, *bundle_shares;
    struct flood *flood;
    struct closings *closings;
    struct resumable_table *resumables;
    int64_t parts_swept_ms; /* the tick's */
    struct uuid claims_after; /* the tick's: up to here claims can be found by their subject */
    bool claims_caught_up;
    int64_t watched_now, watched_steady; /* micros by both clocks, when destruction first looked */
    bool watch_told;
    struct rescan *rescan;  /* inspects what is due; NULL without inspection */

    _Atomic uint64_t access_changes; /* who may read what has changed: reading/retrieve.h */
    _Atomic uint64_t uploads_now, uploads_accepted, uploads_refused, bytes_in, bytes_out;
};

/* "<issuer>#<subject>": how an actor is named in the log's details. */
enum { ACTOR_MAX = PRINCIPAL_TEXT_MAX * 2 + 2 };
void actor_text(const struct principal *p, char out[ACTOR_MAX]);
struct person person_of(const struct principal *p);
bool person_is(const struct person *a, const struct principal *p);

/* Runs a job through the committer and maps what came out: a refusal stays a refusal, storage
 * trouble becomes one. */
MUST_USE enum err evidence_commit(struct evidence *ev,
                                  enum err (*apply)(struct commit_tx *, void *), void *ctx,
                                  struct blob_writer *blob);
/* The same without an entry: no checkpoint is waited for. */
MUST_USE enum err evidence_keep(struct evidence *ev,
                                enum err (*apply)(struct commit_tx *, void *), void *ctx);

/* The receipt of an entry that is committed. ERR_UNAVAILABLE while no checkpoint covers it: the
 * signer was away, and the next batch will see to it. */
MUST_USE enum err evidence_receipt(struct evidence *ev, uint64_t index, struct buf *out);
/* What a receipt could not be had for, said so. */
MUST_USE enum err evidence_unsigned(enum err e);

#endif
