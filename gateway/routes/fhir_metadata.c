/* GET /fhir/metadata: what this server does, as FHIR says it. For anybody. */
#include "gateway/routes/fhir.h"

/* When this statement last changed. */
#define STATEMENT_DATE "2026-11-22"

static json_t *list_of(json_t *value)
{
    json_t *list = json_array();
    (void)json_array_append_new(list, value);
    return list;
}

static json_t *code(const char *value)
{
    json_t *o = json_object();
    json_put_text(o, "code", value);
    return o;
}

static json_t *document_reference(void)
{
    json_t *o = json_object(), *interactions = json_array();
    (void)json_array_append_new(interactions, code("create"));
    (void)json_array_append_new(interactions, code("read"));
    json_put_text(o, "type", "DocumentReference");
    json_put_text(o, "documentation",
                  "One medical report (SR1, DS1500) as a PDF. Asked for: status current, type, "
                  "category, subject.identifier, date, author, custodian by ODS code, one "
                  "content.attachment with contentType, data, size and hash. A National "
                  "Insurance number is an identifier of the system " FHIR_NINO
                  "; name and date of birth are those of a contained Patient; a claim is an "
                  "identifier of the system " FHIR_CLAIM " in context.related. Who sent it "
                  "reads it back.");
    json_put(o, "interaction", interactions);
    json_put_text(o, "versioning", "no-version");
    json_put_bool(o, "readHistory", false);
    json_put_bool(o, "updateCreate", false);
    json_put_bool(o, "conditionalCreate", false);
    return o;
}

static json_t *rest(void)
{
    json_t *o = json_object(), *security = json_object();
    json_put_bool(security, "cors", false);
    json_put_text(security, "description",
                  "Access tokens of RFC 9068 as bearer tokens, or client certificates.");
    json_put_text(o, "mode", "server");
    json_put(o, "security", security);
    json_put(o, "resource", list_of(document_reference()));
    return o;
}

void fhir_metadata_handle(struct http_exchange *x)
{
    json_t *o = json_object(), *software = json_object(), *implementation = json_object();
    json_put_text(software, "name", "evidence-gateway");
    json_put_text(software, "version", EG_VERSION);
    json_put_text(implementation, "description", "Evidence for claims: medical reports");
    json_put_text(o, "resourceType", "CapabilityStatement");
    json_put_text(o, "status", "active");
    json_put_text(o, "date", STATEMENT_DATE);
    json_put_text(o, "kind", "instance");
    json_put(o, "software", software);
    json_put(o, "implementation", implementation);
    json_put_text(o, "fhirVersion", "4.0.1");
    json_put(o, "format", list_of(json_string(FHIR_JSON)));
    json_put(o, "rest", list_of(rest()));
    fhir_reply(x, 200, o);
}
