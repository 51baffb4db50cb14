/* /v1/uploads and /v1/uploads/{id}: one resource, two protocols.
 *
 * What they share stands here and in upload_resource.c: who calls, the way a body takes into
 * the domain, the JSON. What a protocol wants otherwise is its table row: tus.c (tus 1.0.0) and
 * rufh.c (draft-ietf-httpbis-resumable-upload). Which one is spoken, the headers say:
 *
 *     Tus-Resumable                                        tus
 *     Upload-Draft-Interop-Version, Upload-Complete,
 *     or a body of application/partial-upload              the draft
 *     none of them: GET, OPTIONS and unknown methods       no protocol
 *                   POST, PATCH, HEAD, DELETE              tus, and 412: its version is missing
 */
#ifndef GATEWAY_ROUTES_UPLOAD_RESOURCE_H
#define GATEWAY_ROUTES_UPLOAD_RESOURCE_H

#include "gateway/evidence/resumable/resumable.h"
#include "gateway/http/exchange.h"
#include "gateway/routes/api.h"

struct upload_call;

/* Where a function returns an error, the problem is replied for it; else it has replied, or
 * (create and append) left a writer, and `stored` replies when the body is in. */
struct upload_protocol {
    /* First of all: the headers of every answer, and whether the version is one of ours. False:
     * the reply has been made. */
    bool (*greet)(struct upload_call *c);
    enum err (*create)(struct upload_call *c); /* POST on the collection */
    enum err (*append)(struct upload_call *c); /* PATCH */
    enum err (*show)(struct upload_call *c);   /* HEAD */
    void (*facts)(struct upload_call *c);      /* headers that HEAD and GET carry */
    enum err (*remove)(struct upload_call *c); /* DELETE */
    void (*stored)(struct upload_call *c);     /* c->view and c->result say what is */
    void (*problem)(struct upload_call *c, enum err e);
};
extern const struct upload_protocol UPLOAD_TUS, UPLOAD_DRAFT;

struct draft; /* rufh.c: a version of the draft */

/* One exchange. */
struct upload_call {
    struct http_exchange *x;
    const struct upload_protocol *protocol; /* NULL: none is spoken */
    const struct draft *draft;
    struct principal caller;
    struct uuid id; /* of the path */

    struct resumable_writer *writer;
    enum resumable_end end;
    bool created;   /* by this request */
    bool writing;   /* the body has begun */
    bool closed;    /* and ended: the domain has been asked to take what came */
    bool checksum;  /* the request's bytes carry one */
    int64_t stated; /* the offset that the request named */

    struct resumable_view view; /* record.id is nil until the upload is found */
    struct upload_result result;
};

static inline bool upload_is_found(const struct upload_call *c)
{
    return !uuid_is_nil(&c->view.record.id);
}
/* Bytes may still be added, or the parts put together. */
bool upload_is_alive(const struct upload_call *c);
/* The domain's calls, their outcome in c. */
MUST_USE enum err upload_find(struct upload_call *c);
MUST_USE enum err upload_make(struct upload_call *c, const struct resumable_request *rq);
MUST_USE enum err upload_open(struct upload_call *c, const struct resumable_piece *piece);
/* Artefact and receipt, if it is finished. */
MUST_USE enum err upload_fetch(struct upload_call *c);
/* Ends the writing, if any, and keeps what came. */
void upload_let_go(struct upload_call *c);

/* What the head says of the upload, whatever the protocol: query arguments, Upload-Metadata,
 * Repr-Digest, Idempotency-Key; claim, kind, filename, filetype, description, assessment,
 * request, recording_started_at and recording_stopped_at, each once. With `representation` also
 * Content-Type and Content-Disposition, where nothing else says it. (upload_words.c) */
MUST_USE enum err upload_words_read(const struct http_exchange *x, bool representation,
                                    struct resumable_request *out);
/* sha-256 of a digest field; NULL is none. Two of them have to agree. */
MUST_USE enum err upload_digest_read(const char *value, bool *present, uint8_t sha256[32]);

/* The largest size that is taken of the upload's kind; of any kind when that is not known. */
uint64_t upload_size_max(const struct upload_call *c);
/* Location: where the upload is. */
void upload_reply_location(struct upload_call *c);
/* Link to the artefact, and Repr-Digest, once there is one. */
void upload_reply_artefact(struct upload_call *c);
/* A new reference: {"upload":...}, with "artefact" and "receipt" once they are. */
json_t *upload_json(const struct upload_call *c);
void upload_reply_number(struct upload_call *c, const char *name, uint64_t value);

/* The rows (routes.c); each has one of these as its meta. */
struct upload_verb;
extern const struct upload_verb UPLOAD_CREATE, UPLOAD_APPEND, UPLOAD_SHOW, UPLOAD_READ,
    UPLOAD_REMOVE, UPLOAD_OPTIONS, UPLOAD_OTHER;
void upload_call_begin(struct http_exchange *x);
void upload_call_piece(struct http_exchange *x, const void *data, size_t len);
void upload_call_finish(struct http_exchange *x);
void upload_call_done(struct http_exchange *x);

#endif
