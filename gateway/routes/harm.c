/* Releases from the harm rule, and their revocation. */
#include "gateway/evidence/keeping/harm_release.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

static enum err released_answer(void *ctx, struct replay_answer *out)
{
    const struct harm_release *r = ctx;
    out->status = 201;
    out->body = json_object();
    view_put_id(out->body, "artefact", &r->artefact);
    json_put_time(out->body, "released_at", r->at);
    json_put_text(out->body, "reviewer", r->reviewer);
    json_put_text(out->body, "reason", r->reason);
    return ERR_OK;
}

static enum err release_run(struct http_exchange *x, const struct principal *p,
                            struct replay *once)
{
    struct uuid id;
    struct json_in in;
    char reason[REASON_MAX + 1], reviewer[NAME_TEXT_MAX + 1];
    struct harm_release release;
    AUTO(json_free) json_t *body = NULL;
    TRY(api_id(x, "id", &id));
    TRY(api_body(x, &body));
    TRY(json_in_object(&in, body, "release"));
    TRY(json_in_text(&in, "reason", JSON_REQUIRED, reason, sizeof(reason)));
    TRY(json_in_text(&in, "reviewer", JSON_REQUIRED, reviewer, sizeof(reviewer)));
    TRY(json_in_done(&in));
    replay_keeps(once, released_answer, &release);
    TRY(harm_release(api_of(x)->evidence, p, &id, reviewer, reason, once, &release));
    return api_reply(x, released_answer, &release, NULL);
}
const struct api_creation HARM_RELEASE = {release_run};

static enum err revoked_answer(void *ctx, struct replay_answer *out)
{
    const struct harm_release *r = ctx;
    out->status = 201;
    out->body = json_object();
    view_put_id(out->body, "artefact", &r->artefact);
    json_put_time(out->body, "revoked_at", r->revoked_at);
    json_put_text(out->body, "reason", r->revoked_reason);
    return ERR_OK;
}

static enum err revoke_run(struct http_exchange *x, const struct principal *p,
                           struct replay *once)
{
    struct uuid id;
    char reason[REASON_MAX + 1];
    struct harm_release release;
    TRY(api_id(x, "id", &id));
    TRY(api_reason(x, "revocation", reason));
    replay_keeps(once, revoked_answer, &release);
    TRY(harm_revoke(api_of(x)->evidence, p, &id, reason, once, &release));
    return api_reply(x, revoked_answer, &release, NULL);
}
const struct api_creation HARM_REVOKE = {revoke_run};
