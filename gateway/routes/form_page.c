/* The answer to a form as a page, for a browser without scripts: plain, without style, image or
 * link, so that its policy can forbid all of them. Every text that is not ours is escaped. */
#include "gateway/routes/form.h"

#include <string.h>

static enum err add_escaped(struct buf *out, const char *text)
{
    for (const char *from = text;;) {
        size_t plain = strcspn(from, "&<>\"'");
        TRY(buf_append(out, from, plain));
        from += plain;
        switch (*from++) {
        case 0:
            return ERR_OK;
        case '&':
            TRY(buf_append_str(out, "&amp;"));
            break;
        case '<':
            TRY(buf_append_str(out, "&lt;"));
            break;
        case '>':
            TRY(buf_append_str(out, "&gt;"));
            break;
        case '"':
            TRY(buf_append_str(out, "&quot;"));
            break;
        default:
            TRY(buf_append_str(out, "&#39;"));
        }
    }
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static enum err add_between(struct buf *out, const char *before, const char *text,
                            const char *after)
{
    TRY(buf_append_str(out, before));
    TRY(add_escaped(out, text));
    return buf_append_str(out, after);
}

static enum err add_name(struct buf *out, const json_t *result)
{
    const char *name = text_of(result, "filename");
    return add_between(out, "<h2>", *name ? name : "A file without a name", "</h2>\n");
}

static enum err add_accepted(struct buf *out, const json_t *result)
{
    const json_t *artefact = json_object_get(result, "artefact");
    json_int_t size = json_integer_value(json_object_get(artefact, "size"));
    const char *status = text_of(artefact, "status");
    TRY(buf_append_str(out, "<p>Received"));
    TRY(add_between(out, " at ", text_of(artefact, "received_at"), ""));
    TRY(add_between(out, " as ", text_of(artefact, "kind"), ""));
    TRY(buf_printf(out, ", %" JSON_INTEGER_FORMAT " bytes.</p>\n", size));
    if (json_object_get(artefact, "duplicate_of"))
        TRY(buf_append_str(out, "<p>The same file had been received already.</p>\n"));
    if (*text_of(artefact, "description"))
        TRY(add_between(out, "<p>Description: ", text_of(artefact, "description"), "</p>\n"));
    if (strcmp(status, "available") != 0)
        TRY(buf_append_str(out, "<p>It is kept and will be checked before it is used.</p>\n"));
    TRY(add_between(out, "<p>Its reference: <code>", text_of(artefact, "id"), "</code></p>\n"));
    return add_between(
        out, "<p>Keep this receipt. It proves what was received, and when:</p>\n<pre>",
        text_of(result, "receipt"), "</pre>\n");
}

static enum err add_problem(struct buf *out, const char *title, const char *detail)
{
    TRY(add_between(out, "<p><strong>", title, "</strong></p>\n"));
    return strcmp(title, detail) != 0 ? add_between(out, "<p>", detail, "</p>\n") : ERR_OK;
}

static enum err add_result(struct buf *out, const json_t *result)
{
    const json_t *problem = json_object_get(result, "problem");
    TRY(add_name(out, result));
    if (!problem)
        return add_accepted(out, result);
    TRY(add_problem(out, text_of(problem, "title"), text_of(problem, "detail")));
    return buf_append_str(out, "<p>Nothing of this file was kept.</p>\n");
}

static const char *heading(const json_t *results, const struct api_trouble *trouble)
{
    size_t refused = 0, i;
    const json_t *one;
    json_array_foreach(results, i, one) refused += json_object_get(one, "problem") != NULL;
    if (trouble || refused == json_array_size(results))
        return "There is a problem";
    return refused > 0 ? "Some files were not received" : "Your evidence was received";
}

enum err form_page(const json_t *results, const struct api_trouble *trouble, struct buf *out)
{
    const char *words = heading(results, trouble);
    size_t i;
    const json_t *one;
    TRY(buf_printf(out,
                   "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">"
                   "<title>%s</title></head>\n<body><main><h1>%s</h1>\n",
                   words, words));
    if (trouble) {
        TRY(add_problem(out, trouble->title, trouble->detail));
        TRY(buf_append_str(out, json_array_size(results) > 0
                                    ? "<p>Before that, these files came:</p>\n"
                                    : "<p>Nothing was kept.</p>\n"));
    }
    json_array_foreach(results, i, one) TRY(add_result(out, one));
    return buf_append_str(out, "</main></body></html>\n");
}
