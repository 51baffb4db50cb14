/* What the files of the intake share: upload.c (the road), upload_checks.c (the rules),
 * upload_commit.c (the record), upload_rest.c (an intake over several requests). Not for others
 * but those of resumable/.
 *
 * A check returns ERR_OK, a refusal, or trouble of ours; none of them changes more than the
 * members named beside it. */
#ifndef GATEWAY_EVIDENCE_INTAKE_UPLOAD_INTERNAL_H
#define GATEWAY_EVIDENCE_INTAKE_UPLOAD_INTERNAL_H

#include "gateway/evidence/claims/asking.h"
#include "gateway/evidence/inspection/inspecting.h"
#include "gateway/evidence/intake/duplicate.h"
#include "gateway/evidence/intake/seal.h"
#include "gateway/evidence/intake/upload.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/recording/choice.h"
#include "gateway/evidence/rules/running.h"
#include "gateway/evidence/rules/share.h"

struct report_said;

struct upload {
    struct evidence *ev;
    struct principal principal;
    struct upload_request rq;
    const struct kind *kind; /* NULL until it is described, where that comes later */
    uint64_t quota_left;     /* bytes that person and claim have room for */
    uint64_t begun_size;     /* of itself, that is on record as begun (rules/quota.h) */
    uint64_t max_bytes; /* the kind's; until then the largest of those the caller may send */
    struct artefact_record artefact;
    enum role role;
    bool reached; /* the caller may send to this claim: it may be named */
    bool counted, shared, key_held, repeat, sniffed, finished;
    bool begun, told;  /* bytes are taken; what became of them is in the log */
    bool contradicted; /* more than one digest was stated, and not the same */
    struct running_ticket running;
    struct share_ticket share;
    uint64_t room_at;                /* bytes at which free space is looked at again */
    struct idempotency_record known; /* repeat mode */
    struct uuid known_artefact;
    bool known_duplicate; /* it was one, and this is its entry */
    uint64_t known_entry;
    uint8_t *file_key; /* slab slot: file key[16] | payload nonce[16] */
    struct sealer *sealer;
    struct blob_writer *blob;
    struct sealed sealed;
    struct inspecting *inspecting; /* NULL: it is not inspected */
    struct report_said *report;    /* NULL: no medical report */
    bool refusal_logged;           /* as an entry of its own, that has a receipt */
    uint64_t refusal_entry;
    bool is_duplicate; /* found in the commit: nothing is stored, `artefact` is that one */
    struct duplicate duplicate;
    struct buf header;
    char key_id[KEY_ID_SIZE];

    /* Over several requests: */
    struct uuid session; /* named by the entry; nil: none */
    bool is_part;        /* of a concatenation: bytes, not evidence yet */
    uint64_t flushed;    /* bytes of the blob that are durable */
    enum err (*also)(struct commit_tx *tx, struct upload *u,
                     void *ctx); /* at the commit's end */
    void *also_ctx;
};

/* --- upload.c ----------------------------------------------------------------------------- */

/* Counts the refusal, tells the log, and passes `e` on. */
MUST_USE enum err upload_refused(struct upload *u, enum err e);
struct upload_standing { /* of one that goes on over several requests */
    struct uuid session; /* nil: there is none yet */
    bool is_part;
    uint64_t have;  /* bytes that are here already, and will not come again */
    uint64_t begun; /* rules/quota.h */
};
/* What rules/quota.h takes an unfinished one for. */
uint64_t upload_begun(const struct upload_record *r);
/* The checks of upload_begin, but for the Idempotency-Key; no bytes can come yet. */
MUST_USE enum err upload_prepare(struct evidence *ev, const struct principal *p,
                                 const struct upload_request *rq,
                                 const struct upload_standing *standing, struct upload **out);
/* Then: it is one of those that run, and has a sealer for upload_resume. */
MUST_USE enum err upload_admit(struct upload *u);
/* Instead: and a payload of its own is begun, as by upload_begin. */
MUST_USE enum err upload_admit_whole(struct upload *u);

/* --- upload_checks.c ---------------------------------------------------------------------- */

MUST_USE enum err upload_check_size(const struct upload *u, uint64_t size);
/* Claim and authority, asked at the start and inside the commit; fills role. */
MUST_USE enum err upload_check_authority(struct upload *u, struct db *db);
/* Kind, length and stated type; fills kind and max_bytes. */
MUST_USE enum err upload_check_kind(struct upload *u);
/* In its place where the kind comes behind the bytes: what the caller may send at the most. */
MUST_USE enum err upload_check_any_kind(struct upload *u);
MUST_USE enum err upload_check_recording_times(const struct upload *u);
/* Asked at the start and inside the commit, once the kind is known: the sender's scope, one
 * assessment of this very claim, and what its choice says. */
MUST_USE enum err upload_check_recording(const struct upload *u, struct db *db,
                                         enum recording_verdict *out);
MUST_USE enum err upload_check_room(struct evidence *ev, int64_t length);
/* Room by quota; fills quota_left. */
MUST_USE enum err upload_check_quota(struct upload *u, struct db *db, uint64_t size);
/* The type that the first bytes show, against the kind (once it is known) and what was stated;
 * fills sniffed and artefact.media_type. */
MUST_USE enum err upload_check_bytes_type(struct upload *u);
/* The same against a kind that came later. */
MUST_USE enum err upload_check_known_type(const struct upload *u);

/* --- reports/report.c ------------------------------------------------------------------- */

/* In the place of upload_check_authority while no claim is named; fills role. */
MUST_USE enum err report_check_authority(struct upload *u);
/* What the entry of its upload says besides. */
MUST_USE enum err report_entry(struct upload *u, struct db *db, json_t *entry);
MUST_USE enum err report_is_linked(struct db *db, const struct uuid *artefact, bool *out);

/* --- upload_commit.c ---------------------------------------------------------------------- */

/* Takes the Idempotency-Key for the time of the upload; fills running, key_held. */
MUST_USE enum err upload_key_take(struct upload *u);
/* Whether the key is on record: fills repeat, known, known_artefact. */
MUST_USE enum err upload_key_check(struct upload *u, struct db *db);
/* The first answer again, or REFUSAL_KEY_REUSED. */
MUST_USE enum err upload_answer_again(struct upload *u, struct upload_result *out);
/* Header, flush, and the one transaction. ERR_UNAVAILABLE: perhaps it stands. */
MUST_USE enum err upload_store(struct upload *u, struct upload_result *out);

/* What was stored and waits for its password is refused to its sender: with awaits_until. */
MUST_USE enum err upload_result_refused(struct evidence *ev, struct upload_result *out);

/* --- upload_rest.c ------------------------------------------------------------------------ */

/* What is kept apart of an upload at rest, sealed under the intake key (crypto/wrap.h):
 *
 *     file key[16] | payload nonce[16] | bytes behind the last whole chunk[0..65536]
 *     context: "evidence-gateway/upload-rest/1" | upload id[16] | part id[16] | chunks, u64
 */
enum {
    REST_KEY = 0,
    REST_NONCE = REST_KEY + AGE_FILE_KEY_SIZE,
    REST_TAIL = REST_NONCE + AGE_NONCE_SIZE,
    REST_MAX = REST_TAIL + AGE_CHUNK_SIZE
};
/* `plain` as above, a secret buffer. r: id, part, chunks. */
MUST_USE enum err rest_seal(struct evidence *ev, const struct upload_record *r,
                            const struct buf *plain, struct buf *sealed);
/* ERR_CORRUPT: not this upload's, or of an intake key that is gone. */
MUST_USE enum err rest_open(struct evidence *ev, const struct upload_record *r,
                            const struct buf *sealed, struct buf *plain);
/* A fresh key and no bytes: how an upload or a fresh part begins. */
MUST_USE enum err rest_new(struct buf *plain);
/* The payload key of an opened rest; the caller wipes it. */
MUST_USE enum err rest_payload_key(const struct buf *plain, uint8_t out[AGE_PAYLOAD_KEY_SIZE]);

/* What the process remembers of an upload at rest; no secret, no byte. */
struct upload_memory {
    struct seal_state seal;
    bool sniffed;
    char media_type[MEDIA_TYPE_MAX + 1];
};
void upload_memory_clear(struct upload_memory *m);
DEFINE_AUTO_CLEAR(struct upload_memory, upload_memory_clear);

/* Goes on behind what is at rest; uses `m` up. An upload that was admitted. */
MUST_USE enum err upload_resume(struct upload *u, const struct upload_record *r,
                                const struct buf *sealed, struct upload_memory *m);
/* Seals the whole chunks and makes them durable; fills r->offset, r->chunks, and what is to be
 * kept apart. The upload takes no more; free it. */
MUST_USE enum err upload_rest(struct upload *u, struct upload_record *r, struct buf *sealed,
                              struct upload_memory *m);

#endif
