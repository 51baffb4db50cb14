/* The adapters between HTTP and the domain: one thin function for each call of the API.
 *
 * A call is a row of the table in routes.c. `api_handle` identifies the caller, runs the row's
 * function and turns an error into a problem (problem.c), so that a function reads straight
 * down:  parse -> ask the domain -> reply.
 */
#ifndef GATEWAY_ROUTES_API_H
#define GATEWAY_ROUTES_API_H

#include "gateway/auth/authenticate.h"
#include "gateway/evidence/rules/replay.h"
#include "gateway/http/exchange.h"

struct api { /* http_context of the API's listener */
    struct evidence *evidence;
    struct authenticator *auth;
    const struct kinds *kinds;
    size_t form_files; /* a form carries at most so many */
};

struct api_call {
    enum err (*run)(struct http_exchange *x, const struct principal *p);
};

/* A call that makes something: api_create instead of api_handle. With an Idempotency-Key the
 * first answer is given again, and `run` is called for the first alone. It says by replay_keeps
 * how the answer is made, hands `once` (NULL: no key) down to the domain, and ends with
 * api_reply. */
struct api_creation {
    enum err (*run)(struct http_exchange *x, const struct principal *p, struct replay *once);
};

/* The table; stays for the life of the program. */
const struct http_route *api_routes(size_t *n);

/* --- shared by the rooms of gateway/routes/ --- */
static inline struct api *api_of(struct http_exchange *x)
{
    return http_context(x);
}
void api_handle(struct http_exchange *x);
void api_create(struct http_exchange *x);
/* The Idempotency-Key; "" if there is none. */
MUST_USE enum err api_key(const struct http_exchange *x, char out[IDEMPOTENCY_KEY_MAX + 1]);
/* Replies with what `answer` makes of `ctx`; `receipt` may be NULL. */
MUST_USE enum err api_reply(struct http_exchange *x,
                            enum err (*answer)(void *ctx, struct replay_answer *out), void *ctx,
                            const struct buf *receipt);
/* Such an answer: 201 and a struct artefact_view. */
MUST_USE enum err api_artefact_linked(void *ctx, struct replay_answer *out);
/* ERR_OK, or the reply (401, 403, 503) has been made. */
MUST_USE enum err api_caller(struct http_exchange *x, struct principal *out);
/* The same in two steps. `resuming`: a token of which only the time is up is 423 token-expired,
 * since clients give an upload up at a 401. */
MUST_USE enum err api_identify(struct http_exchange *x, struct principal *out);
void api_refuse_caller(struct http_exchange *x, enum err e, bool resuming);
/* Replies with the problem for an error. */
void api_problem(struct http_exchange *x, enum err e);
/* The same in parts, for who tells it as one among others; what is trouble of ours is logged.
 */
struct api_trouble {
    int status;
    const char *name, *title;
    char detail[ERR_MESSAGE_MAX];
};
void api_trouble_of(struct http_exchange *x, enum err e, struct api_trouble *out);
/* Of api_identify: sets the challenge, too. */
void api_trouble_of_caller(struct http_exchange *x, enum err e, bool resuming,
                           struct api_trouble *out);
/* Its members as RFC 9457 has them: a new reference. */
json_t *api_trouble_json(const struct api_trouble *t);
/* Replies with it, and with the members of `more` (stolen, may be NULL). */
void api_trouble_reply(struct http_exchange *x, const struct api_trouble *t, json_t *more);
/* A path parameter as an id: REFUSAL_NOT_FOUND if it is none. */
MUST_USE enum err api_id(const struct http_exchange *x, const char *name, struct uuid *out);
/* The JSON body: an object, application/json. Steals nothing: json_decref. */
MUST_USE enum err api_body(const struct http_exchange *x, json_t **out);
/* The body of a call that says why, and nothing else: `what` is called so when it is malformed.
 */
MUST_USE enum err api_reason(const struct http_exchange *x, const char *what,
                             char out[REASON_MAX + 1]);
/* purpose=, PURPOSE_NONE if it is not stated. */
MUST_USE enum err api_purpose(const struct http_exchange *x, enum purpose *out);
/* Refuses query arguments that are not in the NULL-terminated list, or that stand twice. */
MUST_USE enum err api_query_known(const struct http_exchange *x, const char *const *names);
/* limit= (1..max, default given) and cursor= */
MUST_USE enum err api_page(const struct http_exchange *x, size_t standard, size_t max,
                           size_t *limit, struct uuid *after);
/* Adds "next" and a Link header when there may be more. */
void api_page_next(struct http_exchange *x, json_t *body, const struct uuid *last);

extern const struct api_creation CLAIM_CREATE, ARTEFACT_LINK_MAKE, ASSESSMENT_CREATE,
    CHOICE_EVENT, CONSENT_CREATE, VIEW_RELEASE;
extern const struct api_call CLAIM_BUNDLE, CLAIM_CHANGE, CLAIM_GET, CLAIM_LIST, CLAIM_HISTORY,
    ARTEFACT_LINKS;
extern const struct api_call ARTEFACT_LIST, ARTEFACT_GET, ARTEFACT_RECEIPT,
    ARTEFACT_LINK_REMOVE, ARTEFACT_CONTENT, ARTEFACT_VIEW, ARTEFACT_WAVEFORM, ARTEFACT_UNLOCK;
extern const struct api_call ASSESSMENT_GET, CONSENT_LIST;
extern const struct api_creation ARTEFACT_RESTRICT, DISPOSAL_PROPOSE, DISPOSAL_APPROVE,
    RETENTION_SHORTEN, RETENTION_SHORTEN_APPROVE, RETENTION_DRAW, RETENTION_SIGN;
extern const struct api_call RETENTION_POLICY, RETENTION_DUE, RETENTION_LIST, RETENTION_LISTS,
    RETENTION_DROP;
extern const struct api_call ARTEFACT_UNRESTRICT, HOLD_PLACE, HOLD_LIFT, DISPOSAL_CANCEL,
    DISPOSAL_GET;
extern const struct api_call LOG_PROOF, LOG_TILE;
extern const struct api_call STATISTICS_GET, AUDIT_EVENTS, SAMPLE_LIST, SAMPLE_GET,
    SAMPLE_POPULATION;
extern const struct api_creation SAMPLE_DRAW, HARM_RELEASE, HARM_REVOKE;

extern const struct api_call CONTACTS_SET, CONTACTS_GET, MESSAGE_LIST;
extern const struct api_creation REQUEST_MAKE;
extern const struct api_call REQUEST_CHANGE, REQUEST_WITHDRAW, REQUEST_LIST, LEASE_TAKE,
    LEASE_RELEASE;

extern const struct api_creation COPY_DELETED, INCIDENT_REVIEW, QUARANTINE_RELEASE;
extern const struct api_call CHOICE_RECEIPT, RETRIEVALS_GET, INCIDENT_LIST;

/* An upload, as its Content-Type says: streamed, so it has functions of its own (intake.h). */
void intake_begin(struct http_exchange *x);
void intake_piece(struct http_exchange *x, const void *data, size_t len);
void intake_finish(struct http_exchange *x);
void intake_done(struct http_exchange *x);

extern const struct api_creation UNLINKED_LINK;
extern const struct api_call UNLINKED_LIST, ARTEFACT_PRINT;
/* A medical report, streamed likewise: a form, a PDF, and the same as FHIR has it. */
void report_intake_begin(struct http_exchange *x);
void report_intake_piece(struct http_exchange *x, const void *data, size_t len);
void report_intake_finish(struct http_exchange *x);
void report_intake_done(struct http_exchange *x);
void fhir_create_begin(struct http_exchange *x);
void fhir_create_piece(struct http_exchange *x, const void *data, size_t len);
void fhir_create_finish(struct http_exchange *x);
void fhir_create_done(struct http_exchange *x);
void fhir_read_handle(struct http_exchange *x);

/* Without a caller. */
void fhir_metadata_handle(struct http_exchange *x);
void log_checkpoint_handle(struct http_exchange *x);
void problem_page_handle(struct http_exchange *x);

#endif
