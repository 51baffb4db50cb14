/* Restriction, legal hold and disposal of one artefact. A reason may come with every call;
 * where something is taken away from somebody it has to. */
#include "gateway/evidence/keeping/keeping.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/keeping/disposal.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <string.h>

/* DELETE may come without a body: then there is no reason. */
static enum err reason_read(struct http_exchange *x, bool required, char reason[REASON_MAX + 1])
{
    struct json_in in;
    AUTO(json_free) json_t *body = NULL;
    reason[0] = 0;
    if (!required && http_body(x)->len == 0)
        return ERR_OK;
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "request"));
    TRY(json_in_text(&in, "reason", required ? JSON_REQUIRED : JSON_OPTIONAL, reason,
                     REASON_MAX + 1));
    TRY(json_in_done(&in));
    return !required || reason[0] ? ERR_OK
                                  : refuse_because(REFUSAL_INVALID_REQUEST, "reason: say why");
}

/* --- restriction -------------------------------------------------------------------------- */

static enum err restricted_answer(void *ctx, struct replay_answer *out)
{
    const struct restriction_record *r = ctx;
    out->status = 201;
    out->body = json_object();
    view_put_id(out->body, "artefact", &r->artefact);
    json_put_text(out->body, "status", artefact_status_name(ARTEFACT_RESTRICTED));
    json_put(out->body, "restriction", view_restriction(r));
    return ERR_OK;
}

static enum err restrict_run(struct http_exchange *x, const struct principal *p,
                             struct replay *once)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    struct restriction_record r;
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, true, reason));
    replay_keeps(once, restricted_answer, &r);
    TRY(restriction_make(api_of(x)->evidence, p, &id, reason, once, &r));
    return api_reply(x, restricted_answer, &r, NULL);
}
const struct api_creation ARTEFACT_RESTRICT = {restrict_run};

static enum err unrestrict_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    enum artefact_status after;
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, false, reason));
    TRY(restriction_lift(api_of(x)->evidence, p, &id, reason, &after));
    json_t *body = json_object();
    view_put_id(body, "artefact", &id);
    json_put_text(body, "status", artefact_status_name(after));
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call ARTEFACT_UNRESTRICT = {unrestrict_run};

/* --- hold --------------------------------------------------------------------------------- */

static enum err hold_place_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    struct hold_record hold;
    bool existed = false;
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, true, reason));
    TRY(hold_place(api_of(x)->evidence, p, &id, reason, &existed, &hold));
    json_t *body = json_object();
    view_put_id(body, "artefact", &id);
    json_put(body, "hold", view_hold(&hold));
    http_reply_json(x, existed ? 200 : 201, body);
    return ERR_OK;
}
const struct api_call HOLD_PLACE = {hold_place_run};

static enum err hold_lift_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, false, reason));
    TRY(hold_lift(api_of(x)->evidence, p, &id, reason));
    http_reply_empty(x, 204);
    return ERR_OK;
}
const struct api_call HOLD_LIFT = {hold_lift_run};

/* --- disposal ----------------------------------------------------------------------------- */

static enum err disposal_answer(void *ctx, struct replay_answer *out)
{
    const struct disposal_record *d = ctx;
    out->status = 201;
    out->body = json_object();
    view_put_id(out->body, "artefact", &d->artefact);
    json_put(out->body, "disposal", view_disposal(d, true));
    return ERR_OK;
}

static enum err propose_run(struct http_exchange *x, const struct principal *p,
                            struct replay *once)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    struct disposal_record d;
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, true, reason));
    replay_keeps(once, disposal_answer, &d);
    TRY(disposal_propose(api_of(x)->evidence, p, &id, reason, once, &d));
    return api_reply(x, disposal_answer, &d, NULL);
}
const struct api_creation DISPOSAL_PROPOSE = {propose_run};

static enum err approve_run(struct http_exchange *x, const struct principal *p,
                            struct replay *once)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    struct disposal_record d;
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, false, reason));
    replay_keeps(once, disposal_answer, &d);
    TRY(disposal_approve(api_of(x)->evidence, p, &id, reason, once, &d));
    return api_reply(x, disposal_answer, &d, NULL);
}
const struct api_creation DISPOSAL_APPROVE = {approve_run};

static enum err cancel_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    TRY(api_id(x, "id", &id));
    TRY(reason_read(x, false, reason));
    TRY(disposal_cancel(api_of(x)->evidence, p, &id, reason));
    http_reply_empty(x, 204);
    return ERR_OK;
}
const struct api_call DISPOSAL_CANCEL = {cancel_run};

static enum err disposal_get_run(struct http_exchange *x, const struct principal *p)
{
    struct uuid id;
    struct disposal_record d;
    TRY(api_id(x, "id", &id));
    TRY(disposal_get(api_of(x)->evidence, p, &id, &d));
    json_t *body = json_object();
    view_put_id(body, "artefact", &id);
    json_put(body, "disposal", view_disposal(&d, true));
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call DISPOSAL_GET = {disposal_get_run};
