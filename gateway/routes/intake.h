/* POST /v1/claims/{claim}/artefacts: the ways in which a body can bring evidence, and what they
 * share. Which way it is, the Content-Type says. */
#ifndef GATEWAY_ROUTES_INTAKE_H
#define GATEWAY_ROUTES_INTAKE_H

#include "gateway/evidence/intake/upload.h"
#include "gateway/http/exchange.h"

struct intake {
    void (*begin)(struct http_exchange *x);
    void (*piece)(struct http_exchange *x, const void *data, size_t len);
    void (*finish)(struct http_exchange *x);
    void (*done)(struct http_exchange *x);
};
extern const struct intake INTAKE_RAW;  /* put.c: the body is the file */
extern const struct intake INTAKE_FORM; /* form.c: multipart/form-data */

/* kind, description, assessment, recording_started_at, recording_stopped_at, request: the same
 * in a query and in a form. */
enum { INTAKE_MEMBERS = 6 };
/* Its number, or -1. */
int intake_member_find(const char *name);
MUST_USE enum err intake_member_set(struct upload_request *rq, int member, const char *value);
/* The claim, and the members that the query states: their bits in *stated. */
MUST_USE enum err intake_query(const struct http_exchange *x, struct upload_request *rq,
                               unsigned *stated);
/* A browser adds a client certificate by itself, whatever page makes it send: such a caller's
 * evidence is refused where the browser says that it comes from another site's page. A token is
 * never added by itself. */
MUST_USE enum err intake_site_check(const struct http_exchange *x, const struct principal *p);
/* REFUSAL_TYPE_NOT_ALLOWED for a Content-Encoding. */
MUST_USE enum err intake_coding_check(const struct http_exchange *x);

/* What a digest field states, into rq: REFUSAL_DIGEST_MISMATCH where another stated otherwise.
 * NULL is fine. */
MUST_USE enum err intake_digest(const char *value, struct upload_request *rq);

/* The body of the answer to one accepted file: a new reference. */
/* {"receipt"}: of a refusal that is an entry of its own; of one that waits for its password also
 * {"artefact", "password"}; NULL for others. */
json_t *intake_refused(const struct upload_result *result);
json_t *intake_created(const struct upload_result *result);
/* 201, Location and Repr-Digest; steals body. */
void intake_reply_created(struct http_exchange *x, const struct uuid *id,
                          const uint8_t sha256[32], json_t *body);

#endif
