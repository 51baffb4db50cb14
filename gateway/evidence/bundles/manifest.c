/* manifest.json: a member for what the bundle is, then one line for each item, so that people
 * can read it, too. Its SHA-256 is in the log before the first byte of the bundle leaves. */
#include "gateway/evidence/bundles/internal.h"

#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <stdlib.h>

static void put_id(json_t *o, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_put_text(o, name, uuid_is_nil(id) ? NULL : text);
}

static enum err append(struct buf *out, const json_t *value)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    TRY(json_text(value, &text, &len));
    return buf_append(out, text, len);
}

static void put_pages(json_t *o, const struct bundle_item *i)
{
    if (i->first_page == 0)
        return;
    json_put_int(o, "pages", i->pages);
    json_put_int(o, "first_page", i->first_page);
    json_put_int(o, "last_page", (json_int_t)i->first_page + i->pages - 1);
}

static json_t *item_json(const struct bundle_item *i)
{
    char hex[HEX_SIZE(32)], path[BUNDLE_PATH_MAX];
    json_t *o = json_object();
    json_put_int(o, "number", i->number);
    bundle_item_path(i, path);
    json_put_text(o, "file", path);
    put_id(o, "artefact", &i->id);
    json_put_text(o, "kind", i->kind);
    json_put_text(o, "filename", i->filename);
    json_put_text(o, "media_type", i->media_type);
    json_put_int(o, "size", (json_int_t)i->size);
    hex_encode(i->sha256, sizeof(i->sha256), hex);
    json_put_text(o, "sha256", hex);
    json_put_time(o, "received_at", i->received_at);
    json_put_text(o, "sent_by", i->role);
    put_pages(o, i);
    if (i->duration_ms > 0)
        json_put_int(o, "duration_ms", i->duration_ms);
    if (!uuid_is_nil(&i->assessment))
        put_id(o, "assessment", &i->assessment);
    bundle_receipt_path(i, path);
    if (i->receipt)
        json_put_text(o, "receipt", path);
    return o;
}

static json_t *left_json(const struct bundle_left *l)
{
    json_t *o = json_object();
    put_id(o, "artefact", &l->id);
    json_put_text(o, "kind", l->kind);
    json_put_text(o, "filename", l->filename);
    json_put_text(o, "status", l->status);
    json_put_text_if(o, "reason", l->reason);
    return o;
}

/* One line of an array. Steals `o`. */
static enum err line(struct buf *out, bool *first, json_t *o)
{
    AUTO(json_free) json_t *held = o;
    TRY(buf_append_str(out, *first ? "\n    " : ",\n    "));
    *first = false;
    return append(out, held);
}

static enum err items(const struct bundle_plan *plan, bool audio, struct buf *out)
{
    bool first = true;
    TRY(buf_printf(out, ",\n  \"%s\": [", audio ? "audio" : "documents"));
    for (size_t i = 0; i < plan->n_items; i++) {
        if (plan->items[i].audio == audio)
            TRY(line(out, &first, item_json(&plan->items[i])));
    }
    return buf_append_str(out, first ? "]" : "\n  ]");
}

static enum err head(const struct bundle_plan *plan, struct buf *out)
{
    AUTO(json_free) json_t *o = json_object();
    json_put_text(o, "format", "evidence-bundle/1");
    put_id(o, "bundle", &plan->id);
    put_id(o, "claim", &plan->claim);
    json_put_text(o, "external_reference", plan->external_reference);
    json_put_text(o, "purpose", purpose_name(plan->purpose));
    json_put_time(o, "made_at", plan->made_at);
    json_put_int(o, "pages", plan->pages);
    TRY(buf_append_str(out, "{\n  \"about\": "));
    return append(out, o);
}

enum err bundle_manifest_write(const struct bundle_plan *plan, struct buf *out)
{
    bool first = true;
    TRY(head(plan, out));
    TRY(items(plan, false, out));
    TRY(items(plan, true, out));
    if (plan->n_left > 0) {
        TRY(buf_append_str(out, ",\n  \"left_out\": ["));
        for (size_t i = 0; i < plan->n_left; i++)
            TRY(line(out, &first, left_json(&plan->left[i])));
        TRY(buf_append_str(out, "\n  ]"));
    }
    return buf_append_str(out, "\n}\n");
}
