/* POST /v1/claims/{claim}/artefacts with multipart/form-data: the head, the body's way through
 * the parser, the end. For browsers without scripts, and for whoever sends several files at
 * once.
 *
 * Content-Digest is of the whole message: with it nothing is accepted before all has come and
 * fits. Repr-Digest would be of one file, and is refused. A connection that breaks never
 * reaches form_finish: what is open then leaves nothing, what was accepted stays.
 *
 * No token against forged requests is needed: an Authorization header is never added by a
 * browser itself, and for a client certificate there is intake_site_check. */
#include "gateway/routes/form.h"

#include "gateway/http/accept.h"
#include "gateway/http/fields.h"

#include <stdlib.h>
#include <string.h>

/* --- the head ----------------------------------------------------------------------------- */

static enum err expect(struct form *f, const char *value)
{
    bool present = false;
    uint8_t sha256[CONTENT_DIGEST_SIZE];
    TRY(field_digest_parse(value, &present, sha256));
    if (!present)
        return ERR_OK;
    if (f->has_expected && memcmp(f->expected, sha256, sizeof(sha256)) != 0)
        return refuse(REFUSAL_DIGEST_MISMATCH);
    f->has_expected = true;
    memcpy(f->expected, sha256, sizeof(sha256));
    return ERR_OK;
}

static enum err digest_begin(struct form *f)
{
    const char *later = http_header(f->x, "Trailer");
    if (http_header(f->x, "Repr-Digest"))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a form is not the file: send Content-Digest, not Repr-Digest");
    TRY(expect(f, http_header(f->x, "Content-Digest")));
    if (!f->has_expected && !(later && strcasestr(later, "content-digest")))
        return ERR_OK;
    return content_digest_new(&f->digest);
}

static enum err key_read(struct form *f)
{
    TRY(api_key(f->x, f->key));
    if (strlen(f->key) > IDEMPOTENCY_KEY_MAX - FORM_NUMBER_MAX)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a form's Idempotency-Key has at most %d characters",
                              IDEMPOTENCY_KEY_MAX - FORM_NUMBER_MAX);
    return ERR_OK;
}

static enum err head_read(struct form *f)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    struct multipart_sink sink;
    if (http_header_count(f->x, "Content-Type") > 1)
        return refuse_because(REFUSAL_INVALID_REQUEST, "more than one Content-Type");
    TRY(multipart_boundary(http_header(f->x, "Content-Type"), boundary));
    TRY(intake_site_check(f->x, &f->caller));
    TRY(intake_coding_check(f->x));
    TRY(intake_query(f->x, &f->said, &f->stated));
    TRY(key_read(f));
    TRY(digest_begin(f));
    f->max_files = api_of(f->x)->form_files;
    assert(f->max_files <= FORM_FILES_MAX);
    f->files = calloc(f->max_files + 1, sizeof(*f->files));
    if (!f->files)
        return err_set(ERR_NOMEM, "a form");
    form_sink(f, &sink);
    return multipart_new(boundary, &sink, &f->parser);
}

/* --- the body ----------------------------------------------------------------------------- */

/* A limit of the form is no word about a file's size. */
static enum err parser_error(enum err e)
{
    if (e != ERR_TOO_LARGE)
        return e;
    struct err_info why;
    err_save(e, &why);
    return refuse_because(REFUSAL_INVALID_REQUEST, "%s", why.message);
}

static enum err digest_check(struct form *f)
{
    uint8_t sha256[CONTENT_DIGEST_SIZE];
    const char *behind = http_trailer(f->x, "Content-Digest");
    if (http_trailer(f->x, "Repr-Digest"))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a form is not the file: send Content-Digest, not Repr-Digest");
    if (behind && !f->digest)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a Content-Digest behind a form is announced by Trailer");
    if (behind)
        TRY(expect(f, behind));
    if (!f->has_expected)
        return ERR_OK;
    content_digest_end(f->digest, sha256);
    return memcmp(sha256, f->expected, sizeof(sha256)) == 0 ? ERR_OK
                                                            : refuse(REFUSAL_DIGEST_MISMATCH);
}

static enum err end_checked(struct form *f)
{
    TRY(multipart_finish(f->parser));
    TRY(digest_check(f));
    return form_files_finish(f);
}

static enum err piece_checked(struct form *f, const void *data, size_t len)
{
    if (f->digest)
        TRY(content_digest_add(f->digest, data, len));
    return parser_error(multipart_push(f->parser, data, len));
}

/* --- the call ----------------------------------------------------------------------------- */

static void form_begin(struct http_exchange *x)
{
    struct form *f = calloc(1, sizeof(*f));
    if (!f) {
        api_problem(x, err_set(ERR_NOMEM, "a form"));
        return;
    }
    http_state_set(x, f);
    f->x = x;
    f->page = accept_wants_html(http_header(x, "Accept"));
    if (api_caller(x, &f->caller) != ERR_OK)
        return;
    enum err e = head_read(f);
    if (e != ERR_OK)
        form_answer_refused(f, e);
}

static void form_piece(struct http_exchange *x, const void *data, size_t len)
{
    struct form *f = http_state(x);
    enum err e = piece_checked(f, data, len);
    if (e != ERR_OK)
        form_answer_refused(f, e);
}

static void form_finish(struct http_exchange *x)
{
    struct form *f = http_state(x);
    enum err e = end_checked(f);
    if (e != ERR_OK)
        form_answer_refused(f, e);
    else
        form_answer(f);
}

static void form_done(struct http_exchange *x)
{
    struct form *f = http_state(x);
    if (!f)
        return;
    http_state_set(x, NULL);
    form_files_drop(f);
    for (size_t i = 0; i < f->n_files; i++) {
        json_decref(f->files[i].created);
        json_decref(f->files[i].refused);
    }
    free(f->files);
    multipart_free(f->parser);
    content_digest_free(f->digest);
    free(f);
}

const struct intake INTAKE_FORM = {
    .begin = form_begin, .piece = form_piece, .finish = form_finish, .done = form_done};
