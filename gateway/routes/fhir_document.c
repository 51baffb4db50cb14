/* DocumentReference: what a sender's system says of a report, and what it is given back.
 *
 * What is kept is what was checked, less the document's bytes; what is given back is that with
 * an id, a version and our own SHA-256 beside R4's SHA-1. A resource is written once: its
 * version is 1. */
#include "gateway/routes/fhir.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/claims/claim.h"
#include "gateway/http/fields.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHA1_BYTES = 20, ODS_MIN = 3, ODS_MAX = 10, NHS_DIGITS = 10 };

void fhir_document_init(struct fhir_document *d)
{
    memset(d, 0, sizeof(*d));
    buf_init_secret(&d->bytes, FHIR_DOCUMENT_MAX);
    buf_init_secret(&d->resource, REPORT_RESOURCE_MAX);
}

void fhir_document_clear(struct fhir_document *d)
{
    buf_clear(&d->bytes);
    buf_clear(&d->resource);
    sodium_memzero(&d->facts, sizeof(d->facts));
}

static enum err wrong(struct fhir_document *d, const char *path, const char *why)
{
    (void)snprintf(d->path, sizeof(d->path), "%s", path);
    return refuse_because(REFUSAL_INVALID_REQUEST, "%s", why);
}

static const char *text_at(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

/* --- the attachment ----------------------------------------------------------------------- */

static enum err attachment_bytes(struct fhir_document *d, const json_t *attachment)
{
    const json_t *data = json_object_get(attachment, "data");
    size_t chars = json_string_length(data), len = 0;
    if (chars / 4 * 3 > FHIR_DOCUMENT_MAX)
        return refuse_because(REFUSAL_FILE_TOO_LARGE, "a document has at most %d MB",
                              FHIR_DOCUMENT_MAX >> 20);
    AUTO_FREE uint8_t *bytes = malloc(chars / 4 * 3 + 1);
    if (!bytes)
        return err_set(ERR_NOMEM, "a document");
    enum err e = base64_decode(BASE64_STANDARD, json_string_value(data), chars, bytes,
                               chars / 4 * 3, &len);
    if (e == ERR_OK)
        e = buf_append(&d->bytes, bytes, len);
    sodium_memzero(bytes, chars / 4 * 3);
    return e == ERR_INVALID
               ? wrong(d, "DocumentReference.content[0].attachment.data", "this is not base64")
               : e;
}

static enum err attachment_read(struct fhir_document *d, const json_t *attachment)
{
    uint8_t stated[SHA1_BYTES + 1], found[EVP_MAX_MD_SIZE];
    const json_t *hash = json_object_get(attachment, "hash");
    size_t len = 0;
    unsigned found_len = 0;
    TRY(attachment_bytes(d, attachment));
    if (json_integer_value(json_object_get(attachment, "size")) != (json_int_t)d->bytes.len)
        return wrong(d, "DocumentReference.content[0].attachment.size",
                     "the data has another size");
    if (base64_decode(BASE64_STANDARD, json_string_value(hash), json_string_length(hash),
                      stated, sizeof(stated), &len) != ERR_OK ||
        len != SHA1_BYTES)
        return wrong(d, "DocumentReference.content[0].attachment.hash",
                     "this is not a SHA-1 in base64");
    if (EVP_Digest(d->bytes.data, d->bytes.len, found, &found_len, EVP_sha1(), NULL) != 1)
        return err_set(ERR_INTERNAL, "SHA-1");
    if (memcmp(stated, found, SHA1_BYTES) != 0)
        return refuse(REFUSAL_DIGEST_MISMATCH);
    const char *title = text_at(attachment, "title");
    return *title && field_filename_clean(title, d->title, sizeof(d->title)) != ERR_OK
               ? wrong(d, "DocumentReference.content[0].attachment.title",
                       "this cannot be a file's name")
               : ERR_OK;
}

/* --- who ---------------------------------------------------------------------------------- */

static bool good_ods(const char *code)
{
    size_t len = strlen(code);
    for (const char *c = code; *c; c++) {
        if (!isupper((unsigned char)*c) && !isdigit((unsigned char)*c))
            return false;
    }
    return len >= ODS_MIN && len <= ODS_MAX;
}

/* Ten digits, weights 10 to 2 on the first nine; 11 is 0, 10 is none. */
static bool good_nhs_number(const char *text)
{
    int sum = 0;
    if (strlen(text) != NHS_DIGITS || strspn(text, "0123456789") != NHS_DIGITS)
        return false;
    for (int i = 0; i < NHS_DIGITS - 1; i++)
        sum += (text[i] - '0') * (NHS_DIGITS - i);
    int check = 11 - sum % 11;
    return (check == 11 ? 0 : check) == text[NHS_DIGITS - 1] - '0';
}

static enum err custodian_read(struct fhir_document *d, const json_t *custodian)
{
    const json_t *identifier = json_object_get(custodian, "identifier");
    if (strcmp(text_at(identifier, "system"), FHIR_ODS_CODE) != 0 ||
        !good_ods(text_at(identifier, "value")))
        return wrong(d, "DocumentReference.custodian.identifier",
                     "the custodian is named by its ODS code");
    return ERR_OK;
}

static enum err identifier_read(struct fhir_document *d, const json_t *identifier)
{
    const char *system = text_at(identifier, "system"), *value = text_at(identifier, "value");
    if (!*value)
        return wrong(d, "DocumentReference.subject.identifier.value", "missing");
    if (strcmp(system, FHIR_NINO) == 0 && nino_clean(value, d->facts.patient.nino) != ERR_OK)
        return wrong(d, "DocumentReference.subject.identifier.value",
                     "this is not a National Insurance number");
    if (strcmp(system, FHIR_NHS_NUMBER) == 0 && !good_nhs_number(value))
        return wrong(d, "DocumentReference.subject.identifier.value",
                     "this is not an NHS number");
    return ERR_OK;
}

/* The whole name as people write it: that of the first HumanName. */
static void name_join(const json_t *name, char *out, size_t cap)
{
    const json_t *given = json_object_get(name, "given");
    size_t len = 0;
    (void)snprintf(out, cap, "%s", text_at(name, "text"));
    if (!*text_at(name, "family"))
        return;
    out[0] = 0;
    for (size_t i = 0; i < json_array_size(given) && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s ",
                                json_string_value(json_array_get(given, i)));
    if (len < cap)
        len += (size_t)snprintf(out + len, cap - len, "%s", text_at(name, "family"));
    if (len >= cap)
        out[0] = 0;
}

static enum err patient_read(struct fhir_document *d, const json_t *patient)
{
    static const char NAME[] = "DocumentReference.contained[0].name[0]";
    struct report_patient *p = &d->facts.patient;
    const json_t *name = json_array_get(json_object_get(patient, "name"), 0);
    const char *born = text_at(patient, "birthDate");
    const json_t *ids = json_object_get(patient, "identifier");
    if (name) {
        name_join(name, p->name, sizeof(p->name));
        if (report_name_check(p->name) != ERR_OK)
            return wrong(d, NAME, "this is not a name of at most 100 characters");
    }
    if (strlen(born) == DATE_TEXT) {
        if (report_born_check(born, clock_now()) != ERR_OK)
            return wrong(d, "DocumentReference.contained[0].birthDate", "in the future");
        memcpy(p->born, born, DATE_TEXT + 1);
    }
    for (size_t i = 0; i < json_array_size(ids) && !p->nino[0]; i++)
        TRY(identifier_read(d, json_array_get(ids, i)));
    return ERR_OK;
}

/* A contained resource has to be referred to (R4, dom-3), and it is the subject. */
static enum err subject_read(struct fhir_document *d, const json_t *root)
{
    const json_t *subject = json_object_get(root, "subject");
    const json_t *contained = json_object_get(root, "contained");
    const json_t *patient = json_array_get(contained, 0);
    const char *reference = text_at(subject, "reference");
    TRY(identifier_read(d, json_object_get(subject, "identifier")));
    if (json_array_size(contained) > 1)
        return wrong(d, "DocumentReference.contained[1]", "one patient is taken here");
    bool points = *reference == '#';
    if (!patient)
        return points ? wrong(d, "DocumentReference.subject.reference",
                              "there is no such contained resource")
                      : ERR_OK;
    if (!points || strcmp(reference + 1, text_at(patient, "id")) != 0)
        return wrong(d, "DocumentReference.subject.reference",
                     "the contained patient is the subject");
    return patient_read(d, patient);
}

static enum err claim_read(struct fhir_document *d, const json_t *context)
{
    const json_t *related = json_object_get(context, "related");
    for (size_t i = 0; i < json_array_size(related); i++) {
        const json_t *identifier = json_object_get(json_array_get(related, i), "identifier");
        if (strcmp(text_at(identifier, "system"), FHIR_CLAIM) != 0)
            continue;
        d->facts.has_claim = true;
        if (uuid_parse(text_at(identifier, "value"), &d->facts.claim) != ERR_OK)
            return refuse(REFUSAL_CLAIM_NOT_FOUND);
    }
    return ERR_OK;
}

/* --- the resource ------------------------------------------------------------------------- */

/* There is no code for either form: whoever means the older one says so. */
static void form_read(struct fhir_document *d, const json_t *type)
{
    const json_t *codings = json_object_get(type, "coding");
    bool older = strcasestr(text_at(type, "text"), "DS1500") != NULL;
    for (size_t i = 0; i < json_array_size(codings); i++)
        older = older || strcasestr(text_at(json_array_get(codings, i), "code"), "DS1500");
    (void)snprintf(d->facts.form, sizeof(d->facts.form), "%s", older ? "ds1500" : "sr1");
}

static enum err resource_keep(struct fhir_document *d, json_t *root, json_t *attachment)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    (void)json_object_del(attachment, "data");
    TRY(json_text(root, &text, &len));
    enum err e = buf_append(&d->resource, text, len);
    sodium_memzero(text, len);
    return e == ERR_TOO_LARGE
               ? wrong(d, "DocumentReference", "all but the document has at most 48 KB")
               : e;
}

static enum err resource_read(struct fhir_document *d, json_t *root)
{
    json_t *contents = json_object_get(root, "content");
    json_t *attachment = json_object_get(json_array_get(contents, 0), "attachment");
    if (json_array_size(contents) != 1)
        return wrong(d, "DocumentReference.content", "one document is taken here");
    form_read(d, json_object_get(root, "type"));
    TRY(custodian_read(d, json_object_get(root, "custodian")));
    TRY(subject_read(d, root));
    TRY(claim_read(d, json_object_get(root, "context")));
    TRY(attachment_read(d, attachment));
    TRY(resource_keep(d, root, attachment));
    d->facts.resource = buf_text(&d->resource);
    return ERR_OK;
}

enum err fhir_document_read(const struct buf *body, struct fhir_document *d)
{
    AUTO(json_free) json_t *root = NULL;
    TRY(json_parse(body->data, body->len, &root));
    TRY(fhir_check(root, "DocumentReference", FHIR_DOCUMENT_REFERENCE, d->path));
    d->path[0] = 0;
    return resource_read(d, root);
}

/* --- given back --------------------------------------------------------------------------- */

static void put_meta(json_t *root, const struct artefact_record *a)
{
    json_t *meta = json_object();
    json_put_text(meta, "versionId", "1");
    json_put_time(meta, "lastUpdated", a->received_at);
    json_put(root, "meta", meta);
}

static void put_sha256(json_t *attachment, const struct artefact_record *a)
{
    char hex[HEX_SIZE(32)];
    json_t *extension = json_object(), *list = json_array();
    hex_encode(a->sha256, sizeof(a->sha256), hex);
    json_put_text(extension, "url", FHIR_SHA256);
    json_put_text(extension, "valueString", hex);
    (void)json_array_append_new(list, extension);
    json_put(attachment, "extension", list);
}

enum err fhir_document_view(const struct buf *resource, const struct artefact_record *a,
                            json_t **out)
{
    AUTO(json_free) json_t *root = NULL;
    char id[UUID_TEXT_SIZE];
    enum err e = json_parse(resource->data, resource->len, &root);
    if (e != ERR_OK)
        return e == ERR_INVALID ? err_set(ERR_CORRUPT, "a kept resource cannot be read") : e;
    uuid_format(&a->id, id);
    json_put_text(root, "id", id);
    put_meta(root, a);
    json_t *content = json_array_get(json_object_get(root, "content"), 0);
    put_sha256(json_object_get(content, "attachment"), a);
    *out = TAKE(root);
    return ERR_OK;
}
