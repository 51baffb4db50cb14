/* The password of a file that waits for it. It has no Idempotency-Key: what is kept of a call
 * that has one is a fingerprint of its payload. */
#include "gateway/evidence/inspection/unlock.h"
#include "gateway/routes/api.h"
#include "gateway/routes/view.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* The tree's own copy goes, too. */
static void wipe(json_t *body)
{
    json_t *text = json_object_get(body, "password");
    if (json_is_string(text))
        sodium_memzero((void *)(uintptr_t)json_string_value(text), json_string_length(text));
}

static enum err password_read(json_t *body, char out[UNLOCK_PASSWORD_MAX + 1])
{
    struct json_in in;
    TRY(json_in_object(&in, body, "password"));
    TRY(json_in_text(&in, "password", JSON_REQUIRED, out, UNLOCK_PASSWORD_MAX + 1));
    return json_in_done(&in);
}

static enum err reply(struct http_exchange *x, const struct principal *p, enum err e,
                      const struct unlock_result *r)
{
    struct api_trouble trouble;
    json_t *body = json_object();
    if (e != ERR_OK)
        api_trouble_of(x, e, &trouble);
    if (r->receipt.len > 0)
        json_put_text(body, "receipt", buf_text(&r->receipt));
    if (e != ERR_OK) {
        api_trouble_reply(x, &trouble, body);
        return ERR_OK;
    }
    bool mine = strcmp(r->artefact.uploader.issuer, p->issuer) == 0 &&
                strcmp(r->artefact.uploader.subject, p->subject) == 0;
    json_put(body, "artefact", view_artefact(&r->artefact, mine));
    http_reply_json(x, 200, body);
    return ERR_OK;
}

static enum err unlock_run(struct http_exchange *x, const struct principal *p)
{
    AUTO(json_free) json_t *body = NULL;
    AUTO_FREE struct unlock_result *result = calloc(1, sizeof(*result));
    char password[UNLOCK_PASSWORD_MAX + 1] = "";
    struct uuid id;
    if (!result)
        return err_set(ERR_NOMEM, "opening a file");
    TRY(api_id(x, "id", &id));
    TRY(api_body(x, &body));
    enum err e = password_read(body, password);
    wipe(body);
    if (e == ERR_OK) {
        e = artefact_unlock(api_of(x)->evidence, p, &id, password, result);
        e = reply(x, p, e, result);
        buf_clear(&result->receipt);
    }
    sodium_memzero(password, sizeof(password));
    return e;
}
const struct api_call ARTEFACT_UNLOCK = {unlock_run};
