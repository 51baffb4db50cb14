/* A report as a PDF, in multipart/form-data: who the patient is travels in fields beside the
 * file, never in the address, which others log. Fields and file come in any order:
 *
 *     form (sr1, ds1500)  patient_name  date_of_birth  nino  claim  file
 *
 * Content-Digest is of the whole message: nothing is accepted before all has come and fits. */
#include "gateway/routes/reports.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/claims/claim.h"
#include "gateway/http/fields.h"
#include "gateway/http/multipart.h"

#include <stdio.h>
#include <string.h>

#define PDF_TYPE "application/pdf"

/* --- fields ------------------------------------------------------------------------------- */

static enum err form_set(struct report_facts *f, const char *value)
{
    TRY(report_kind_check(value));
    (void)snprintf(f->form, sizeof(f->form), "%s", value);
    return ERR_OK;
}

static enum err name_set(struct report_facts *f, const char *value)
{
    TRY(report_name_check(value));
    (void)snprintf(f->patient.name, sizeof(f->patient.name), "%s", value);
    return ERR_OK;
}

static enum err born_set(struct report_facts *f, const char *value)
{
    TRY(report_born_check(value, clock_now()));
    (void)snprintf(f->patient.born, sizeof(f->patient.born), "%s", value);
    return ERR_OK;
}

static enum err nino_set(struct report_facts *f, const char *value)
{
    return nino_clean(value, f->patient.nino);
}

static enum err claim_set(struct report_facts *f, const char *value)
{
    f->has_claim = true;
    return uuid_parse(value, &f->claim) == ERR_OK ? ERR_OK : refuse(REFUSAL_CLAIM_NOT_FOUND);
}

static const struct {
    const char *name;
    enum err (*set)(struct report_facts *f, const char *value);
    bool required;
} FIELDS[] = {
    {"form", form_set, false},         {"patient_name", name_set, true},
    {"date_of_birth", born_set, true}, {"nino", nino_set, false},
    {"claim", claim_set, false},
};

static int field_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        if (strcmp(FIELDS[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* A control that was left empty says nothing. */
static enum err field(void *ctx, const char *name, const char *value)
{
    struct reporting *r = ctx;
    int at = field_find(name);
    if (strcmp(name, "_charset_") == 0)
        return value[0] && strcasecmp(value, "utf-8") != 0
                   ? refuse_because(REFUSAL_INVALID_REQUEST, "a form is sent in UTF-8")
                   : ERR_OK;
    if (at < 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the form has an unknown field");
    if (!value[0])
        return ERR_OK;
    if (r->stated & 1u << at)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s is stated more than once", name);
    r->stated |= 1u << at;
    return FIELDS[at].set(&r->facts, value);
}

static enum err fields_check(struct reporting *r)
{
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        if (FIELDS[i].required && !(r->stated & 1u << i))
            return refuse_because(REFUSAL_INVALID_REQUEST, "%s is missing", FIELDS[i].name);
    }
    if (!r->facts.form[0])
        memcpy(r->facts.form, "sr1", sizeof("sr1"));
    return ERR_OK;
}

/* --- the file ----------------------------------------------------------------------------- */

static enum err file_open(struct reporting *r, const struct multipart_part *part)
{
    if (r->has_file)
        return refuse_because(REFUSAL_INVALID_REQUEST, "a report is one file");
    r->has_file = true;
    if (part->filename)
        TRY(field_filename_clean(part->filename, r->rq.filename, sizeof(r->rq.filename)));
    if (part->content_type)
        TRY(field_media_type(part->content_type, r->rq.media_type, sizeof(r->rq.media_type)));
    if (part->content_type && strcmp(r->rq.media_type, PDF_TYPE) != 0 &&
        strcmp(r->rq.media_type, "application/octet-stream") != 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "The selected file must be a PDF");
    memcpy(r->rq.media_type, PDF_TYPE, sizeof(PDF_TYPE));
    return report_begin(api_of(r->x)->evidence, &r->caller, &r->rq, &r->upload);
}

static enum err part_begin(void *ctx, const struct multipart_part *part, enum multipart_as *as)
{
    struct reporting *r = ctx;
    bool is_file = strcmp(part->name, "file") == 0;
    if (!is_file && part->filename)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "the file is sent in a field called file");
    *as = is_file ? MULTIPART_FILE : MULTIPART_FIELD;
    return is_file ? file_open(r, part) : ERR_OK;
}

static enum err part_data(void *ctx, const void *data, size_t len)
{
    struct reporting *r = ctx;
    return upload_write(r->upload, data, len);
}

static enum err part_end(void *ctx)
{
    (void)ctx;
    return ERR_OK;
}

/* --- the message -------------------------------------------------------------------------- */

static enum err digest_begin(struct reporting *r)
{
    const char *stated = http_header(r->x, "Content-Digest");
    bool present = false;
    if (http_header(r->x, "Repr-Digest"))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a form is not the file: send Content-Digest, not Repr-Digest");
    if (!stated)
        return ERR_OK;
    TRY(field_digest_parse(stated, &present, r->expected));
    return present ? content_digest_new(&r->digest) : ERR_OK;
}

enum err report_file_begin(struct reporting *r)
{
    struct multipart_sink sink = {
        .begin = part_begin, .field = field, .data = part_data, .end = part_end, .ctx = r};
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    TRY(multipart_boundary(http_header(r->x, "Content-Type"), boundary));
    TRY(digest_begin(r));
    return multipart_new(boundary, &sink, &r->parser);
}

/* A limit of the form is no word about a file's size. */
static enum err parser_error(enum err e)
{
    struct err_info why;
    if (e != ERR_TOO_LARGE)
        return e;
    err_save(e, &why);
    return refuse_because(REFUSAL_INVALID_REQUEST, "%s", why.message);
}

/* Nothing comes of a file that has been begun. */
static enum err refused(struct reporting *r, enum err e)
{
    return e != ERR_OK && r->upload ? report_refused(r->upload, e) : e;
}

static enum err piece_checked(struct reporting *r, const void *data, size_t len)
{
    if (r->digest)
        TRY(content_digest_add(r->digest, data, len));
    return parser_error(multipart_push(r->parser, data, len));
}

enum err report_file_piece(struct reporting *r, const void *data, size_t len)
{
    return refused(r, piece_checked(r, data, len));
}

static enum err end_checked(struct reporting *r)
{
    uint8_t sha256[CONTENT_DIGEST_SIZE];
    TRY(multipart_finish(r->parser));
    if (r->digest) {
        content_digest_end(r->digest, sha256);
        if (memcmp(sha256, r->expected, sizeof(sha256)) != 0)
            return refuse(REFUSAL_DIGEST_MISMATCH);
    }
    if (!r->upload)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "the form has no file: a file is sent in a field called file");
    return fields_check(r);
}

enum err report_file_end(struct reporting *r)
{
    TRY(refused(r, end_checked(r)));
    return report_describe(r->upload, &r->facts);
}
