/* index.html: the contents page of a bundle, for people and for what reads aloud to them: one
 * heading a section, one table each with a caption and headers with a scope, links by relative
 * paths, nothing loaded from anywhere. Every text that somebody else wrote is escaped. */
#include "gateway/evidence/bundles/internal.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char HEAD[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en-GB\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n";
static const char STYLE[] =
    "<style>\n"
    "body { font: 1.1em/1.5 sans-serif; color: #0b0c0c; background: #fff; margin: 2em auto;"
    " max-width: 70em; padding: 0 1em }\n"
    "table { border-collapse: collapse; width: 100%; margin: 1em 0 2em }\n"
    "caption { text-align: left; font-weight: bold; padding: .5em 0 }\n"
    "th, td { text-align: left; vertical-align: top; padding: .4em .6em;"
    " border-bottom: 1px solid #505a5f }\n"
    "a { color: #1d70b8 } a:focus { outline: 3px solid #fd0; color: #0b0c0c }\n"
    "code { font-size: .8em; overflow-wrap: anywhere }\n"
    "</style>\n";

static enum err escape(struct buf *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'    ? "&amp;"
                             : *text == '<'  ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;
        TRY(entity ? buf_append_str(out, entity) : buf_append_byte(out, (uint8_t)*text));
    }
    return ERR_OK;
}

/* "further_evidence": "Further evidence" */
static enum err words(struct buf *out, const char *name)
{
    char text[SHORT_TEXT_MAX + 1];
    size_t len = strnlen(name, SHORT_TEXT_MAX);
    for (size_t i = 0; i < len; i++)
        text[i] = name[i] == '_' || name[i] == '-' ? ' ' : name[i];
    text[len] = 0;
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    return escape(out, text);
}

static enum err date(struct buf *out, int64_t micros)
{
    static const char *const MONTHS[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    char text[TIME_TEXT_SIZE];
    struct tm t;
    time_t seconds = (time_t)(micros / MICROS_PER_SECOND);
    time_format(micros, text);
    if (!gmtime_r(&seconds, &t))
        return escape(out, text);
    return buf_printf(out, "<time datetime=\"%s\">%d %s %d</time>", text, t.tm_mday,
                      MONTHS[t.tm_mon], t.tm_year + 1900);
}

static enum err size(struct buf *out, uint64_t bytes)
{
    static const char *const UNITS[] = {"KB", "MB", "GB", "TB"};
    uint64_t unit = 1000;
    size_t i = 0;
    if (bytes < unit)
        return buf_printf(out, "%" PRIu64 " bytes", bytes);
    while (bytes / unit >= 1000 && i + 1 < ARRAY_LEN(UNITS)) {
        unit *= 1000;
        i++;
    }
    uint64_t tenths = bytes / (unit / 10);
    return buf_printf(out, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, UNITS[i]);
}

/* A path's segments are percent-encoded, its slash is not. */
static enum err link(struct buf *out, const char *path, const char *text)
{
    char folder[BUNDLE_PATH_MAX], name[BUNDLE_PATH_MAX * 3];
    const char *slash = strchr(path, '/');
    size_t len = (size_t)(slash - path);
    memcpy(folder, path, len);
    folder[len] = 0;
    TRY(percent_encode(slash + 1, name, sizeof(name)));
    TRY(buf_printf(out, "<a href=\"%s/%s\">", folder, name));
    TRY(escape(out, text));
    return buf_append_str(out, "</a>");
}

static enum err length_cell(struct buf *out, const struct bundle_item *i)
{
    if (i->audio && i->duration_ms > 0)
        return buf_printf(out, "%" PRId64 " min %" PRId64 " s", i->duration_ms / 60000,
                          i->duration_ms / 1000 % 60);
    if (i->first_page == 0)
        return buf_append_str(out, "not known");
    if (i->pages == 1)
        return buf_printf(out, "%u", i->first_page);
    return buf_printf(out, "%u to %u", i->first_page, i->first_page + i->pages - 1);
}

static enum err item_row(struct buf *out, const struct bundle_item *i)
{
    char hex[HEX_SIZE(32)], path[BUNDLE_PATH_MAX];
    bundle_item_path(i, path);
    hex_encode(i->sha256, sizeof(i->sha256), hex);
    TRY(buf_printf(out, "<tr>\n<th scope=\"row\">%u</th>\n<td>", i->number));
    TRY(link(out, path, i->filename[0] ? i->filename : strchr(path, '/') + 1));
    TRY(buf_append_str(out, "</td>\n<td>"));
    TRY(words(out, i->kind));
    TRY(buf_append_str(out, "</td>\n<td>"));
    TRY(date(out, i->received_at));
    TRY(buf_append_str(out, "</td>\n<td>"));
    TRY(words(out, i->role));
    TRY(buf_append_str(out, "</td>\n<td>"));
    TRY(length_cell(out, i));
    TRY(buf_append_str(out, "</td>\n<td>"));
    TRY(size(out, i->size));
    TRY(buf_append_str(out, "</td>\n<td>"));
    bundle_receipt_path(i, path);
    TRY(i->receipt ? link(out, path, "Receipt") : buf_append_str(out, "None"));
    return buf_printf(out, "</td>\n<td><code>%s</code></td>\n</tr>\n", hex);
}

static enum err items(struct buf *out, const struct bundle_plan *plan, bool audio)
{
    bool begun = false;
    for (size_t i = 0; i < plan->n_items; i++) {
        if (plan->items[i].audio != audio)
            continue;
        if (!begun)
            TRY(buf_printf(out,
                           "<h2>%s</h2>\n<table>\n<caption>%s</caption>\n<thead>\n<tr>\n"
                           "<th scope=\"col\">Number</th>\n<th scope=\"col\">File</th>\n"
                           "<th scope=\"col\">Kind</th>\n<th scope=\"col\">Received</th>\n"
                           "<th scope=\"col\">Sent by</th>\n<th scope=\"col\">%s</th>\n"
                           "<th scope=\"col\">Size</th>\n<th scope=\"col\">Receipt</th>\n"
                           "<th scope=\"col\">SHA-256</th>\n</tr>\n</thead>\n<tbody>\n",
                           audio ? "Audio" : "Documents",
                           audio ? "Recordings in this bundle" : "Documents in this bundle",
                           audio ? "Length" : "Pages"));
        begun = true;
        TRY(item_row(out, &plan->items[i]));
    }
    return begun ? buf_append_str(out, "</tbody>\n</table>\n") : ERR_OK;
}

static enum err left_row(struct buf *out, const struct bundle_left *l)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&l->id, id);
    TRY(buf_append_str(out, "<tr>\n<th scope=\"row\">"));
    TRY(escape(out, l->filename[0] ? l->filename : id));
    TRY(buf_append_str(out, "</th>\n<td>"));
    TRY(words(out, l->kind));
    TRY(buf_append_str(out, "</td>\n<td>"));
    TRY(words(out, l->status));
    if (l->reason[0]) {
        TRY(buf_append_str(out, ": "));
        TRY(escape(out, l->reason));
    }
    return buf_append_str(out, "</td>\n</tr>\n");
}

static enum err left(struct buf *out, const struct bundle_plan *plan)
{
    if (plan->n_left == 0)
        return ERR_OK;
    TRY(buf_append_str(out,
                       "<h2>Left out</h2>\n<table>\n<caption>On the claim, but not in this "
                       "bundle</caption>\n<thead>\n<tr>\n<th scope=\"col\">File</th>\n"
                       "<th scope=\"col\">Kind</th>\n<th scope=\"col\">Why</th>\n</tr>\n"
                       "</thead>\n<tbody>\n"));
    for (size_t i = 0; i < plan->n_left; i++)
        TRY(left_row(out, &plan->left[i]));
    return buf_append_str(out, "</tbody>\n</table>\n");
}

static enum err about(struct buf *out, const struct bundle_plan *plan)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&plan->id, id);
    TRY(buf_append_str(out, "<title>Evidence for claim "));
    TRY(escape(out, plan->external_reference));
    TRY(buf_printf(out, "</title>\n%s</head>\n<body>\n<main>\n<h1>Evidence for claim ", STYLE));
    TRY(escape(out, plan->external_reference));
    TRY(buf_append_str(out, "</h1>\n<p>Made on "));
    TRY(date(out, plan->made_at));
    TRY(buf_append_str(out, ". Purpose: "));
    TRY(words(out, plan->purpose == PURPOSE_OWN ? "own copy" : purpose_name(plan->purpose)));
    return buf_printf(out,
                      ". Bundle <code>%s</code>.</p>\n<p>Each file is exactly as it was sent. "
                      "Page numbers run through the documents whose pages could be counted; "
                      "<a href=\"manifest.json\">manifest.json</a> has the same list for "
                      "programs.</p>\n",
                      id);
}

enum err bundle_page_write(const struct bundle_plan *plan, struct buf *out)
{
    TRY(buf_append_str(out, HEAD));
    TRY(about(out, plan));
    TRY(items(out, plan, false));
    TRY(items(out, plan, true));
    if (plan->n_items == 0)
        TRY(buf_append_str(out, "<p>There are no files in this bundle.</p>\n"));
    TRY(left(out, plan));
    return buf_append_str(out, "</main>\n</body>\n</html>\n");
}
