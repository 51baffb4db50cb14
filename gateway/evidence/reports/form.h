/* The medical report under the special rules for end of life, as a form: SR1, and DS1500 as its
 * predecessor. Fields and bounds are those of the department's own electronic form.
 *
 *     {"form":"sr1", "claim":"...",
 *      "patient":{"name","address","postcode","date_of_birth","nino"},
 *      "diagnosis", "date_of_diagnosis", "date_criteria_met", "other_diagnoses",
 *      "patient_aware_of_diagnosis", "patient_aware_of_prognosis",
 *      "representative":{"name","address"},
 *      "clinical_features", "treatment",
 *      "declaration":{"role","other_role","gmc_number","nmc_pin","name","address","postcode",
 *                     "phone"}}
 *
 * May be left out: form (sr1), claim, nino, other_diagnoses, representative and its address,
 * other_role, nmc_pin; gmc_number is asked of general practitioners and consultants, may be
 * given by others, and is not a nurse's to have. Bounds are in characters, not in bytes. Dates
 * are in order (birth, diagnosis, criteria met) and not in the future. A well-formed number
 * proves nothing: nobody is looked up in a register.
 */
#ifndef GATEWAY_EVIDENCE_REPORTS_FORM_H
#define GATEWAY_EVIDENCE_REPORTS_FORM_H

#include "gateway/base/json.h"
#include "storage/records.h"

enum { /* characters */
       REPORT_NAME_MAX = 100,
       REPORT_ADDRESS_MAX = 250,
       REPORT_POSTCODE_MAX = 8,
       REPORT_DIAGNOSIS_MAX = 126,
       REPORT_OTHER_DIAGNOSES_MAX = 132,
       REPORT_FEATURES_MAX = 236,
       REPORT_TREATMENT_MAX = 250,
       REPORT_ROLE_MAX = 60,
       REPORT_PHONE_MAX = 30,
       REPORT_PHONE_DIGITS_MIN = 5,
       REPORT_GMC_DIGITS = 7,
       REPORT_NMC_MAX = 8,
};
#define REPORT_BYTES(characters) ((characters)*4 + 1) /* of UTF-8, and the NUL */

enum report_signer { SIGNER_NURSE, SIGNER_GP, SIGNER_CONSULTANT, SIGNER_OTHER, SIGNER_COUNT };
const char *report_signer_name(enum report_signer s);  /* "specialist_nurse" */
const char *report_signer_words(enum report_signer s); /* "Specialist nurse" */

/* What tells whose report it is. */
struct report_patient {
    char name[REPORT_BYTES(REPORT_NAME_MAX)];
    char born[DATE_TEXT + 1];
    char nino[NINO_MAX + 1]; /* cleaned; "" for none */
};
/* Each part by itself, for who gets them one by one: REFUSAL_INVALID_REQUEST. */
MUST_USE enum err report_name_check(const char *name);
MUST_USE enum err report_born_check(const char *born, int64_t now);
/* "sr1" or "ds1500" */
MUST_USE enum err report_kind_check(const char *form);

struct report_form {
    char form[SHORT_TEXT_MAX + 1];
    bool has_claim;
    struct uuid claim;
    struct report_patient patient;
    char address[REPORT_BYTES(REPORT_ADDRESS_MAX)];
    char postcode[REPORT_BYTES(REPORT_POSTCODE_MAX)];
    char diagnosis[REPORT_BYTES(REPORT_DIAGNOSIS_MAX)];
    char diagnosed[DATE_TEXT + 1];
    char criteria_met[DATE_TEXT + 1];
    char other_diagnoses[REPORT_BYTES(REPORT_OTHER_DIAGNOSES_MAX)];
    bool aware_of_diagnosis, aware_of_prognosis;
    char representative[REPORT_BYTES(REPORT_NAME_MAX)]; /* "" for none */
    char representative_address[REPORT_BYTES(REPORT_ADDRESS_MAX)];
    char features[REPORT_BYTES(REPORT_FEATURES_MAX)];
    char treatment[REPORT_BYTES(REPORT_TREATMENT_MAX)];
    enum report_signer signer;
    char other_role[REPORT_BYTES(REPORT_ROLE_MAX)];
    char gmc_number[REPORT_GMC_DIGITS + 1];
    char nmc_pin[REPORT_NMC_MAX + 1];
    char signer_name[REPORT_BYTES(REPORT_NAME_MAX)];
    char signer_address[REPORT_BYTES(REPORT_ADDRESS_MAX)];
    char signer_postcode[REPORT_BYTES(REPORT_POSTCODE_MAX)];
    char phone[REPORT_BYTES(REPORT_PHONE_MAX)];
};

/* Reads and checks a whole document; `now` (micros) decides what is in the future. ERR_INVALID
 * or REFUSAL_INVALID_REQUEST name the member, never its value. The document may hold personal
 * and medical values: `out` is the caller's to wipe. */
MUST_USE enum err report_form_parse(const void *data, size_t len, int64_t now,
                                    struct report_form *out);

#endif
