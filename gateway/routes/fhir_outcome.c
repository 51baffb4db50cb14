/* Errors as FHIR has them: the same refusals as everywhere, worded by the same table. */
#include "gateway/routes/fhir.h"

#include <stdlib.h>
#include <string.h>

#define PROBLEMS "https://evidence-gateway.invalid/problems"

static const struct {
    int status;
    const char *code; /* of R4's issue types */
} CODES[] = {
    {400, "invalid"},   {401, "login"},     {403, "forbidden"},     {404, "not-found"},
    {409, "conflict"},  {413, "too-long"},  {415, "not-supported"}, {422, "business-rule"},
    {429, "throttled"}, {503, "transient"}, {507, "no-store"},
};

static const char *code_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
        if (CODES[i].status == status)
            return CODES[i].code;
    }
    return "exception";
}

static json_t *list_of(json_t *value)
{
    json_t *list = json_array();
    (void)json_array_append_new(list, value);
    return list;
}

static json_t *outcome(const struct api_trouble *t, const char *path)
{
    json_t *coding = json_object(), *details = json_object(), *issue = json_object();
    json_t *o = json_object();
    json_put_text(coding, "system", PROBLEMS);
    json_put_text(coding, "code", t->name);
    json_put(details, "coding", list_of(coding));
    json_put_text(details, "text", t->title);
    json_put_text(issue, "severity", "error");
    json_put_text(issue, "code", code_of(t->status));
    json_put(issue, "details", details);
    json_put_text_if(issue, "diagnostics", t->detail);
    if (path && *path)
        json_put(issue, "expression", list_of(json_string(path)));
    json_put_text(o, "resourceType", "OperationOutcome");
    json_put(o, "issue", list_of(issue));
    return o;
}

void fhir_reply(struct http_exchange *x, int status, json_t *resource)
{
    AUTO(json_free) json_t *owned = resource;
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    enum err e = json_text(owned, &text, &len);
    if (e != ERR_OK) {
        api_problem(x, e);
        return;
    }
    http_reply_header(x, "Cache-Control", "no-store");
    http_reply_bytes(x, status, FHIR_JSON, text, len);
}

static void trouble_reply(struct http_exchange *x, const struct api_trouble *t,
                          const char *path)
{
    if (t->status == 503)
        http_reply_header(x, "Retry-After", "5");
    fhir_reply(x, t->status, outcome(t, path));
}

void fhir_refuse(struct http_exchange *x, enum err e, const char *path)
{
    struct api_trouble t;
    api_trouble_of(x, e, &t);
    trouble_reply(x, &t, path);
}

enum err fhir_caller(struct http_exchange *x, struct principal *out)
{
    struct api_trouble t;
    enum err e = api_identify(x, out);
    if (e == ERR_OK)
        return ERR_OK;
    api_trouble_of_caller(x, e, false, &t);
    trouble_reply(x, &t, NULL);
    return e;
}
