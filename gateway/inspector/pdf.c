/* PDF, by qpdf: opens without a password, has pages, and what in it acts by itself. Every object
 * that can be reached is visited once, whatever stream it hides in; object streams are inflated,
 * page contents are not.
 *
 * Bounds: bytes held, objects visited, object numbers. The walk has a stack of its own, so that
 * no nesting uses up ours. */
#include "gateway/inspector/steps.h"

#include <qpdf/qpdf-c.h>
#include <stdlib.h>
#include <string.h>

enum {
    PDF_HELD_MAX = 256 << 20,
    PDF_VISITS_MAX = 4000000,
    PDF_STACK_MAX = 1000000,
    PDF_OBJECT_ID_MAX = 1 << 23,
};

struct walk {
    qpdf_data q;
    qpdf_oh *stack;
    size_t n, cap;
    uint32_t visits;
    uint64_t attached; /* bytes, inflated */
    uint8_t *seen; /* one bit for each object number */
    unsigned flags;
    bool beyond;
};

static bool is_one_of(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, list[i]) == 0)
            return true;
    }
    return false;
}

static const char *const ACTIVE_KEYS[] = {"/JS", "/XFA", "/RichMediaContent", "/RichMediaSettings"};
static const char *const ACTIVE_ACTIONS[] = {"/JavaScript", "/Launch",     "/SubmitForm",
                                             "/ImportData", "/Rendition",  "/Movie",
                                             "/Sound",      "/GoToE",      "/GoTo3DView",
                                             "/RichMediaExecute"};
static const char *const ACTIVE_SUBTYPES[] = {"/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"};
static const char *const EMBEDDED_KEYS[] = {"/EF", "/EmbeddedFiles"};
#define ONE_OF(text, list) is_one_of((text), (list), ARRAY_LEN(list))

/* Attached files, inflated: clamd does not tell when it leaves off inside one. */
static void measure_files(struct walk *w, qpdf_oh files)
{
    static const char *const names[] = {"/F", "/UF", "/DOS", "/Mac", "/Unix"};

    for (size_t i = 0; i < ARRAY_LEN(names) && qpdf_oh_is_dictionary(w->q, files); i++) {
        qpdf_oh file = qpdf_oh_get_key(w->q, files, names[i]);
        unsigned char *bytes = NULL;
        size_t len = 0;

        if (qpdf_oh_is_stream(w->q, file)) {
            QPDF_ERROR_CODE failed = qpdf_oh_get_stream_data(w->q, file, qpdf_dl_all, NULL, &bytes,
                                                             &len);

            if ((failed & QPDF_ERRORS) != 0 || len > INSPECT_MEMBER_MAX)
                w->beyond = true;
            w->attached += len;
            if (w->attached > INSPECT_INFLATED_MAX)
                w->beyond = true;
            free(bytes);
        }
        qpdf_oh_release(w->q, file);
    }
}

static void look_at_key(struct walk *w, const char *key, qpdf_oh value)
{
    if (ONE_OF(key, ACTIVE_KEYS))
        w->flags |= INSPECT_ACTIVE_CONTENT;
    if (ONE_OF(key, EMBEDDED_KEYS))
        w->flags |= INSPECT_EMBEDDED_FILES;
    if (strcmp(key, "/EF") == 0)
        measure_files(w, value);
    if (!qpdf_oh_is_name(w->q, value))
        return;
    if (strcmp(key, "/S") == 0 && ONE_OF(qpdf_oh_get_name(w->q, value), ACTIVE_ACTIONS))
        w->flags |= INSPECT_ACTIVE_CONTENT;
    if (strcmp(key, "/Subtype") == 0 && ONE_OF(qpdf_oh_get_name(w->q, value), ACTIVE_SUBTYPES))
        w->flags |= INSPECT_ACTIVE_CONTENT;
    if (strcmp(key, "/Subtype") == 0 &&
        strcmp(qpdf_oh_get_name(w->q, value), "/FileAttachment") == 0)
        w->flags |= INSPECT_EMBEDDED_FILES;
}

/* Takes `value` over. */
static void push(struct walk *w, qpdf_oh value)
{
    if (w->n == w->cap && w->cap < PDF_STACK_MAX) {
        size_t cap = w->cap == 0 ? 1024 : w->cap * 2;
        qpdf_oh *bigger = realloc(w->stack, cap * sizeof(*bigger));

        if (bigger != NULL) {
            w->stack = bigger;
            w->cap = cap;
        }
    }
    if (w->n == w->cap) {
        w->beyond = true;
        qpdf_oh_release(w->q, value);
        return;
    }
    w->stack[w->n++] = value;
}

/* Once for each numbered object. */
static bool is_new(struct walk *w, qpdf_oh o)
{
    int id = qpdf_oh_get_object_id(w->q, o);

    if (++w->visits > PDF_VISITS_MAX || id >= PDF_OBJECT_ID_MAX) {
        w->beyond = true;
        return false;
    }
    if (id <= 0)
        return true; /* stands where it is used */
    if ((w->seen[id / 8] & (1U << (id % 8))) != 0)
        return false;
    w->seen[id / 8] = (uint8_t)(w->seen[id / 8] | (1U << (id % 8)));
    return true;
}

static void visit(struct walk *w, qpdf_oh o)
{
    qpdf_oh dict = o;
    bool stream;

    if (!is_new(w, o))
        return;
    if (qpdf_oh_is_array(w->q, o)) {
        int n = qpdf_oh_get_array_n_items(w->q, o);

        for (int i = 0; i < n && !w->beyond; i++)
            push(w, qpdf_oh_get_array_item(w->q, o, i));
        return;
    }
    stream = qpdf_oh_is_stream(w->q, o);
    if (stream)
        dict = qpdf_oh_get_dict(w->q, o);
    if (qpdf_oh_is_dictionary(w->q, dict)) {
        qpdf_oh_begin_dict_key_iter(w->q, dict);
        while (qpdf_oh_dict_more_keys(w->q) && !w->beyond) {
            const char *key = qpdf_oh_dict_next_key(w->q);
            qpdf_oh value = qpdf_oh_get_key(w->q, dict, key);

            look_at_key(w, key, value);
            push(w, value);
        }
    }
    if (stream)
        qpdf_oh_release(w->q, dict);
}

static enum err walk_all(qpdf_data q, struct verdict *v)
{
    struct walk w = {.q = q, .seen = calloc(PDF_OBJECT_ID_MAX / 8, 1)};

    if (w.seen == NULL)
        return err_set(ERR_NOMEM, "objects of a PDF");
    push(&w, qpdf_get_trailer(q));
    while (w.n > 0 && !w.beyond) {
        qpdf_oh o = w.stack[--w.n];

        visit(&w, o);
        qpdf_oh_release(q, o);
    }
    v->flags |= w.flags;
    free(w.stack);
    free(w.seen);
    return w.beyond ? BEYOND_BOUNDS(v) : ERR_OK;
}

static enum err judge_error(qpdf_data q, struct verdict *v)
{
    enum qpdf_error_code_e code =
        qpdf_has_error(q) ? qpdf_get_error_code(q, qpdf_get_error(q)) : qpdf_e_internal;

    if (code == qpdf_e_password || code == qpdf_e_unsupported)
        return conclude(v, INSPECT_PASSWORD, REASON_NONE);
    return UNREADABLE(v);
}

static enum err examine_pdf(qpdf_data q, const uint8_t *data, size_t len, struct verdict *v)
{
    int pages;

    qpdf_silence_errors(q);
    qpdf_set_suppress_warnings(q, QPDF_TRUE);
    if ((qpdf_read_memory(q, "artefact", (const char *)data, len, NULL) & QPDF_ERRORS) != 0)
        return judge_error(q, v);
    pages = qpdf_get_num_pages(q);
    if (qpdf_has_error(q) || pages <= 0)
        return judge_error(q, v);
    v->pages = (uint32_t)pages;
    if (qpdf_is_encrypted(q))
        v->flags |= INSPECT_ENCRYPTED;
    TRY(walk_all(q, v));
    if (qpdf_more_warnings(q))
        v->flags |= INSPECT_DAMAGED;
    return ERR_OK;
}

enum err step_pdf(struct source *s, struct verdict *v)
{
    const uint8_t *data;
    size_t len;
    qpdf_data q;
    enum err e;

    TRY(source_hold(s, PDF_HELD_MAX, &data, &len));
    q = qpdf_init();
    e = examine_pdf(q, data, len, v);
    qpdf_cleanup(&q);
    return e;
}
