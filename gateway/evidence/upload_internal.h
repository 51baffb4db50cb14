/* What the rooms of the intake share: upload.c (the road), upload_checks.c (the rules),
 * upload_commit.c (the record). Not for others.
 *
 * A check returns ERR_OK, a refusal, or trouble of ours; none of them changes more than the
 * members named beside it. */
#ifndef GATEWAY_EVIDENCE_UPLOAD_INTERNAL_H
#define GATEWAY_EVIDENCE_UPLOAD_INTERNAL_H

#include "gateway/evidence/choice.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/running.h"
#include "gateway/evidence/seal.h"
#include "gateway/evidence/share.h"
#include "gateway/evidence/upload.h"

struct upload {
    struct evidence *ev;
    struct principal principal;
    struct upload_request rq;
    const struct kind *kind; /* NULL until it is described, where that comes later */
    uint64_t max_bytes; /* the kind's; until then the largest of those the caller may send */
    struct artefact_record artefact;
    enum role role;
    bool reached; /* the caller may send to this claim: it may be named */
    bool counted, shared, key_held, repeat, sniffed, finished;
    struct running_ticket running;
    struct share_ticket share;
    uint64_t room_at;                /* bytes at which free space is looked at again */
    struct idempotency_record known; /* repeat mode */
    struct uuid known_artefact;
    uint8_t *file_key; /* slab slot: file key[16] */
    struct sealer *sealer;
    struct blob_writer *blob;
    struct sealed sealed;
    struct buf header;
    char key_id[KEY_ID_SIZE];
};

/* --- upload_checks.c ---------------------------------------------------------------------- */

MUST_USE enum err upload_check_size(const struct upload *u, uint64_t size);
/* Claim and authority, asked at the start and inside the commit; fills role. */
MUST_USE enum err upload_check_authority(struct upload *u, struct db *db);
/* Kind, length and stated type; fills kind and max_bytes. */
MUST_USE enum err upload_check_kind(struct upload *u);
/* In its place where the kind comes behind the bytes: what the caller may send at the most. */
MUST_USE enum err upload_check_any_kind(struct upload *u);
MUST_USE enum err upload_check_recording_times(const struct upload *u);
/* Asked at the start and inside the commit: one assessment of this very claim, and what its
 * choice says. */
MUST_USE enum err upload_check_recording(const struct upload *u, struct db *db,
                                         enum recording_verdict *out);
MUST_USE enum err upload_check_room(struct evidence *ev, int64_t length);
/* The type that the first bytes show, against the kind (once it is known) and what was stated;
 * fills sniffed and artefact.media_type. */
MUST_USE enum err upload_check_bytes_type(struct upload *u);
/* The same against a kind that came later. */
MUST_USE enum err upload_check_known_type(const struct upload *u);

/* --- upload_commit.c ---------------------------------------------------------------------- */

/* Takes the Idempotency-Key for the time of the upload; fills running, key_held. */
MUST_USE enum err upload_key_take(struct upload *u);
/* Whether the key is on record: fills repeat, known, known_artefact. */
MUST_USE enum err upload_key_check(struct upload *u, struct db *db);
/* The first answer again, or REFUSAL_KEY_REUSED. */
MUST_USE enum err upload_answer_again(struct upload *u, struct upload_result *out);
/* Header, flush, and the one transaction. */
MUST_USE enum err upload_store(struct upload *u, struct upload_result *out);

#endif
