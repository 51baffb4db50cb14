/* The JSON that callers see, made from the domain's views (shapes: docs/openapi.yaml). New
 * references. */
#ifndef GATEWAY_ROUTES_VIEW_H
#define GATEWAY_ROUTES_VIEW_H

#include "gateway/base/json.h"
#include "gateway/evidence/claims/claim.h"
#include "gateway/evidence/claims/consent.h"
#include "gateway/evidence/intake/upload.h"
#include "gateway/evidence/reading/artefact.h"
#include "gateway/evidence/recording/choice.h"

json_t *view_claim(const struct claim_view *v);
json_t *view_artefact(const struct artefact_record *a, bool mine); /* without links */
json_t *view_artefact_whole(const struct artefact_view *v);
/* What the sender is answered about what was just committed: one link, to the claim it went to.
 * Where it repeats an artefact that is there, that one, and "duplicate_of" says so. */
json_t *view_upload(const struct upload_result *r);
/* Where the password of a waiting artefact is sent, and until when. */
json_t *view_awaited(const struct uuid *artefact, int64_t until);
json_t *view_assessment(const struct assessment_view *v, const struct principal *p);
json_t *view_assessment_new(const struct assessment_record *a);
json_t *view_choice_event(const struct choice_event *e);
json_t *view_incident(const struct incident_record *r, bool staff);
json_t *view_retrieval(const struct retrieval_record *r);
json_t *view_consent(const struct consent_record *c);
json_t *view_restriction(const struct restriction_record *r);
json_t *view_hold(const struct hold_record *h);
/* `staff`: who, why and by which policy; else no more than that it is gone, and since when. */
json_t *view_disposal(const struct disposal_record *d, bool staff);
/* What a claim waits for, and what was asked for (view_waiting.c). */
void view_put_waiting(json_t *claim, const struct claim_view *v);
json_t *view_times(const struct artefact_times *t);
json_t *view_request(const struct asking_view *v, const struct principal *p);
json_t *view_counts(const struct asking_counts *c);
json_t *view_lease(const struct lease_view *v);
void view_put_id(json_t *object, const char *name,
                 const struct uuid *id); /* null for the nil id */

#endif
