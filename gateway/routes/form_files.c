/* A form's parts as they come: fields are noted, files go the road of every upload, each with
 * its own outcome.
 *
 * Invariants: what is wrong with one file concerns that file alone, and its bytes are passed
 * over; what is wrong with the form (or the claim) ends it. The file that is being read is the
 * last of `files`. An input that was left empty has a name of no characters and no bytes; it
 * becomes a file only when its first byte comes. */
#include "gateway/routes/form.h"

#include "gateway/http/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM_PASSED_OVER_MAX (UINT64_C(8) << 30) /* bytes of refused files in one form */

/* --- fields ------------------------------------------------------------------------------- */

/* A text area ends its lines with CRLF, whatever the system. */
static void lines_mend(const char *value, char *out)
{
    for (; *value; value++) {
        if (value[0] == '\r' && value[1] == '\n')
            continue;
        *out++ = *value;
    }
    *out = 0;
}

static enum err charset_check(struct form *f, const char *value)
{
    if (f->charset_stated || (value[0] && strcasecmp(value, "utf-8") != 0))
        return refuse_because(REFUSAL_INVALID_REQUEST, "a form is sent in UTF-8");
    f->charset_stated = true;
    return ERR_OK;
}

/* A control that was left empty says nothing. */
static enum err field(void *ctx, const char *name, const char *value)
{
    struct form *f = ctx;
    char mended[MULTIPART_FIELD_MAX + 1];
    int member = intake_member_find(name);
    if (strcmp(name, "_charset_") == 0)
        return charset_check(f, value);
    if (member < 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the form has an unknown field");
    if (f->stated & (1u << member))
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s is stated more than once", name);
    f->stated |= 1u << member;
    lines_mend(value, mended);
    return mended[0] ? intake_member_set(&f->said, member, mended) : ERR_OK;
}

/* --- files -------------------------------------------------------------------------------- */

static struct form_file *file_last(struct form *f)
{
    assert(f->n_files > 0);
    return &f->files[f->n_files - 1];
}

static void file_refused(struct form_file *file, enum err e)
{
    err_save(e, &file->why);
    upload_free(TAKE(file->upload));
}

static enum err file_finish_checked(struct form *f, struct form_file *file,
                                    struct upload_result *result)
{
    TRY(upload_describe(file->upload, &f->said));
    TRY(upload_finish(file->upload, result));
    file->created = intake_created(result);
    file->id = result->artefact.id;
    memcpy(file->sha256, result->artefact.sha256, sizeof(file->sha256));
    return ERR_OK;
}

static void file_finish(struct form *f, struct form_file *file)
{
    AUTO_FREE struct upload_result *result = calloc(1, sizeof(*result));
    enum err e = result ? file_finish_checked(f, file, result) : err_set(ERR_NOMEM, "upload");
    if (result && e != ERR_OK)
        file->refused = intake_refused(result);
    if (result)
        buf_clear(&result->receipt);
    if (e != ERR_OK)
        file_refused(file, e);
    else
        upload_free(TAKE(file->upload));
}

static void open_ones_finish(struct form *f)
{
    for (size_t i = 0; i < f->n_files; i++) {
        if (f->files[i].upload)
            file_finish(f, &f->files[i]);
    }
}

static enum err upload_open(struct form *f, struct form_file *file)
{
    AUTO_FREE struct upload_request *rq = malloc(sizeof(*rq));
    if (!rq)
        return err_set(ERR_NOMEM, "upload");
    *rq = f->said;
    rq->length = -1;
    rq->described_later = true;
    memcpy(rq->filename, file->filename, sizeof(rq->filename));
    memcpy(rq->media_type, f->media_type, sizeof(rq->media_type));
    if (f->key[0]) {
        int n = snprintf(rq->idempotency_key, sizeof(rq->idempotency_key), "%s#%zu", f->key,
                         f->n_files);
        assert(n > 0 && (size_t)n < sizeof(rq->idempotency_key));
    }
    return upload_begin(api_of(f->x)->evidence, &f->caller, rq, &file->upload);
}

/* A claim that is not there for the caller is not there for any file: the form ends. */
static enum err file_open(struct form *f)
{
    if (f->n_files == f->max_files)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a form carries at most %zu files - send the others in another",
                              f->max_files);
    if (f->said.kind[0] && !f->digest)
        open_ones_finish(f);
    f->n_files++;
    f->in_file = true;
    struct form_file *file = file_last(f);
    if (file->why.code != ERR_OK)
        return ERR_OK;
    enum err e = upload_open(f, file);
    if (e == ERR_REFUSED && err_detail(e) == REFUSAL_CLAIM_NOT_FOUND && f->n_files == 1)
        return e;
    if (e != ERR_OK)
        file_refused(file, e);
    return ERR_OK;
}

static enum err file_prepare_checked(struct form *f, const struct multipart_part *part,
                                     struct form_file *next)
{
    if (part->filename)
        TRY(field_filename_clean(part->filename, next->filename, sizeof(next->filename)));
    return part->content_type
               ? field_media_type(part->content_type, f->media_type, sizeof(f->media_type))
               : ERR_OK;
}

static void file_prepare(struct form *f, const struct multipart_part *part)
{
    struct form_file *next = &f->files[f->n_files];
    memset(next, 0, sizeof(*next));
    f->media_type[0] = 0;
    f->in_file = false;
    enum err e = file_prepare_checked(f, part, next);
    if (e != ERR_OK)
        err_save(e, &next->why);
}

static enum err part_begin(void *ctx, const struct multipart_part *part, enum multipart_as *as)
{
    struct form *f = ctx;
    bool is_file = strcmp(part->name, "file") == 0;
    if (!is_file && part->filename)
        return refuse_because(REFUSAL_INVALID_REQUEST, "files are sent in fields called file");
    *as = is_file ? MULTIPART_FILE : MULTIPART_FIELD;
    if (!is_file)
        return ERR_OK;
    file_prepare(f, part);
    return part->filename && part->filename[0] ? file_open(f) : ERR_OK;
}

static enum err part_data(void *ctx, const void *data, size_t len)
{
    struct form *f = ctx;
    if (!f->in_file)
        TRY(file_open(f));
    struct form_file *file = file_last(f);
    if (file->upload) {
        enum err e = upload_write(file->upload, data, len);
        if (e != ERR_OK)
            file_refused(file, e);
        return ERR_OK;
    }
    f->passed_over += len;
    return f->passed_over > FORM_PASSED_OVER_MAX ? refuse(REFUSAL_FILE_TOO_LARGE) : ERR_OK;
}

static enum err part_end(void *ctx)
{
    struct form *f = ctx;
    if (!f->in_file)
        f->n_empty++;
    f->in_file = false;
    return ERR_OK;
}

void form_sink(struct form *f, struct multipart_sink *out)
{
    *out = (struct multipart_sink){
        .begin = part_begin, .field = field, .data = part_data, .end = part_end, .ctx = f};
}

/* --- the end ------------------------------------------------------------------------------ */

enum err form_files_finish(struct form *f)
{
    static const struct multipart_part EMPTY = {.name = "file", .filename = ""};
    if (f->n_files == 0 && f->n_empty == 0)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "the form has no file: a file is sent in a field called file");
    if (f->n_files == 0) {
        file_prepare(f, &EMPTY);
        TRY(file_open(f));
    }
    open_ones_finish(f);
    return ERR_OK;
}

void form_files_drop(struct form *f)
{
    for (size_t i = 0; i < f->n_files; i++)
        upload_free(TAKE(f->files[i].upload));
}
