/* Intake of one artefact: the only road by which evidence comes in, whatever protocol carries
 * it.
 *
 *     upload_begin -> upload_write ... -> upload_finish        upload_free at any time
 *
 * begin asks who, which claim, which kind, what the recording choice says, and whether there is
 * room. finish checks what was sent against what was stated, makes the sealed bytes durable and
 * commits artefact, header, link and log entry in one transaction, in which authority and
 * recording choice are asked again. Until that commit nothing is visible; a failure leaves
 * nothing behind but the entry of a refusal.
 *
 * Idempotency: a key that is running is refused (REFUSAL_KEY_BUSY); one that is on record makes
 * begin succeed in repeat mode: the bytes are hashed, compared, and the first artefact is given
 * again, or REFUSAL_KEY_REUSED.
 */
#ifndef GATEWAY_EVIDENCE_INTAKE_UPLOAD_H
#define GATEWAY_EVIDENCE_INTAKE_UPLOAD_H

#include "gateway/evidence/evidence.h"

struct upload_request {
    struct uuid claim;
    char kind[SHORT_TEXT_MAX + 1];
    char filename[FILE_NAME_MAX + 1]; /* cleaned; "" for none */
    char description[DESCRIPTION_MAX + 1];
    char media_type[MEDIA_TYPE_MAX + 1]; /* as stated; "" for none */
    int64_t length;                      /* as stated; -1: unknown */
    bool has_digest;
    uint8_t digest[32]; /* SHA-256, as stated; may also be set before upload_finish (trailer) */
    bool has_assessment;
    struct uuid assessment;
    bool has_request; /* this is what was asked for (claims/asking.h) */
    struct uuid request;
    int64_t recording_started_at, recording_stopped_at; /* 0: not stated */
    char idempotency_key[IDEMPOTENCY_KEY_MAX + 1];      /* "" for none */
    /* Kind, description and the recording's members may follow the bytes: upload_describe.
     * Those that are stated already are checked at the beginning as far as they go. */
    bool described_later;
    bool report; /* a medical report: reports/report.h sets it */
};
struct upload_result {
    struct artefact_record artefact;
    bool repeated;  /* an earlier answer given again */
    bool duplicate; /* the same bytes were there: `artefact` is that one, nothing new stored */
    bool others;        /* duplicate: somebody else had sent it ... */
    int64_t linked_at;  /* ... and since when it stands on the claim */
    bool linked;        /* a medical report: to some claim */
    int64_t awaits_until; /* waits for its password until then (inspection/unlock.h); or 0 */
    struct buf receipt; /* cleared by the caller; of a duplicate: of its own entry */
};

struct upload;
MUST_USE enum err upload_begin(struct evidence *ev, const struct principal *p,
                               const struct upload_request *rq, struct upload **out);
MUST_USE enum err upload_write(struct upload *u, const void *data, size_t len);
/* A digest that came behind the bytes. Whatever was stated has to hold, also when another was.
 */
void upload_expect_digest(struct upload *u, const uint8_t sha256[32]);
/* What a form says behind its files; before upload_finish, and only once. Kind, assessment and
 * the recording's times are checked as upload_begin would have. */
MUST_USE enum err upload_describe(struct upload *u, const struct upload_request *later);
/* REFUSAL_PASSWORD_PROTECTED with out->awaits_until: it is stored all the same, with its receipt.
 * After REFUSAL_CONTAINS_VIRUS `out->receipt` is of the entry of the refusal, if it has one. */
MUST_USE enum err upload_finish(struct upload *u, struct upload_result *out);
void upload_free(struct upload *u);
DEFINE_AUTO(struct upload, upload_free);

#endif
