/* The resource that tus and the draft share.
 *
 * Every row streams, so that `begin` comes first and a protocol's headers stand on every
 * answer, whatever it turns out to be. A writer that the head left behind takes the body; the
 * answer to an error lets go of it at once, because it is the upload's lock. */
#include "gateway/routes/upload_resource.h"

#include "gateway/base/clock.h"
#include "gateway/http/fields.h"
#include "gateway/http/fields_tus.h"
#include "gateway/routes/intake.h"
#include "gateway/routes/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the domain's calls ------------------------------------------------------------------- */

static struct evidence *evidence_of(const struct upload_call *c)
{
    return api_of(c->x)->evidence;
}

bool upload_is_alive(const struct upload_call *c)
{
    return upload_is_found(c) &&
           (c->view.record.state == UPLOAD_OPEN || c->view.record.state == UPLOAD_WHOLE);
}

enum err upload_find(struct upload_call *c)
{
    return resumable_find(evidence_of(c), &c->caller, &c->id, &c->view);
}

enum err upload_make(struct upload_call *c, const struct resumable_request *rq)
{
    TRY(resumable_create(evidence_of(c), &c->caller, rq, &c->view));
    c->id = c->view.record.id;
    c->created = true;
    return ERR_OK;
}

enum err upload_open(struct upload_call *c, const struct resumable_piece *piece)
{
    c->stated = (int64_t)piece->offset;
    c->checksum = piece->checksum != CHECKSUM_NONE;
    return resumable_open(evidence_of(c), &c->caller, &c->id, piece, &c->view, &c->writer);
}

enum err upload_fetch(struct upload_call *c)
{
    return c->view.record.state == UPLOAD_FINISHED
               ? resumable_result(evidence_of(c), &c->caller, &c->id, &c->result)
               : ERR_OK;
}

void upload_let_go(struct upload_call *c)
{
    resumable_free(TAKE(c->writer));
}

/* --- what is told ------------------------------------------------------------------------- */

uint64_t upload_size_max(const struct upload_call *c)
{
    const struct kinds *kinds = api_of(c->x)->kinds;
    const struct kind *kind = kinds_find(kinds, c->view.kind);
    uint64_t max = 0;
    if (kind)
        return kind->max_bytes;
    for (size_t i = 0; i < kinds->n; i++) {
        if (kinds->rows[i].max_bytes > max)
            max = kinds->rows[i].max_bytes;
    }
    return max;
}

void upload_reply_number(struct upload_call *c, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    http_reply_header(c->x, name, text);
}

void upload_reply_location(struct upload_call *c)
{
    char id[UUID_TEXT_SIZE], location[64];
    uuid_format(&c->view.record.id, id);
    (void)snprintf(location, sizeof(location), "/v1/uploads/%s", id);
    http_reply_header(c->x, "Location", location);
}

void upload_reply_artefact(struct upload_call *c)
{
    char id[UUID_TEXT_SIZE], text[96];
    if (uuid_is_nil(&c->view.record.artefact))
        return;
    uuid_format(&c->view.record.artefact, id);
    (void)snprintf(text, sizeof(text), "</v1/artefacts/%s>; rel=\"item\"", id);
    http_reply_header(c->x, "Link", text);
    if (uuid_is_nil(&c->result.artefact.id) ||
        !field_digest_wanted(http_header(c->x, "Want-Repr-Digest")))
        return;
    field_digest_write(c->result.artefact.sha256, text);
    http_reply_header(c->x, "Repr-Digest", text);
}

static json_t *record_json(const struct upload_call *c)
{
    const struct upload_record *r = &c->view.record;
    json_t *o = json_object();
    view_put_id(o, "id", &r->id);
    view_put_id(o, "claim", &r->claim);
    json_put_text(o, "kind", c->view.kind[0] ? c->view.kind : NULL);
    json_put_text(o, "state", upload_state_name(r->state));
    json_put_int(o, "offset", (int64_t)r->offset);
    json_put(o, "length", r->length < 0 ? json_null() : json_integer(r->length));
    if (upload_is_alive(c))
        json_put_time(o, "expires_at", r->expires_at);
    json_put_text_if(o, "reason", r->reason);
    return o;
}

json_t *upload_json(const struct upload_call *c)
{
    json_t *o =
        uuid_is_nil(&c->result.artefact.id) ? json_object() : intake_created(&c->result);
    json_put(o, "upload", record_json(c));
    return o;
}

/* --- the verbs ---------------------------------------------------------------------------- */

struct upload_verb {
    bool stranger; /* needs no caller */
    bool content;  /* a body may come */
    bool item;     /* /v1/uploads/{id} */
    enum err (*run)(struct upload_call *c);
};

static enum err create_run(struct upload_call *c)
{
    return c->protocol->create(c);
}

static enum err append_run(struct upload_call *c)
{
    return c->protocol->append(c);
}

static enum err show_run(struct upload_call *c)
{
    return c->protocol->show(c);
}

static enum err remove_run(struct upload_call *c)
{
    return c->protocol->remove(c);
}

/* For people and programs that want their receipt; an upload that has ended says why. Whoever
 * speaks a protocol may want to go on from here: then a writer lets go, as for HEAD. Others
 * only look. */
static enum err read_run(struct upload_call *c)
{
    struct api_trouble t;
    enum err e = c->protocol ? upload_find(c)
                             : resumable_look(evidence_of(c), &c->caller, &c->id, &c->view);
    if (e == ERR_OK)
        e = upload_fetch(c);
    if (e == ERR_REFUSED && err_detail(e) == REFUSAL_UPLOAD_GONE && upload_is_found(c)) {
        api_trouble_of(c->x, e, &t);
        api_trouble_reply(c->x, &t, upload_json(c));
        return ERR_OK;
    }
    TRY(e);
    if (c->protocol)
        c->protocol->facts(c);
    http_reply_json(c->x, 200, upload_json(c));
    return ERR_OK;
}

/* Both protocols at once: whoever asks has not chosen yet. */
static enum err options_run(struct upload_call *c)
{
    struct http_exchange *x = c->x;
    char limit[48];
    (void)snprintf(limit, sizeof(limit), "max-size=%" PRIu64, upload_size_max(c));
    http_reply_header(x, "Allow", http_allow(x));
    http_reply_header(x, "Tus-Version", "1.0.0");
    http_reply_header(x, "Tus-Extension",
                      "creation,creation-with-upload,creation-defer-length,expiration,checksum,"
                      "termination,concatenation");
    upload_reply_number(c, "Tus-Max-Size", upload_size_max(c));
    http_reply_header(x, "Tus-Checksum-Algorithm", TUS_ALGORITHMS);
    http_reply_header(x, "Accept-Patch",
                      "application/partial-upload, application/offset+octet-stream");
    http_reply_header(x, "Upload-Limit", limit);
    http_reply_empty(x, 204);
    return ERR_OK;
}

static enum err other_run(struct upload_call *c)
{
    http_reply_header(c->x, "Allow", http_allow(c->x));
    http_reply_problem(c->x, 405, "method-not-allowed", "Method not allowed",
                       "This resource does not know that method.", NULL);
    return ERR_OK;
}

const struct upload_verb UPLOAD_CREATE = {.content = true, .run = create_run};
const struct upload_verb UPLOAD_APPEND = {.content = true, .item = true, .run = append_run};
const struct upload_verb UPLOAD_SHOW = {.item = true, .run = show_run};
const struct upload_verb UPLOAD_READ = {.item = true, .run = read_run};
const struct upload_verb UPLOAD_REMOVE = {.item = true, .run = remove_run};
const struct upload_verb UPLOAD_OPTIONS = {.stranger = true, .run = options_run};
const struct upload_verb UPLOAD_OTHER = {.stranger = true, .content = true, .run = other_run};

/* --- which protocol ----------------------------------------------------------------------- */

static bool says_draft(const struct http_exchange *x)
{
    const char *type = http_header(x, "Content-Type");
    char stated[MEDIA_TYPE_MAX + 1];
    if (http_header(x, "Upload-Draft-Interop-Version") || http_header(x, "Upload-Complete"))
        return true;
    return type && field_media_type(type, stated, sizeof(stated)) == ERR_OK &&
           strcmp(stated, "application/partial-upload") == 0;
}

static const struct upload_protocol *protocol_of(const struct http_exchange *x,
                                                 const struct upload_verb *verb)
{
    if (verb == &UPLOAD_OPTIONS)
        return NULL;
    if (http_header(x, "Tus-Resumable"))
        return &UPLOAD_TUS;
    if (says_draft(x))
        return &UPLOAD_DRAFT;
    return verb == &UPLOAD_READ || verb == &UPLOAD_OTHER ? NULL : &UPLOAD_TUS;
}

/* --- the exchange ------------------------------------------------------------------------- */

static void call_problem(struct upload_call *c, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    upload_let_go(c);
    e = err_restore(&why);
    if (c->protocol)
        c->protocol->problem(c, e);
    else
        api_problem(c->x, e);
}

static enum err call_run(struct upload_call *c, const struct upload_verb *verb)
{
    if (!verb->stranger) {
        enum err e = api_identify(c->x, &c->caller);
        if (e == ERR_UNAUTHENTICATED) {
            api_refuse_caller(c->x, e, verb->item && c->protocol);
            return ERR_OK;
        }
        TRY(e);
    }
    if (verb->item)
        TRY(api_id(c->x, "id", &c->id));
    return verb->run(c);
}

void upload_call_begin(struct http_exchange *x)
{
    const struct upload_verb *verb = http_route_of(x)->meta;
    struct upload_call *c = calloc(1, sizeof(*c));
    if (!c) {
        api_problem(x, err_set(ERR_NOMEM, "upload"));
        return;
    }
    c->x = x;
    c->protocol = protocol_of(x, verb);
    http_state_set(x, c);
    if (c->protocol && !c->protocol->greet(c))
        return;
    if (!verb->content && http_has_body(x)) {
        http_reply_problem(x, 400, "unexpected-body", "Unexpected content",
                           "This request takes no content.", NULL);
        return;
    }
    enum err e = call_run(c, verb);
    if (e != ERR_OK)
        call_problem(c, e);
    assert(http_replied(x) || c->writer);
}

void upload_call_piece(struct http_exchange *x, const void *data, size_t len)
{
    struct upload_call *c = http_state(x);
    c->writing = true;
    enum err e = resumable_write(c->writer, data, len);
    if (e != ERR_OK)
        call_problem(c, e);
}

/* Of the whole; it counts with the request that ends it. A sender who hashes while sending
 * states it behind the body. */
static enum err digests_read(struct upload_call *c)
{
    const char *const stated[] = {http_header(c->x, "Repr-Digest"),
                                  http_trailer(c->x, "Repr-Digest")};
    uint8_t sha256[32], first[32];
    bool one = false;
    for (size_t i = 0; i < ARRAY_LEN(stated); i++) {
        bool present = false;
        TRY(upload_digest_read(stated[i], &present, sha256));
        if (present && one && memcmp(sha256, first, sizeof(first)) != 0)
            return refuse(REFUSAL_DIGEST_MISMATCH);
        if (!present)
            continue;
        resumable_expect_digest(c->writer, sha256);
        memcpy(first, sha256, sizeof(first));
        one = true;
    }
    return ERR_OK;
}

void upload_call_finish(struct http_exchange *x)
{
    struct upload_call *c = http_state(x);
    enum err e = digests_read(c);
    c->writing = false;
    c->closed = e == ERR_OK;
    if (e == ERR_OK)
        e = resumable_close(c->writer, c->end, &c->view, &c->result);
    if (e != ERR_OK)
        call_problem(c, e);
    else
        c->protocol->stored(c);
    upload_let_go(c);
}

void upload_call_done(struct http_exchange *x)
{
    struct upload_call *c = http_state(x);
    if (!c)
        return;
    upload_let_go(c);
    buf_clear(&c->result.receipt);
    free(c);
    http_state_set(x, NULL);
}
