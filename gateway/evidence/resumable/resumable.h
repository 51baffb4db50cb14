/* Uploads that survive their connection, their process and a kill -9: the one state machine
 * behind tus 1.0.0 and the IETF's resumable uploads. The adapters translate; nothing here knows
 * of HTTP, and the evidence itself goes through the same intake as any other (intake/upload.h).
 *
 *     create --> OPEN --- all bytes, as evidence ---> FINISHED   an artefact and its receipt
 *                 |  \--- all bytes, as a part -----> WHOLE ---- put together ---> USED
 *                 |----- refused at the end --------> FAILED     with the refusal's name
 *                 |----- nobody came back ----------> EXPIRED    (OPEN and WHOLE)
 *                 \----- given up by its owner -----> TERMINATED (OPEN and WHOLE)
 *
 * Only the person who started an upload has it; for others it is REFUSAL_NOT_FOUND, and so is a
 * FINISHED one for who may not send to its claim any more. Ended ones
 * (USED, FAILED, EXPIRED, TERMINATED) are REFUSAL_UPLOAD_GONE until they are forgotten.
 *
 * Sealing. Whole chunks of 64 KiB are sealed into a named part of the blob store as they come;
 * a chunk that may be the last, and what is less than one, is kept apart under the intake key
 * with a nonce of its own (crypto/wrap.h), beside the file key. No chunk index is ever sealed
 * twice under a key: an upload that the process which wrote it does not remember (a restart, a
 * crash) is read back as far as its chunks are whole and authentic, hashed, and sealed anew
 * under a fresh file key into a fresh part before anything is added. Bytes that carry a
 * checksum are staged under a key of their own until it is known to be right. An offset that
 * was told is durable.
 *
 * One writer at a time: whoever opens or asks for an upload takes it over, and the older
 * writer's next piece is REFUSAL_UPLOAD_LOCKED; what it had brought is kept.
 */
#ifndef GATEWAY_EVIDENCE_RESUMABLE_RESUMABLE_H
#define GATEWAY_EVIDENCE_RESUMABLE_RESUMABLE_H

#include "gateway/evidence/intake/upload.h"

struct resumable_request {
    struct upload_request
        upload;   /* length -1: told later; claim and kind empty only for a part */
    bool is_part; /* of a concatenation */
    char metadata[UPLOAD_METADATA_MAX + 1]; /* as supplied; told again by resumable_view */
};

struct resumable_view {
    struct upload_record record;
    char kind[SHORT_TEXT_MAX + 1]; /* "" for a part that names none */
    char metadata[UPLOAD_METADATA_MAX + 1];
    char concat[UPLOAD_CONCAT_MAX + 1]; /* as supplied: "partial" or "final;..."; "" for none */
};

enum resumable_checksum { CHECKSUM_NONE, CHECKSUM_SHA1, CHECKSUM_SHA256 };
struct resumable_piece { /* one request's worth of bytes */
    uint64_t offset;     /* where the sender believes to be */
    int64_t length;      /* of the whole upload, told with this request; -1: not told */
    enum resumable_checksum checksum;
    uint8_t expected[32]; /* 20 bytes of it for SHA-1 */
};

/* When the bytes of a request end. */
enum resumable_end {
    RESUMABLE_BY_LENGTH, /* tus: the upload is complete when its length is reached */
    RESUMABLE_MORE,      /* the draft's Upload-Complete: ?0 */
    RESUMABLE_LAST,      /* ?1: whatever has come is all */
};

/* Claim, kind, authority, recording choice, room and quota are asked as upload_begin asks them.
 * An Idempotency-Key that is on record gives the upload that it made. A length of 0 does not
 * complete it: open it and close it. */
MUST_USE enum err resumable_create(struct evidence *ev, const struct principal *p,
                                   const struct resumable_request *rq,
                                   struct resumable_view *out);
/* Where it stands. A writer that is at it lets go first: the offset is final and durable. *out
 * is filled also with REFUSAL_UPLOAD_GONE: how it ended. */
MUST_USE enum err resumable_find(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, struct resumable_view *out);
/* The same without disturbing anybody: what a writer has not made durable yet is not counted.
 */
MUST_USE enum err resumable_look(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, struct resumable_view *out);
/* Of a FINISHED one: its artefact and receipt (cleared by the caller). ERR_NOT_FOUND: not yet.
 */
MUST_USE enum err resumable_result(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, struct upload_result *out);

/* open -> write ... -> close, free at any time. *view is filled whenever the upload was found,
 * also with an error: REFUSAL_OFFSET_MISMATCH (view->record.offset is the right one),
 * REFUSAL_UPLOAD_FINAL, REFUSAL_INVALID_REQUEST (a length that contradicts).
 * REFUSAL_RECORDING_OPTED_OUT ends it as FAILED: nothing of such a recording is kept. A
 * FINISHED upload may be opened at its end: the lost answer to the last request is given again.
 */
struct resumable_writer;
MUST_USE enum err resumable_open(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, const struct resumable_piece *piece,
                                 struct resumable_view *view, struct resumable_writer **out);
/* More than the length is REFUSAL_INVALID_REQUEST: what fits is kept. */
MUST_USE enum err resumable_write(struct resumable_writer *w, const void *data, size_t len);
/* Also when the digest of the whole comes behind the bytes. */
void resumable_expect_digest(struct resumable_writer *w, const uint8_t sha256[32]);
/* Makes durable what has come and, where it is all, the artefact: result->artefact.id is nil
 * otherwise. A wrong checksum is REFUSAL_DIGEST_MISMATCH: the piece is dropped, the offset
 * unchanged. A refusal of the whole (type, digest, recording choice, ...) ends it as FAILED;
 * want of room and trouble of ours leave it OPEN with every byte, to be closed again. */
MUST_USE enum err resumable_close(struct resumable_writer *w, enum resumable_end end,
                                  struct resumable_view *view, struct upload_result *result);
/* Without close the connection broke: what came is kept, but for a piece with a checksum. */
void resumable_free(struct resumable_writer *w);
DEFINE_AUTO(struct resumable_writer, resumable_free);

/* The final upload of a concatenation. Every part is WHOLE, the caller's, and of the same claim
 * where it names one (else REFUSAL_INVALID_REQUEST; REFUSAL_NOT_FOUND for another's). The parts
 * are read back and sealed once more as one payload, since a chunk's key and index are its own
 * part's: about the cost of a second upload, without the network. So one person has one at a
 * time (REFUSAL_QUOTA_EXCEEDED), and a refusal of the whole, once they were read, is the end of
 * the parts: they are FAILED with its name. */
enum { RESUMABLE_PARTS_MAX = 64 };
MUST_USE enum err resumable_concatenate(struct evidence *ev, const struct principal *p,
                                        const struct resumable_request *rq, const char *concat,
                                        const struct uuid *parts, size_t n,
                                        struct resumable_view *view,
                                        struct upload_result *result);
MUST_USE enum err resumable_terminate(struct evidence *ev, const struct principal *p,
                                      const struct uuid *id);
/* Ends what is past its time, and removes parts that no record knows; from evidence_tick. */
void resumable_tick(struct evidence *ev);

#endif
