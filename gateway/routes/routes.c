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
    READ("/v1/claims/{claim}/bundle", "claim.bundle", CLAIM_BUNDLE),

    WRITE("PUT", "/v1/claims/{claim}/contacts", "contacts.set", CONTACTS_SET),
    READ("/v1/claims/{claim}/contacts", "contacts.get", CONTACTS_GET),
    READ("/v1/claims/{claim}/messages", "message.list", MESSAGE_LIST),
    CREATE("/v1/claims/{claim}/requests", "request.make", REQUEST_MAKE),
    READ("/v1/claims/{claim}/requests", "request.list", REQUEST_LIST),
    WRITE("PATCH", "/v1/claims/{claim}/requests/{id}", "request.change", REQUEST_CHANGE),
    {.method = "DELETE",
     .pattern = "/v1/claims/{claim}/requests/{id}",
     .name = "request.withdraw",
     .body = BODY_NONE,
     .handle = api_handle,
     .meta = &REQUEST_WITHDRAW},
    WRITE("PUT", "/v1/claims/{claim}/lease", "lease.take", LEASE_TAKE),
    {.method = "DELETE",
     .pattern = "/v1/claims/{claim}/lease",
     .name = "lease.release",
     .body = BODY_NONE,
     .handle = api_handle,
     .meta = &LEASE_RELEASE},

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
    READ("/v1/artefacts/{id}/print", "artefact.print", ARTEFACT_PRINT),
    READ("/v1/artefacts/{id}/waveform", "artefact.waveform", ARTEFACT_WAVEFORM),
    WRITE("POST", "/v1/artefacts/{id}/password", "artefact.unlock", ARTEFACT_UNLOCK),
    CREATE("/v1/artefacts/{id}/view-release", "view.release", VIEW_RELEASE),
    CREATE("/v1/artefacts/{id}/links", "link.make", ARTEFACT_LINK_MAKE),
    READ("/v1/artefacts/{id}/links", "link.list", ARTEFACT_LINKS),
    WRITE("DELETE", "/v1/artefacts/{id}/links/{claim}", "link.remove", ARTEFACT_LINK_REMOVE),

    CREATE("/v1/artefacts/{id}/restriction", "restriction.make", ARTEFACT_RESTRICT),
    WRITE("DELETE", "/v1/artefacts/{id}/restriction", "restriction.lift", ARTEFACT_UNRESTRICT),
    WRITE("PUT", "/v1/artefacts/{id}/hold", "hold.place", HOLD_PLACE),
    WRITE("DELETE", "/v1/artefacts/{id}/hold", "hold.lift", HOLD_LIFT),
    CREATE("/v1/artefacts/{id}/disposal", "disposal.propose", DISPOSAL_PROPOSE),
    READ("/v1/artefacts/{id}/disposal", "disposal.get", DISPOSAL_GET),
    WRITE("DELETE", "/v1/artefacts/{id}/disposal", "disposal.cancel", DISPOSAL_CANCEL),
    CREATE("/v1/artefacts/{id}/disposal/approval", "disposal.approve", DISPOSAL_APPROVE),
    READ("/v1/retention/policy", "retention.policy", RETENTION_POLICY),
    CREATE("/v1/retention/shortening", "retention.shorten", RETENTION_SHORTEN),
    CREATE("/v1/retention/shortening/approval", "retention.approve", RETENTION_SHORTEN_APPROVE),
    READ("/v1/retention/due", "retention.due", RETENTION_DUE),
    CREATE("/v1/retention/lists", "retention.draw", RETENTION_DRAW),
    READ("/v1/retention/lists", "retention.lists", RETENTION_LISTS),
    READ("/v1/retention/lists/{id}", "retention.list", RETENTION_LIST),
    CREATE("/v1/retention/lists/{id}/approval", "retention.sign", RETENTION_SIGN),
    {.method = "DELETE",
     .pattern = "/v1/retention/lists/{id}",
     .name = "retention.drop",
     .body = BODY_NONE,
     .handle = api_handle,
     .meta = &RETENTION_DROP},

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
    READ("/v1/assessments/{id}/choice/{event}/receipt", "choice.receipt", CHOICE_RECEIPT),
    READ("/v1/artefacts/{id}/retrievals", "artefact.retrievals", RETRIEVALS_GET),
    CREATE("/v1/artefacts/{id}/retrievals/{session}/deleted", "copy.deleted", COPY_DELETED),
    CREATE("/v1/artefacts/{id}/quarantine-release", "recording.decide", QUARANTINE_RELEASE),
    READ("/v1/incidents", "incident.list", INCIDENT_LIST),
    CREATE("/v1/incidents/{id}/review", "incident.review", INCIDENT_REVIEW),
    CREATE("/v1/claims/{claim}/consents", "consent.create", CONSENT_CREATE),
    READ("/v1/claims/{claim}/consents", "consent.list", CONSENT_LIST),

    READ("/v1/audit/events", "audit.events", AUDIT_EVENTS),
    CREATE("/v1/audit/samples", "sample.draw", SAMPLE_DRAW),
    READ("/v1/audit/samples", "sample.list", SAMPLE_LIST),
    READ("/v1/audit/samples/{id}", "sample.get", SAMPLE_GET),
    READ("/v1/audit/samples/{id}/population", "sample.population", SAMPLE_POPULATION),
    READ("/v1/statistics", "statistics.get", STATISTICS_GET),
    CREATE("/v1/artefacts/{id}/harm-release", "harm.release", HARM_RELEASE),
    CREATE("/v1/artefacts/{id}/harm-release/revocation", "harm.revoke", HARM_REVOKE),

    {.method = "POST",
     .pattern = "/v1/medical-reports",
     .name = "report.create",
     .body = BODY_STREAM,
     .begin = report_intake_begin,
     .piece = report_intake_piece,
     .finish = report_intake_finish,
     .done = report_intake_done},
    {.method = "POST",
     .pattern = "/fhir/DocumentReference",
     .name = "fhir.create",
     .body = BODY_STREAM,
     .begin = fhir_create_begin,
     .piece = fhir_create_piece,
     .finish = fhir_create_finish,
     .done = fhir_create_done},
    {.method = "GET",
     .pattern = "/fhir/DocumentReference/{id}",
     .name = "fhir.read",
     .body = BODY_NONE,
     .handle = fhir_read_handle},
    {.method = "GET",
     .pattern = "/fhir/metadata",
     .name = "fhir.metadata",
     .body = BODY_NONE,
     .handle = fhir_metadata_handle},
    READ("/v1/unlinked", "unlinked.list", UNLINKED_LIST),
    CREATE("/v1/unlinked/{id}/link", "unlinked.link", UNLINKED_LINK),

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
