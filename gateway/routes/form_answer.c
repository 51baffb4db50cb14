/* What the sender of a form is told. One file is answered as if it had come by itself; several,
 * as a list in the order of the form; whoever asks for a page gets the same as one. */
#include "gateway/routes/form.h"

enum { FORM_PAGE_MAX = 8 * 1024 * 1024 };
_Static_assert(FORM_FILES_MAX * 2 * (RECEIPT_MAX + 2 * ERR_MESSAGE_MAX + 6 * FILE_NAME_MAX) <
                   FORM_PAGE_MAX,
               "a page of all of them");

static bool is_accepted(const struct form_file *file)
{
    return file->created != NULL;
}

static bool is_refused(const struct form_file *file)
{
    return file->why.code != ERR_OK;
}

static void trouble_of_file(struct form *f, const struct form_file *file,
                            struct api_trouble *out)
{
    api_trouble_of(f->x, err_restore(&file->why), out);
}

/* One of several. A reference to what was created is taken, not the body itself. */
static json_t *result(struct form *f, const struct form_file *file)
{
    json_t *o = json_object();
    json_put_text(o, "filename", file->filename);
    if (is_accepted(file)) {
        json_put_int(o, "status", 201);
        (void)json_object_update(o, file->created);
        return o;
    }
    struct api_trouble t;
    trouble_of_file(f, file, &t);
    json_put_int(o, "status", t.status);
    json_t *problem = api_trouble_json(&t);
    if (file->refused)
        (void)json_object_update(problem, file->refused);
    json_put(o, "problem", problem);
    return o;
}

/* Those whose outcome is known. */
static json_t *results(struct form *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n_files; i++) {
        if (is_accepted(&f->files[i]) || is_refused(&f->files[i]))
            (void)json_array_append_new(list, result(f, &f->files[i]));
    }
    return list;
}

static void reply_page(struct form *f, int status, json_t *list,
                       const struct api_trouble *trouble)
{
    AUTO_CLEAR(buf_clear) struct buf page;
    buf_init(&page, FORM_PAGE_MAX);
    enum err e = form_page(list, trouble, &page);
    json_decref(list);
    if (e != ERR_OK) {
        api_problem(f->x, e);
        return;
    }
    http_reply_bytes(f->x, status, "text/html; charset=utf-8", page.data, page.len);
}

/* --- the outcomes ------------------------------------------------------------------------- */

static int status_of_all(struct form *f)
{
    size_t accepted = 0;
    for (size_t i = 0; i < f->n_files; i++)
        accepted += is_accepted(&f->files[i]);
    if (accepted == f->n_files)
        return 201;
    if (f->n_files > 1)
        return 207;
    struct api_trouble t;
    trouble_of_file(f, &f->files[0], &t);
    return t.status;
}

static void refuse_one(struct form *f, struct form_file *file)
{
    struct api_trouble t;
    trouble_of_file(f, file, &t);
    api_trouble_reply(f->x, &t, TAKE(file->refused));
}

static void answer_one(struct form *f, struct form_file *file)
{
    if (is_accepted(file))
        intake_reply_created(f->x, &file->id, file->sha256, TAKE(file->created));
    else
        refuse_one(f, file);
}

void form_answer(struct form *f)
{
    assert(f->n_files > 0);
    if (f->page) {
        reply_page(f, status_of_all(f), results(f), NULL);
        return;
    }
    if (f->n_files == 1) {
        answer_one(f, &f->files[0]);
        return;
    }
    json_t *body = json_object();
    json_put(body, "results", results(f));
    http_reply_json(f->x, status_of_all(f), body);
}

void form_answer_refused(struct form *f, enum err e)
{
    struct api_trouble t;
    api_trouble_of(f->x, e, &t);
    form_files_drop(f);
    json_t *list = results(f);
    if (f->page) {
        reply_page(f, t.status, list, &t);
        return;
    }
    json_t *more = NULL;
    if (json_array_size(list) > 0) {
        more = json_object();
        json_put(more, "results", list);
    } else {
        json_decref(list);
    }
    api_trouble_reply(f->x, &t, more);
}
