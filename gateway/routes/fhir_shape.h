/* What a FHIR R4 resource may be made of, as tables: each element with its type, how often it
 * stands, and what is inside. An element that is in no table is refused, and so is what R4
 * forbids everywhere (null, empty texts, lists and objects): what passes is stored and given
 * back, and has to be good R4 then, too. */
#ifndef GATEWAY_ROUTES_FHIR_SHAPE_H
#define GATEWAY_ROUTES_FHIR_SHAPE_H

#include "gateway/base/json.h"

enum fhir_type {
    FHIR_STRING,
    FHIR_CODE,
    FHIR_URI,
    FHIR_ID,
    FHIR_DATE,
    FHIR_DATETIME,
    FHIR_INSTANT,
    FHIR_BASE64,
    FHIR_UINT,
    FHIR_OBJECT,  /* of `inside` */
    FHIR_DROPPED, /* anything; it is not kept */
};
struct fhir_element {
    const char *name;
    enum fhir_type type;
    bool list, required;
    const char *one_of;                /* "a b c"; NULL: any */
    const struct fhir_element *inside; /* ends with a NULL name */
};

enum { FHIR_PATH_MAX = 160 };

/* DocumentReference with at most one contained Patient. */
extern const struct fhir_element FHIR_DOCUMENT_REFERENCE[];

/* Checks, and takes out what is not kept. ERR_INVALID, and `path` is the FHIRPath of what is
 * wrong ("DocumentReference.content[0].attachment.hash"). */
MUST_USE enum err fhir_check(json_t *resource, const char *name,
                             const struct fhir_element *elements, char path[FHIR_PATH_MAX]);

#endif
