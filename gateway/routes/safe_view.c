/* The safe view and the waveform: derivatives, and said to be. The picture is made by an
 * inspector; what a browser does with it is bound all the same. */
#include "gateway/evidence/reading/safe_view.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_TEXT_MAX = 7 };

static enum err page_wanted(const struct http_exchange *x, uint32_t *out)
{
    const char *text = http_query(x, "page");
    char *end = NULL;
    *out = 1;
    if (!text)
        return ERR_OK;
    size_t len = strlen(text);
    bool digits = len > 0 && len <= PAGE_TEXT_MAX && strspn(text, "0123456789") == len;
    *out = digits ? (uint32_t)strtoul(text, &end, 10) : 0;
    return *out > 0 ? ERR_OK
                    : refuse_because(REFUSAL_INVALID_REQUEST, "page is a number from 1");
}

static void reply_picture(struct http_exchange *x, const struct safe_view *v)
{
    char id[UUID_TEXT_SIZE], link[96], disposition[64], figure[16];
    uuid_format(&v->artefact.id, id);
    (void)snprintf(link, sizeof(link), "</v1/artefacts/%s/content>; rel=\"original\"", id);
    (void)snprintf(disposition, sizeof(disposition), "inline; filename=\"view-%u.%s\"", v->page,
                   strcmp(v->media_type, "image/png") == 0 ? "png" : "jpg");
    (void)snprintf(figure, sizeof(figure), "%u", v->pages);
    http_reply_header(x, "Link", link);
    http_reply_header(x, "Content-Disposition", disposition);
    http_reply_header(x, "Content-Security-Policy", "sandbox; default-src 'none'");
    http_reply_header(x, "Cross-Origin-Resource-Policy", "same-origin");
    http_reply_header(x, "Evidence-Derivative", "rendered");
    http_reply_header(x, "Evidence-Pages", figure);
    http_reply_bytes(x, 200, v->media_type, v->picture.data, v->picture.len);
}

static enum err view_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"purpose", "page", NULL};
    AUTO_FREE struct safe_view *view = calloc(1, sizeof(*view));
    enum purpose purpose;
    uint32_t page;
    struct uuid id;
    if (!view)
        return err_set(ERR_NOMEM, "a view");
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "id", &id));
    TRY(api_purpose(x, &purpose));
    TRY(page_wanted(x, &page));
    enum err e = safe_view_render(api_of(x)->evidence, p, &id, purpose, page, view);
    if (e == ERR_OK)
        reply_picture(x, view);
    struct err_info outcome;
    err_save(e, &outcome);
    buf_clear(&view->picture);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}
const struct api_call ARTEFACT_VIEW = {view_run};

static enum err waveform_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"purpose", NULL};
    AUTO_FREE struct waveform *w = calloc(1, sizeof(*w));
    enum purpose purpose;
    struct uuid id;
    if (!w)
        return err_set(ERR_NOMEM, "a waveform");
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "id", &id));
    TRY(api_purpose(x, &purpose));
    TRY(waveform_get(api_of(x)->evidence, p, &id, purpose, w));
    json_t *body = json_object(), *peaks = json_array();
    for (size_t i = 0; i < w->n; i++)
        (void)json_array_append_new(peaks, json_integer(w->peaks[i]));
    view_put_id(body, "artefact", &id);
    json_put_int(body, "duration_ms", w->duration_ms);
    json_put_int(body, "full_scale", UINT16_MAX);
    json_put(body, "peaks", peaks);
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call ARTEFACT_WAVEFORM = {waveform_run};

static enum err released_answer(void *ctx, struct replay_answer *out)
{
    const struct view_release *r = ctx;
    out->status = 201;
    out->body = json_object();
    view_put_id(out->body, "artefact", &r->artefact);
    json_put_time(out->body, "released_at", r->at);
    json_put_text(out->body, "reason", r->reason);
    return ERR_OK;
}

static enum err release_run(struct http_exchange *x, const struct principal *p,
                            struct replay *once)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    struct view_release release;
    TRY(api_id(x, "id", &id));
    TRY(api_reason(x, "release", reason));
    replay_keeps(once, released_answer, &release);
    TRY(safe_view_release(api_of(x)->evidence, p, &id, reason, once, &release));
    return api_reply(x, released_answer, &release, NULL);
}
const struct api_creation VIEW_RELEASE = {release_run};
