/* Invariants: nothing of the document but the name of a member stands in a message; what is
 * read is what is checked, so that a form that was accepted can be printed field by field. */
#include "gateway/evidence/reports/form.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/claims/claim.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Local time here is at most so far ahead of UTC: a date that has begun there is not in the
 * future. */
#define REPORT_LOCAL_AHEAD (3600 * MICROS_PER_SECOND)

static const struct {
    const char *name, *words;
} SIGNERS[SIGNER_COUNT] = {
    [SIGNER_NURSE] = {"specialist_nurse", "Specialist nurse"},
    [SIGNER_GP] = {"general_practitioner", "General Practitioner"},
    [SIGNER_CONSULTANT] = {"gmc_registered_consultant", "GMC registered consultant"},
    [SIGNER_OTHER] = {"other", "Other"},
};

const char *report_signer_name(enum report_signer s)
{
    assert(s < SIGNER_COUNT);
    return SIGNERS[s].name;
}

const char *report_signer_words(enum report_signer s)
{
    assert(s < SIGNER_COUNT);
    return SIGNERS[s].words;
}

/* --- texts -------------------------------------------------------------------------------- */

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\n")] == 0;
}

static enum err malformed(const char *name, const char *why)
{
    return refuse_because(REFUSAL_INVALID_REQUEST, "%s %s", name, why);
}

struct text_field {
    const char *name;
    enum json_need need;
    size_t at;  /* in struct report_form */
    size_t cap; /* bytes there */
    size_t max; /* characters */
    bool lines; /* may have several */
};
#define FIELD(name, need, member, max, lines)                                                  \
    {                                                                                          \
        name, need, offsetof(struct report_form, member),                                      \
            sizeof(((struct report_form *)NULL)->member), max, lines                           \
    }

static enum err text_check(const char *name, const char *text, size_t max, bool lines)
{
    if (characters(text) > max)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s has at most %zu characters", name,
                              max);
    if (!lines && strpbrk(text, "\t\n"))
        return malformed(name, "is one line");
    return *text && is_blank(text) ? malformed(name, "is blank") : ERR_OK;
}

static enum err texts_read(struct json_in *in, const struct text_field *fields, size_t n,
                           struct report_form *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct text_field *f = &fields[i];
        char *text = (char *)out + f->at;
        TRY(json_in_text(in, f->name, f->need, text, f->cap));
        TRY(text_check(f->name, text, f->max, f->lines));
    }
    return ERR_OK;
}

/* Letters, digits and spaces: the shapes of postcodes are others' to know. */
static enum err postcode_check(const char *name, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && *c != ' '))
            return malformed(name, "is not a postcode");
    }
    return ERR_OK;
}

static enum err phone_check(const char *text)
{
    size_t digits = 0;
    for (const char *c = text; *c; c++)
        digits += isdigit((unsigned char)*c) != 0;
    bool good = digits >= REPORT_PHONE_DIGITS_MIN &&
                strspn(text, "0123456789 +-().extEXT") == strlen(text);
    return good ? ERR_OK : malformed("phone", "is not a telephone number");
}

/* --- dates -------------------------------------------------------------------------------- */

static void today(int64_t now, char out[DATE_TEXT + 1])
{
    char text[TIME_TEXT_SIZE];
    time_format(now + REPORT_LOCAL_AHEAD, text);
    memcpy(out, text, DATE_TEXT);
    out[DATE_TEXT] = 0;
}

/* Dates of one shape stand in the order of their texts. */
static enum err not_future(const char *name, const char *date, int64_t now)
{
    char limit[DATE_TEXT + 1];
    today(now, limit);
    return strcmp(date, limit) > 0 ? malformed(name, "is in the future") : ERR_OK;
}

static enum err date_good(const char *name, const char *date, int64_t now)
{
    if (date_check(date) != ERR_OK)
        return malformed(name, "is not a date (YYYY-MM-DD)");
    return not_future(name, date, now);
}

static enum err dates_read(struct json_in *in, int64_t now, struct report_form *out)
{
    TRY(json_in_text(in, "date_of_diagnosis", JSON_REQUIRED, out->diagnosed,
                     sizeof(out->diagnosed)));
    TRY(json_in_text(in, "date_criteria_met", JSON_REQUIRED, out->criteria_met,
                     sizeof(out->criteria_met)));
    TRY(date_good("date_of_diagnosis", out->diagnosed, now));
    TRY(date_good("date_criteria_met", out->criteria_met, now));
    if (strcmp(out->diagnosed, out->patient.born) < 0)
        return malformed("date_of_diagnosis", "is before date_of_birth");
    return strcmp(out->criteria_met, out->diagnosed) < 0
               ? malformed("date_criteria_met", "is before date_of_diagnosis")
               : ERR_OK;
}

/* --- the patient -------------------------------------------------------------------------- */

enum err report_name_check(const char *name)
{
    if (!*name || !utf8_valid(name, strlen(name)))
        return malformed("the patient's name", "is missing");
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return malformed("the patient's name", "is one line");
    }
    return text_check("the patient's name", name, REPORT_NAME_MAX, false);
}

enum err report_born_check(const char *born, int64_t now)
{
    return date_good("date_of_birth", born, now);
}

enum err report_kind_check(const char *form)
{
    return strcmp(form, "sr1") == 0 || strcmp(form, "ds1500") == 0
               ? ERR_OK
               : malformed("form", "is sr1 or ds1500");
}

static enum err patient_read(json_t *value, int64_t now, struct report_form *out)
{
    static const struct text_field TEXTS[] = {
        FIELD("name", JSON_REQUIRED, patient.name, REPORT_NAME_MAX, false),
        FIELD("address", JSON_REQUIRED, address, REPORT_ADDRESS_MAX, true),
        FIELD("postcode", JSON_REQUIRED, postcode, REPORT_POSTCODE_MAX, false),
    };
    struct json_in in;
    char nino[NINO_MAX * 3];
    TRY(json_in_object(&in, value, "patient"));
    TRY(texts_read(&in, TEXTS, ARRAY_LEN(TEXTS), out));
    TRY(json_in_text(&in, "date_of_birth", JSON_REQUIRED, out->patient.born,
                     sizeof(out->patient.born)));
    TRY(json_in_text(&in, "nino", JSON_OPTIONAL, nino, sizeof(nino)));
    TRY(json_in_done(&in));
    TRY(postcode_check("postcode", out->postcode));
    TRY(report_born_check(out->patient.born, now));
    return nino[0] ? nino_clean(nino, out->patient.nino) : ERR_OK;
}

static enum err representative_read(json_t *value, struct report_form *out)
{
    static const struct text_field TEXTS[] = {
        FIELD("name", JSON_REQUIRED, representative, REPORT_NAME_MAX, false),
        FIELD("address", JSON_OPTIONAL, representative_address, REPORT_ADDRESS_MAX, true),
    };
    struct json_in in;
    if (!value)
        return ERR_OK;
    TRY(json_in_object(&in, value, "representative"));
    TRY(texts_read(&in, TEXTS, ARRAY_LEN(TEXTS), out));
    return json_in_done(&in);
}

/* --- the declaration ---------------------------------------------------------------------- */

static enum err signer_find(const char *role, enum report_signer *out)
{
    for (unsigned i = 0; i < SIGNER_COUNT; i++) {
        if (strcmp(SIGNERS[i].name, role) == 0) {
            *out = (enum report_signer)i;
            return ERR_OK;
        }
    }
    return malformed("role", "is specialist_nurse, general_practitioner, "
                             "gmc_registered_consultant or other");
}

static enum err gmc_check(const struct report_form *f)
{
    bool wanted = f->signer == SIGNER_GP || f->signer == SIGNER_CONSULTANT;
    if (!f->gmc_number[0])
        return wanted ? malformed("gmc_number", "is missing") : ERR_OK;
    if (f->signer == SIGNER_NURSE)
        return malformed("gmc_number", "is not a nurse's");
    bool good = strlen(f->gmc_number) == REPORT_GMC_DIGITS &&
                strspn(f->gmc_number, "0123456789") == REPORT_GMC_DIGITS;
    return good ? ERR_OK : malformed("gmc_number", "has 7 digits");
}

/* Two digits, a letter, four digits, a letter. */
static enum err nmc_check(const struct report_form *f)
{
    static const char SHAPE[] = "99A9999A";
    if (!f->nmc_pin[0])
        return ERR_OK;
    if (f->signer != SIGNER_NURSE)
        return malformed("nmc_pin", "is a nurse's");
    bool good = strlen(f->nmc_pin) == sizeof(SHAPE) - 1;
    for (size_t i = 0; good && i < sizeof(SHAPE) - 1; i++) {
        char c = f->nmc_pin[i];
        good = SHAPE[i] == '9' ? c >= '0' && c <= '9' : c >= 'A' && c <= 'Z';
    }
    return good ? ERR_OK
                : malformed("nmc_pin", "is two digits, a letter, four digits, a letter");
}

static enum err declaration_check(const struct report_form *f)
{
    if (f->other_role[0] && f->signer != SIGNER_OTHER)
        return malformed("other_role", "goes with the role other");
    TRY(gmc_check(f));
    TRY(nmc_check(f));
    TRY(postcode_check("postcode", f->signer_postcode));
    return phone_check(f->phone);
}

static enum err declaration_read(json_t *value, struct report_form *out)
{
    static const struct text_field TEXTS[] = {
        FIELD("other_role", JSON_OPTIONAL, other_role, REPORT_ROLE_MAX, false),
        FIELD("gmc_number", JSON_OPTIONAL, gmc_number, REPORT_GMC_DIGITS, false),
        FIELD("nmc_pin", JSON_OPTIONAL, nmc_pin, REPORT_NMC_MAX, false),
        FIELD("name", JSON_REQUIRED, signer_name, REPORT_NAME_MAX, false),
        FIELD("address", JSON_REQUIRED, signer_address, REPORT_ADDRESS_MAX, true),
        FIELD("postcode", JSON_REQUIRED, signer_postcode, REPORT_POSTCODE_MAX, false),
        FIELD("phone", JSON_REQUIRED, phone, REPORT_PHONE_MAX, false),
    };
    struct json_in in;
    char role[SHORT_TEXT_MAX + 1];
    TRY(json_in_object(&in, value, "declaration"));
    TRY(json_in_text(&in, "role", JSON_REQUIRED, role, sizeof(role)));
    TRY(signer_find(role, &out->signer));
    TRY(texts_read(&in, TEXTS, ARRAY_LEN(TEXTS), out));
    TRY(json_in_done(&in));
    return declaration_check(out);
}

/* --- the form ----------------------------------------------------------------------------- */

static enum err head_read(struct json_in *in, struct report_form *out)
{
    char claim[UUID_TEXT_SIZE];
    TRY(json_in_text(in, "form", JSON_OPTIONAL, out->form, sizeof(out->form)));
    if (!out->form[0])
        memcpy(out->form, "sr1", sizeof("sr1"));
    TRY(report_kind_check(out->form));
    TRY(json_in_text(in, "claim", JSON_OPTIONAL, claim, sizeof(claim)));
    out->has_claim = claim[0] != 0;
    if (out->has_claim && uuid_parse(claim, &out->claim) != ERR_OK)
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    return ERR_OK;
}

static enum err form_read(json_t *root, int64_t now, struct report_form *out)
{
    static const struct text_field TEXTS[] = {
        FIELD("diagnosis", JSON_REQUIRED, diagnosis, REPORT_DIAGNOSIS_MAX, true),
        FIELD("other_diagnoses", JSON_OPTIONAL, other_diagnoses, REPORT_OTHER_DIAGNOSES_MAX,
              true),
        FIELD("clinical_features", JSON_REQUIRED, features, REPORT_FEATURES_MAX, true),
        FIELD("treatment", JSON_REQUIRED, treatment, REPORT_TREATMENT_MAX, true),
    };
    struct json_in in;
    json_t *patient = NULL, *representative = NULL, *declaration = NULL;
    TRY(json_in_object(&in, root, "report"));
    TRY(head_read(&in, out));
    TRY(json_in_child(&in, "patient", JSON_REQUIRED, &patient));
    TRY(json_in_child(&in, "representative", JSON_OPTIONAL, &representative));
    TRY(json_in_child(&in, "declaration", JSON_REQUIRED, &declaration));
    TRY(patient_read(patient, now, out));
    TRY(texts_read(&in, TEXTS, ARRAY_LEN(TEXTS), out));
    TRY(dates_read(&in, now, out));
    TRY(json_in_bool(&in, "patient_aware_of_diagnosis", JSON_REQUIRED,
                     &out->aware_of_diagnosis));
    TRY(json_in_bool(&in, "patient_aware_of_prognosis", JSON_REQUIRED,
                     &out->aware_of_prognosis));
    TRY(representative_read(representative, out));
    TRY(declaration_read(declaration, out));
    return json_in_done(&in);
}

enum err report_form_parse(const void *data, size_t len, int64_t now, struct report_form *out)
{
    AUTO(json_free) json_t *root = NULL;
    memset(out, 0, sizeof(*out));
    TRY(json_parse(data, len, &root));
    return form_read(root, now, out);
}
