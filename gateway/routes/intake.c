/* Which way the evidence comes, and what the ways have in common: the members that describe it,
 * and the answer. */
#include "gateway/routes/intake.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/http/fields.h"
#include "gateway/http/multipart.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <string.h>

/* --- the way ------------------------------------------------------------------------------ */

/* The head does not change: asked anew for each piece, so that a way has its state for itself.
 */
static const struct intake *intake_of(const struct http_exchange *x)
{
    return multipart_is_form(http_header(x, "Content-Type")) ? &INTAKE_FORM : &INTAKE_RAW;
}

void intake_begin(struct http_exchange *x)
{
    intake_of(x)->begin(x);
}

void intake_piece(struct http_exchange *x, const void *data, size_t len)
{
    intake_of(x)->piece(x, data, len);
}

void intake_finish(struct http_exchange *x)
{
    intake_of(x)->finish(x);
}

void intake_done(struct http_exchange *x)
{
    intake_of(x)->done(x);
}

/* --- the members -------------------------------------------------------------------------- */

/* Only what people write in their own words has lines. */
static enum err text_take(const char *name, const char *value, bool lines, char *out,
                          size_t cap)
{
    size_t len = strlen(value);
    if (len >= cap)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s is too long", name);
    if (!utf8_valid(value, len))
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s is not UTF-8", name);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        bool line = lines && (*c == '\n' || *c == '\t');
        if ((*c < 0x20 && !line) || *c == 0x7f)
            return refuse_because(REFUSAL_INVALID_REQUEST, "%s holds a control character",
                                  name);
    }
    memcpy(out, value, len + 1);
    return ERR_OK;
}

static enum err kind_set(struct upload_request *rq, const char *value)
{
    return text_take("kind", value, false, rq->kind, sizeof(rq->kind));
}

static enum err description_set(struct upload_request *rq, const char *value)
{
    return text_take("description", value, true, rq->description, sizeof(rq->description));
}

static enum err assessment_set(struct upload_request *rq, const char *value)
{
    if (uuid_parse(value, &rq->assessment) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "this claim has no such assessment");
    rq->has_assessment = true;
    return ERR_OK;
}

static enum err request_set(struct upload_request *rq, const char *value)
{
    if (uuid_parse(value, &rq->request) != ERR_OK)
        return refuse_because(REFUSAL_INVALID_REQUEST, "this claim has no such request");
    rq->has_request = true;
    return ERR_OK;
}

static enum err started_set(struct upload_request *rq, const char *value)
{
    return time_parse(value, &rq->recording_started_at);
}

static enum err stopped_set(struct upload_request *rq, const char *value)
{
    return time_parse(value, &rq->recording_stopped_at);
}

static const struct member {
    const char *name;
    enum err (*set)(struct upload_request *rq, const char *value);
} MEMBERS[] = {
    {"kind", kind_set},
    {"description", description_set},
    {"assessment", assessment_set},
    {"recording_started_at", started_set},
    {"recording_stopped_at", stopped_set},
    {"request", request_set},
};
_Static_assert(ARRAY_LEN(MEMBERS) == INTAKE_MEMBERS, "each has its bit");

int intake_member_find(const char *name)
{
    for (int i = 0; i < INTAKE_MEMBERS; i++) {
        if (strcmp(MEMBERS[i].name, name) == 0)
            return i;
    }
    return -1;
}

enum err intake_member_set(struct upload_request *rq, int member, const char *value)
{
    assert(member >= 0 && member < INTAKE_MEMBERS);
    return MEMBERS[member].set(rq, value);
}

enum err intake_query(const struct http_exchange *x, struct upload_request *rq,
                      unsigned *stated)
{
    const char *known[INTAKE_MEMBERS + 1] = {NULL};
    *stated = 0;
    for (int i = 0; i < INTAKE_MEMBERS; i++)
        known[i] = MEMBERS[i].name;
    if (uuid_parse(http_param(x, "claim"), &rq->claim) != ERR_OK)
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    TRY(api_query_known(x, known));
    for (int i = 0; i < INTAKE_MEMBERS; i++) {
        const char *value = http_query(x, MEMBERS[i].name);
        if (!value)
            continue;
        TRY(MEMBERS[i].set(rq, value));
        *stated |= 1u << i;
    }
    return ERR_OK;
}

/* "https://" and the Host of this very request. */
static bool origin_is_ours(const char *origin, const char *host)
{
    static const char scheme[] = "https://";
    size_t len = sizeof(scheme) - 1;
    return host && strncasecmp(origin, scheme, len) == 0 && strcasecmp(origin + len, host) == 0;
}

enum err intake_site_check(const struct http_exchange *x, const struct principal *p)
{
    const char *site = http_header(x, "Sec-Fetch-Site"), *origin = http_header(x, "Origin");
    bool foreign = site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    if (origin && !origin_is_ours(origin, http_header(x, "Host")))
        foreign = true;
    return p->by_certificate && foreign
               ? refuse_because(REFUSAL_NOT_PERMITTED,
                                "a page of another site cannot send by your certificate")
               : ERR_OK;
}

enum err intake_coding_check(const struct http_exchange *x)
{
    const char *coding = http_header(x, "Content-Encoding");
    if (coding && strcasecmp(coding, "identity") != 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "send the file as it is, without Content-Encoding");
    return ERR_OK;
}

/* Repr-Digest is of the representation, Content-Digest of this message's content: here they are
 * the same bytes. */
enum err intake_digest(const char *value, struct upload_request *rq)
{
    bool present = false;
    uint8_t sha256[32];
    if (!value)
        return ERR_OK;
    TRY(field_digest_parse(value, &present, sha256));
    if (!present)
        return ERR_OK;
    if (rq->has_digest && memcmp(rq->digest, sha256, sizeof(sha256)) != 0)
        return refuse(REFUSAL_DIGEST_MISMATCH);
    rq->has_digest = true;
    memcpy(rq->digest, sha256, sizeof(sha256));
    return ERR_OK;
}

/* --- the answer --------------------------------------------------------------------------- */

json_t *intake_refused(const struct upload_result *result)
{
    if (result->receipt.len == 0)
        return NULL;
    json_t *more = json_object();
    json_put_text(more, "receipt", buf_text(&result->receipt));
    if (result->awaits_until != 0) {
        json_put(more, "artefact", view_upload(result));
        json_put(more, "password", view_awaited(&result->artefact.id, result->awaits_until));
    }
    return more;
}

json_t *intake_created(const struct upload_result *result)
{
    json_t *body = json_object();
    json_put(body, "artefact", view_upload(result));
    json_put_text(body, "receipt", buf_text(&result->receipt));
    return body;
}

void intake_reply_created(struct http_exchange *x, const struct uuid *id,
                          const uint8_t sha256[32], json_t *body)
{
    char text[UUID_TEXT_SIZE], location[64], digest[80];
    uuid_format(id, text);
    (void)snprintf(location, sizeof(location), "/v1/artefacts/%s", text);
    field_digest_write(sha256, digest);
    http_reply_header(x, "Location", location);
    http_reply_header(x, "Repr-Digest", digest);
    http_reply_json(x, 201, body);
}
