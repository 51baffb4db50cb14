/* The FHIR R4 facade: a medical report as a DocumentReference. What its rooms share (fhir.c:
 * the calls; fhir_document.c: the resource; fhir_outcome.c: what went wrong; fhir_metadata.c:
 * what there is). Not for others.
 *
 * No published profile covers the SR1: nothing is claimed beyond R4 itself. */
#ifndef GATEWAY_ROUTES_FHIR_H
#define GATEWAY_ROUTES_FHIR_H

#include "gateway/evidence/reports/report.h"
#include "gateway/routes/api.h"
#include "gateway/routes/fhir_shape.h"

#define FHIR_JSON "application/fhir+json"
#define FHIR_NINO "https://evidence-gateway.invalid/fhir/Id/nino"
#define FHIR_CLAIM "https://evidence-gateway.invalid/fhir/Id/claim"
#define FHIR_SHA256 "https://evidence-gateway.invalid/fhir/StructureDefinition/sha-256"
#define FHIR_NHS_NUMBER "https://fhir.nhs.uk/Id/nhs-number"
#define FHIR_ODS_CODE "https://fhir.nhs.uk/Id/ods-organization-code"

enum {
    FHIR_BODY_MAX = 12 * 1024 * 1024,
    FHIR_DOCUMENT_MAX = FHIR_BODY_MAX / 4 * 3, /* base64 */
};

/* --- fhir_document.c --- */
struct fhir_document {
    struct report_facts facts;
    struct buf bytes;    /* the attachment, a secret buffer */
    struct buf resource; /* what is kept of the rest, likewise */
    char title[FILE_NAME_MAX + 1];
    char path[FHIR_PATH_MAX]; /* of what is wrong; "" for none */
};
void fhir_document_init(struct fhir_document *d);
void fhir_document_clear(struct fhir_document *d); /* wipes */
MUST_USE enum err fhir_document_read(const struct buf *body, struct fhir_document *d);
/* The resource as it is given back: with its id, when it came, its hashes, and without its
 * bytes. A new reference. */
MUST_USE enum err fhir_document_view(const struct buf *resource,
                                     const struct artefact_record *a, json_t **out);

/* --- fhir_outcome.c --- */
void fhir_reply(struct http_exchange *x, int status, json_t *resource); /* steals */
/* An OperationOutcome; `path` may be NULL or "". */
void fhir_refuse(struct http_exchange *x, enum err e, const char *path);
/* ERR_OK, or the reply has been made. */
MUST_USE enum err fhir_caller(struct http_exchange *x, struct principal *out);

#endif
