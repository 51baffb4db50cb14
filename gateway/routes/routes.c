/* The API as one table: every path the gateway answers on its public listener.
 * docs/openapi.yaml describes the same rows; a test compares the two. */
#include "gateway/routes/api.h"
#include "gateway/routes/upload_resource.h"

enum { JSON_BODY_MAX = 64 * 1024 };

#define READ(path, label, call)                                                                \
    {                                                                                          \
        .method = "GET", .pattern = path, .name = label, .body = BODY_NONE,                    \
        .handle = api_handle, .meta = &(call)                                                  \
    }
#define WRITE(verb, path, label, call)                                                         \
    {                                                                                          \
        .method = verb, .pattern = path, .name = label, .body = BODY_COLLECT,                  \
        .body_max = JSON_BODY_MAX, .handle = api_handle, .meta = &(call)                       \
    }
#define CREATE(path, label, call)                                                              \
    {                                                                                          \
        .method = "POST", .pattern = path, .name = label, .body = BODY_COLLECT,                \
        .body_max = JSON_BODY_MAX, .handle = api_create, .meta = &(call)                       \
    }
/* The resource of unfinished uploads: both protocols, all methods. */
#define UPLOAD(label, verb)                                                                    \
    .name = label, .body = BODY_STREAM, .begin = upload_call_begin,                            \
    .piece = upload_call_piece, .finish = upload_call_finish, .done = upload_call_done,        \
    .meta = &(verb), .method_override = true

static const struct http_route ROUTES[] = {
    CREATE("/v1/claims", "claim.create", CLAIM_CREATE),
    READ("/v1/claims", "claim.list", CLAIM_LIST),
    READ("/v1/claims/{claim}", "claim.get", CLAIM_GET),
    WRITE("PATCH", "/v1/claims/{claim}", "claim.change", CLAIM_CHANGE),
    READ("/v1/claims/{claim}/history", "claim.history", CLAIM_HISTORY),

    {.method = "POST",
     .pattern = "/v1/claims/{claim}/artefacts",
     .name = "artefact.create",
     .body = BODY_STREAM,
     .begin = intake_begin,
     .piece = intake_piece,
     .finish = intake_finish,
     .done = intake_done},
    READ("/v1/claims/{claim}/artefacts", "artefact.list", ARTEFACT_LIST),
    READ("/v1/artefacts/{id}", "artefact.get", ARTEFACT_GET),
    READ("/v1/artefacts/{id}/content", "artefact.content", ARTEFACT_CONTENT),
    READ("/v1/artefacts/{id}/receipt", "artefact.receipt", ARTEFACT_RECEIPT),
    READ("/v1/artefacts/{id}/view", "artefact.view", ARTEFACT_VIEW),
    READ("/v1/artefacts/{id}/waveform", "artefact.waveform", ARTEFACT_WAVEFORM),
    CREATE("/v1/artefacts/{id}/view-release", "view.release", VIEW_RELEASE),
    CREATE("/v1/artefacts/{id}/links", "link.make", ARTEFACT_LINK_MAKE),
    {.method = "DELETE",
     .pattern = "/v1/artefacts/{id}/links/{claim}",
     .name = "link.remove",
     .body = BODY_NONE,
     .handle = api_handle,
     .meta = &ARTEFACT_LINK_REMOVE},

    {.method = "POST", .pattern = "/v1/uploads", UPLOAD("upload.create", UPLOAD_CREATE)},
    {.method = "OPTIONS", .pattern = "/v1/uploads", UPLOAD("upload.options", UPLOAD_OPTIONS)},
    {.method = "*", .pattern = "/v1/uploads", UPLOAD("upload.other", UPLOAD_OTHER)},
    {.method = "HEAD", .pattern = "/v1/uploads/{id}", UPLOAD("upload.show", UPLOAD_SHOW)},
    {.method = "GET", .pattern = "/v1/uploads/{id}", UPLOAD("upload.get", UPLOAD_READ)},
    {.method = "PATCH", .pattern = "/v1/uploads/{id}", UPLOAD("upload.append", UPLOAD_APPEND)},
    {.method = "DELETE", .pattern = "/v1/uploads/{id}", UPLOAD("upload.remove", UPLOAD_REMOVE)},
    {.method = "OPTIONS",
     .pattern = "/v1/uploads/{id}",
     UPLOAD("upload.item_options", UPLOAD_OPTIONS)},
    {.method = "*", .pattern = "/v1/uploads/{id}", UPLOAD("upload.item_other", UPLOAD_OTHER)},

    CREATE("/v1/claims/{claim}/assessments", "assessment.create", ASSESSMENT_CREATE),
    READ("/v1/assessments/{id}", "assessment.get", ASSESSMENT_GET),
    CREATE("/v1/assessments/{id}/choice", "choice.record", CHOICE_EVENT),
    CREATE("/v1/claims/{claim}/consents", "consent.create", CONSENT_CREATE),
    READ("/v1/claims/{claim}/consents", "consent.list", CONSENT_LIST),

    {.method = "GET",
     .pattern = "/log/checkpoint",
     .name = "log.checkpoint",
     .body = BODY_NONE,
     .handle = log_checkpoint_handle},
    READ("/log/proof", "log.proof", LOG_PROOF),
    READ("/log/tile/{rest...}", "log.tile", LOG_TILE),
    {.method = "GET",
     .pattern = "/problems/{name}",
     .name = "problem.page",
     .body = BODY_NONE,
     .handle = problem_page_handle},
};

const struct http_route *api_routes(size_t *n)
{
    *n = ARRAY_LEN(ROUTES);
    return ROUTES;
}
