/* Invariants: no byte of an original leaves this file; a picture does only after the inspector
 * that made it has ended well. */
#include "gateway/evidence/reading/safe_view.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/inspection/findings.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/payload.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/reading/unseal.h"
#include "gateway/evidence/rules/authority.h"
#include "gateway/inspect/inspection.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { PICTURE_MAX = 64 * 1024 * 1024 };

/* --- rendering ---------------------------------------------------------------------------- */

struct rendering {
    struct retrieval *retrieval; /* one of the two gives the bytes */
    uint64_t at;
    struct payload payload;
    struct buf *picture;
};

static enum err read_session(void *of, void *data, size_t cap, size_t *len)
{
    struct rendering *r = of;
    TRY(retrieve_read(r->retrieval, r->at, data, cap, len));
    r->at += *len;
    return ERR_OK;
}

static enum err read_payload(void *of, void *data, size_t cap, size_t *len)
{
    struct rendering *r = of;
    const uint8_t *chunk = NULL;
    if (cap < AGE_CHUNK_SIZE)
        return err_set(ERR_INTERNAL, "a renderer reads whole chunks");
    TRY(payload_next(&r->payload, &chunk, len));
    memcpy(data, chunk, *len);
    return ERR_OK;
}

static enum err take_picture(void *of, const void *data, size_t len)
{
    return buf_append(((struct rendering *)of)->picture, data, len);
}

static enum err render(struct evidence *ev, struct rendering *r,
                       enum err (*read)(void *, void *, size_t, size_t *),
                       struct safe_view *out)
{
    struct render_source source = {.read = read, .sink = take_picture, .of = r};
    struct render_info info;
    enum err e = inspection_render(ev->parts.inspectors, out->artefact.media_type,
                                   out->page - 1, &source, &info);
    if (e == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(e);
    out->media_type = info.media_type;
    out->width = info.width;
    out->height = info.height;
    out->pages = info.pages;
    return ERR_OK;
}

static enum err render_available(struct evidence *ev, const struct principal *p,
                                 enum purpose stated, struct safe_view *out)
{
    AUTO(retrieve_free) struct retrieval *retrieval = NULL;
    struct rendering r = {.picture = &out->picture};
    TRY(retrieve_prepare(ev, p, &out->artefact.id, stated, &retrieval));
    TRY(retrieve_open(retrieval));
    r.retrieval = retrieval;
    return render(ev, &r, read_session, out);
}

/* --- what is infected --------------------------------------------------------------------- */

static bool is_infected(const struct artefact_record *a)
{
    return a->status == ARTEFACT_RESTRICTED &&
           strcmp(a->status_reason, STATUS_REASON_INFECTED) == 0;
}

struct view_act {
    const struct principal *p;
    enum purpose stated;
    struct uuid id;
    uint32_t page;
    struct artefact_record artefact;
    struct buf header;
    uint64_t entry;
};

static enum err released(struct db *db, const struct artefact_record *a)
{
    struct view_release release;
    if (!is_infected(a))
        return refuse(REFUSAL_NOT_AVAILABLE);
    enum err found = view_release_find(db, &a->id, &release);
    return found == ERR_NOT_FOUND ? refuse(REFUSAL_NOT_AVAILABLE) : found;
}

static enum err view_apply(struct commit_tx *tx, void *ctx)
{
    struct view_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    struct ledger_ref ref;
    TRY(authority_artefact(db, &act->id, act->p, ACTION_ARTEFACT_VIEW, act->stated, &access));
    TRY(released(db, &access.artefact));
    act->artefact = access.artefact;
    buf_reset(&act->header);
    TRY(header_get(db, &act->id, &act->header));
    AUTO(json_free) json_t *entry = entry_new("view.opened", act->p, access.role);
    entry_artefact(entry, &access.artefact);
    json_put_text(entry, "purpose", purpose_name(access.purpose));
    json_put_text(entry, "status", artefact_status_name(access.artefact.status));
    json_put_int(entry, "page", act->page);
    TRY(entry_append_linked(tx, entry, &access.artefact, &ref));
    act->entry = ref.index;
    return ERR_OK;
}

static enum err payload_render(struct evidence *ev, const struct blob_reader *blob,
                               const uint8_t key[AGE_PAYLOAD_KEY_SIZE], struct safe_view *out)
{
    struct rendering r = {.picture = &out->picture};
    struct err_info outcome;
    enum err e = payload_open(ev->openers, blob, key, out->artefact.size, &r.payload);
    if (e == ERR_OK)
        e = render(ev, &r, read_payload, out);
    err_save(e, &outcome);
    payload_clear(&r.payload);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

static enum err render_infected(struct evidence *ev, struct view_act *act,
                                struct safe_view *out)
{
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {0};
    TRY(blob_open(ev->parts.blobs, &act->id, &blob));
    TRY(evidence_commit(ev, view_apply, act, NULL));
    const struct unsealing unsealing = {
        ev->parts.ledger, ev->parts.keeper, &act->id, &act->header, act->entry};
    enum err e = unseal_key(&unsealing, blob, key);
    if (e == ERR_OK)
        e = payload_render(ev, blob, key, out);
    sodium_memzero(key, sizeof(key));
    return e;
}

/* --- the view ----------------------------------------------------------------------------- */

static enum err permitted(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          enum action action, enum purpose stated, struct artefact_access *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    if (ev->config.intake_only)
        return refuse(REFUSAL_INTAKE_ONLY);
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_artefact(db, id, p, action, stated, out));
    return out->artefact.status == ARTEFACT_RESTRICTED && action == ACTION_ARTEFACT_VIEW
               ? released(db, &out->artefact)
               : ERR_OK;
}

static enum err note_denied(struct evidence *ev, const struct principal *p,
                            const struct artefact_record *a, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    bool nothing = uuid_is_nil(&a->id) || why.detail == REFUSAL_PURPOSE_REQUIRED;
    if (e != ERR_REFUSED || nothing)
        return err_restore(&why);
    json_t *entry = denial_new(ev, p, "read.denied", (enum refusal)why.detail);
    if (entry)
        entry_artefact(entry, a);
    denial_note(ev, entry);
    return err_restore(&why);
}

enum err safe_view_render(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          enum purpose stated, uint32_t page, struct safe_view *out)
{
    struct artefact_access access;
    assert(page > 0);
    *out = (struct safe_view){.page = page};
    buf_init_secret(&out->picture, PICTURE_MAX);
    enum err e = permitted(ev, p, id, ACTION_ARTEFACT_VIEW, stated, &access);
    if (e != ERR_OK)
        return note_denied(ev, p, &access.artefact, e);
    out->artefact = access.artefact;
    if (!ev->parts.inspectors)
        return err_set(ERR_UNAVAILABLE, "there are no inspectors here to render it");
    if (access.artefact.status == ARTEFACT_AVAILABLE)
        return render_available(ev, p, stated, out);
    struct view_act act = {.p = p, .stated = stated, .id = *id, .page = page};
    struct err_info outcome;
    buf_init(&act.header, AGE_HEADER_MAX);
    err_save(render_infected(ev, &act, out), &outcome);
    buf_clear(&act.header);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

/* --- release ------------------------------------------------------------------------------ */

struct release_act {
    const struct principal *p;
    struct view_release *release;
};

static enum err release_apply(struct commit_tx *tx, void *ctx)
{
    struct release_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    struct ledger_ref ref;
    TRY(authority_artefact(db, &act->release->artefact, act->p, ACTION_VIEW_RELEASE,
                           PURPOSE_NONE, &access));
    if (!is_infected(&access.artefact))
        return refuse_because(REFUSAL_CONFLICT, "it is not restricted for being infected");
    enum err made = view_release_insert(db, act->release);
    if (made == ERR_EXISTS)
        return refuse_because(REFUSAL_CONFLICT, "its view is released already");
    TRY(made);
    AUTO(json_free) json_t *entry = entry_new("view.released", act->p, access.role);
    entry_artefact(entry, &access.artefact);
    json_put_text(entry, "reason", act->release->reason);
    return entry_append_linked(tx, entry, &access.artefact, &ref);
}

enum err safe_view_release(struct evidence *ev, const struct principal *p,
                           const struct uuid *id, const char *reason, struct replay *once,
                           struct view_release *out)
{
    struct release_act act = {.p = p, .release = out};
    *out = (struct view_release){.artefact = *id, .at = clock_now(), .by = person_of(p)};
    (void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
    replay_needs(once, ACTION_VIEW_RELEASE, NULL, id, REFUSAL_NOT_FOUND);
    return replay_commit(ev, once, release_apply, &act);
}

/* --- the outline of a recording ----------------------------------------------------------- */

enum err waveform_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                      enum purpose stated, struct waveform *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    struct inspection_record inspection;
    enum err e = permitted(ev, p, id, ACTION_ARTEFACT_CONTENT, stated, &access);
    if (e != ERR_OK)
        return note_denied(ev, p, &access.artefact, e);
    *out = (struct waveform){.n = 0};
    TRY(db_read_begin(ev->parts.db, &db));
    enum err found = waveform_find(db, id, out->peaks, &out->n);
    if (found == ERR_NOT_FOUND)
        return refuse_because(REFUSAL_NOT_FOUND, "it has no waveform");
    TRY(found);
    TRY(inspection_find(db, id, &inspection));
    out->duration_ms = inspection.duration_ms;
    return ERR_OK;
}
