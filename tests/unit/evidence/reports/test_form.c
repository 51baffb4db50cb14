/* The form of a medical report: every rule and every bound, each from both sides. */
#include "gateway/base/clock.h"
#include "gateway/base/uuid.h"
#include "gateway/evidence/reports/form.h"
#include "gateway/evidence/rules/refusal.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

/* 2026-03-01T00:05:00Z */
#define NOW INT64_C(1772323500000000)

static const char WHOLE[] =
    "{\"form\":\"ds1500\",\"patient\":{\"name\":\"Zoë Invented\",\"address\":\"1 High Street\\n"
    "Leeds\",\"postcode\":\"LS1 1AA\",\"date_of_birth\":\"1950-02-28\",\"nino\":\"ab 12 34 56 "
    "c\"},"
    "\"diagnosis\":\"An illness\",\"date_of_diagnosis\":\"2025-12-01\",\"date_criteria_met\":"
    "\"2026-02-28\",\"other_diagnoses\":\"Another\",\"patient_aware_of_diagnosis\":true,"
    "\"patient_aware_of_prognosis\":false,\"representative\":{\"name\":\"Rae "
    "Invented\",\"address\":"
    "\"2 High Street\"},\"clinical_features\":\"Features\",\"treatment\":\"Treatment\","
    "\"declaration\":{\"role\":\"general_practitioner\",\"gmc_number\":\"1234567\",\"name\":"
    "\"Dr Gray\",\"address\":\"3 High Street\",\"postcode\":\"LS1 1AB\",\"phone\":\"0113 496 "
    "0000\"}}";

static json_t *whole(void)
{
    json_error_t error;
    json_t *root = json_loads(WHOLE, 0, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    return root;
}

/* Replaces the member at "a.b" (NULL: takes it away), parses, and gives the outcome back. */
static enum err with_at(const char *path, json_t *value, int64_t now, struct report_form *out)
{
    json_t *root = whole(), *at = root;
    char name[64];
    const char *dot = strchr(path, '.');
    snprintf(name, sizeof(name), "%.*s", dot ? (int)(dot - path) : 63, path);
    if (dot) {
        at = json_object_get(root, name);
        ck_assert_ptr_nonnull(at);
    }
    const char *member = dot ? dot + 1 : path;
    if (value)
        json_object_set_new(at, member, value);
    else
        ck_assert_int_eq(json_object_del(at, member), 0);
    char *text = json_dumps(root, 0);
    enum err e = report_form_parse(text, strlen(text), now, out);
    free(text);
    json_decref(root);
    return e;
}

static enum err with(const char *path, json_t *value)
{
    struct report_form form;
    return with_at(path, value, NOW, &form);
}

static void good(const char *path, json_t *value)
{
    enum err e = with(path, value);
    ck_assert_msg(e == ERR_OK, "%s: %s (%s)", path, err_name(e), err_message(e));
}

/* Refused, and the message names no value. */
static void bad(const char *path, json_t *value)
{
    char *shown = value && json_is_string(value) && json_string_length(value) > 3
                      ? strdup(json_string_value(value))
                      : NULL;
    enum err e = with(path, value);
    ck_assert_msg(e == ERR_INVALID ||
                      (e == ERR_REFUSED && err_detail(e) == REFUSAL_INVALID_REQUEST),
                  "%s: %s", path, err_name(e));
    ck_assert_msg(!shown || !strstr(err_message(e), shown), "%s told: %s", path,
                  err_message(e));
    free(shown);
}

/* `n` characters of three bytes each, so that bytes and characters are far apart. */
static json_t *characters(size_t n)
{
    char *text = malloc(3 * n + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 3);
    text[3 * n] = 0;
    json_t *value = json_string(text);
    free(text);
    return value;
}

START_TEST(a_whole_form_is_read_field_by_field)
{
    struct report_form f;
    ck_assert_int_eq(report_form_parse(WHOLE, strlen(WHOLE), NOW, &f), ERR_OK);
    ck_assert_str_eq(f.form, "ds1500");
    ck_assert(!f.has_claim);
    ck_assert_str_eq(f.patient.name, "Zoë Invented");
    ck_assert_str_eq(f.patient.born, "1950-02-28");
    ck_assert_str_eq(f.patient.nino, "AB123456C");
    ck_assert_str_eq(f.address, "1 High Street\nLeeds");
    ck_assert_str_eq(f.postcode, "LS1 1AA");
    ck_assert_str_eq(f.diagnosis, "An illness");
    ck_assert_str_eq(f.diagnosed, "2025-12-01");
    ck_assert_str_eq(f.criteria_met, "2026-02-28");
    ck_assert_str_eq(f.other_diagnoses, "Another");
    ck_assert(f.aware_of_diagnosis && !f.aware_of_prognosis);
    ck_assert_str_eq(f.representative, "Rae Invented");
    ck_assert_str_eq(f.representative_address, "2 High Street");
    ck_assert_str_eq(f.features, "Features");
    ck_assert_str_eq(f.treatment, "Treatment");
    ck_assert_int_eq(f.signer, SIGNER_GP);
    ck_assert_str_eq(f.gmc_number, "1234567");
    ck_assert_str_eq(f.signer_name, "Dr Gray");
    ck_assert_str_eq(f.signer_address, "3 High Street");
    ck_assert_str_eq(f.signer_postcode, "LS1 1AB");
    ck_assert_str_eq(f.phone, "0113 496 0000");
}
END_TEST

START_TEST(bounds_are_in_characters)
{
    static const struct {
        const char *path;
        size_t max;
    } BOUNDS[] = {
        {"patient.name", 100},        {"patient.address", 250},
        {"diagnosis", 126},           {"other_diagnoses", 132},
        {"clinical_features", 236},   {"treatment", 250},
        {"representative.name", 100}, {"representative.address", 250},
        {"declaration.name", 100},    {"declaration.address", 250},
    };
    for (size_t i = 0; i < sizeof(BOUNDS) / sizeof(BOUNDS[0]); i++) {
        good(BOUNDS[i].path, characters(BOUNDS[i].max));
        bad(BOUNDS[i].path, characters(BOUNDS[i].max + 1));
        bad(BOUNDS[i].path, json_string("  \t "));
    }
    good("patient.postcode", json_string("AB12 3CD"));
    bad("patient.postcode", json_string("AB123 4CD"));
    good("declaration.phone", json_string("01234 567890 12345678901234567"));
    bad("declaration.phone", json_string("01234 567890 123456789012345678"));
}
END_TEST

START_TEST(what_is_asked_for_is_asked_for)
{
    static const char *const REQUIRED[] = {"patient",
                                           "patient.name",
                                           "patient.address",
                                           "patient.postcode",
                                           "patient.date_of_birth",
                                           "diagnosis",
                                           "date_of_diagnosis",
                                           "date_criteria_met",
                                           "patient_aware_of_diagnosis",
                                           "patient_aware_of_prognosis",
                                           "clinical_features",
                                           "treatment",
                                           "declaration",
                                           "declaration.role",
                                           "declaration.name",
                                           "declaration.address",
                                           "declaration.postcode",
                                           "declaration.phone",
                                           "declaration.gmc_number",
                                           "representative.name"};
    static const char *const OPTIONAL[] = {"form", "patient.nino", "other_diagnoses",
                                           "representative", "representative.address"};
    for (size_t i = 0; i < sizeof(REQUIRED) / sizeof(REQUIRED[0]); i++) {
        bad(REQUIRED[i], NULL);
        bad(REQUIRED[i], json_string(""));
        bad(REQUIRED[i], json_null());
    }
    for (size_t i = 0; i < sizeof(OPTIONAL) / sizeof(OPTIONAL[0]); i++)
        good(OPTIONAL[i], NULL);
    struct report_form f;
    ck_assert_int_eq(with_at("form", NULL, NOW, &f), ERR_OK);
    ck_assert_str_eq(f.form, "sr1");
    bad("nhs_number", json_string("9434765919"));
    bad("patient.title", json_string("Ms"));
    bad("declaration.hcpc", json_string("PA12345"));
    bad("representative.phone", json_string("0113"));
    bad("form", json_string("sr2"));
}
END_TEST

START_TEST(dates_are_in_order_and_not_in_the_future)
{
    static const char *const DATES[] = {"patient.date_of_birth", "date_of_diagnosis",
                                        "date_criteria_met"};
    for (size_t i = 0; i < 3; i++) {
        bad(DATES[i], json_string("2026-03-02")); /* tomorrow */
        bad(DATES[i], json_string("2025-02-30"));
        bad(DATES[i], json_string("1-1-2020"));
        bad(DATES[i], json_string("2020-01-01T00:00:00Z"));
    }
    good("date_criteria_met", json_string("2026-03-01")); /* today */
    good("date_criteria_met", json_string("2025-12-01")); /* the day of the diagnosis */
    bad("date_criteria_met", json_string("2025-11-30"));
    good("date_of_diagnosis", json_string("1950-02-28"));
    bad("date_of_diagnosis", json_string("1950-02-27"));
    bad("date_of_diagnosis", json_string("2026-03-01")); /* behind the criteria */
    struct report_form f;
    /* In summer a day begins in London an hour before it does in UTC. */
    ck_assert_int_eq(with_at("date_criteria_met", json_string("2026-03-02"),
                             NOW + INT64_C(23) * 3600 * 1000000, &f),
                     ERR_OK);
    ck_assert_int_ne(with_at("date_criteria_met", json_string("2026-03-02"),
                             NOW + INT64_C(22) * 3600 * 1000000 + INT64_C(54) * 60 * 1000000,
                             &f),
                     ERR_OK);
}
END_TEST

START_TEST(numbers_have_their_shapes)
{
    static const char *const NINOS[] = {"AB123456D", "jg 12 34 56 a", "ZY987654B"};
    static const char *const NOT_NINOS[] = {"QQ123456C", "BG123456A",  "GB123456A", "KN123456A",
                                            "NK123456A", "NT123456A",  "TN123456A", "ZZ123456A",
                                            "DA123456A", "AD123456A",  "FA123456A", "IA123456A",
                                            "UA123456A", "VA123456A",  "AO123456A", "AB123456E",
                                            "AB12345C",  "AB1234567C", "AB12345XC"};
    for (size_t i = 0; i < sizeof(NINOS) / sizeof(NINOS[0]); i++)
        good("patient.nino", json_string(NINOS[i]));
    for (size_t i = 0; i < sizeof(NOT_NINOS) / sizeof(NOT_NINOS[0]); i++)
        bad("patient.nino", json_string(NOT_NINOS[i]));
    static const char *const NOT_GMC[] = {"123456", "12345678", "123456A", "1234 567"};
    for (size_t i = 0; i < 4; i++)
        bad("declaration.gmc_number", json_string(NOT_GMC[i]));
    static const char *const NOT_PHONES[] = {"call me", "0113", "0113 496 0000;"};
    for (size_t i = 0; i < 3; i++)
        bad("declaration.phone", json_string(NOT_PHONES[i]));
    bad("patient.postcode", json_string("LS1-1AA"));
    bad("declaration.postcode", json_string("L\xc3\xa9 1AA"));
}
END_TEST

static enum err declared(const char *declaration)
{
    char *text = NULL;
    json_t *root = whole();
    json_error_t error;
    json_t *value = json_loads(declaration, 0, &error);
    ck_assert_ptr_nonnull(value);
    json_object_set_new(value, "name", json_string("Sam Invented"));
    json_object_set_new(value, "address", json_string("3 High Street"));
    json_object_set_new(value, "postcode", json_string("LS1 1AB"));
    json_object_set_new(value, "phone", json_string("0113 496 0000"));
    json_object_set_new(root, "declaration", value);
    text = json_dumps(root, 0);
    struct report_form f;
    enum err e = report_form_parse(text, strlen(text), NOW, &f);
    free(text);
    json_decref(root);
    return e;
}

START_TEST(who_signs_brings_the_number_of_their_register)
{
    static const char *const GOOD[] = {
        "{\"role\":\"specialist_nurse\"}",
        "{\"role\":\"specialist_nurse\",\"nmc_pin\":\"12A3456B\"}",
        "{\"role\":\"general_practitioner\",\"gmc_number\":\"7654321\"}",
        "{\"role\":\"gmc_registered_consultant\",\"gmc_number\":\"7654321\"}",
        "{\"role\":\"other\"}",
        "{\"role\":\"other\",\"gmc_number\":\"7654321\",\"other_role\":\"Hospice doctor\"}",
    };
    static const char *const BAD[] = {
        "{\"role\":\"specialist_nurse\",\"gmc_number\":\"7654321\"}",
        "{\"role\":\"specialist_nurse\",\"nmc_pin\":\"12a3456B\"}",
        "{\"role\":\"specialist_nurse\",\"nmc_pin\":\"1A23456B\"}",
        "{\"role\":\"specialist_nurse\",\"nmc_pin\":\"12A34567\"}",
        "{\"role\":\"specialist_nurse\",\"nmc_pin\":\"12A345B\"}",
        "{\"role\":\"specialist_nurse\",\"other_role\":\"Nurse\"}",
        "{\"role\":\"general_practitioner\"}",
        "{\"role\":\"general_practitioner\",\"gmc_number\":\"7654321\",\"nmc_pin\":"
        "\"12A3456B\"}",
        "{\"role\":\"gmc_registered_consultant\"}",
        "{\"role\":\"General Practitioner\",\"gmc_number\":\"7654321\"}",
        "{\"role\":\"receptionist\"}",
    };
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
        ck_assert_msg(declared(GOOD[i]) == ERR_OK, "%s: %s", GOOD[i],
                      err_message(declared(GOOD[i])));
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        ck_assert_msg(declared(BAD[i]) != ERR_OK, "%s", BAD[i]);
}
END_TEST

START_TEST(a_claim_may_be_named)
{
    struct report_form f;
    char text[UUID_TEXT_SIZE];
    struct uuid id = uuid_new();
    uuid_format(&id, text);
    ck_assert_int_eq(with_at("claim", json_string(text), NOW, &f), ERR_OK);
    ck_assert(f.has_claim && uuid_equal(&f.claim, &id));
    /* no claim has such a name: the same answer as for one that is not there */
    ck_assert_int_eq(with_at("claim", json_string("EXT-1"), NOW, &f), ERR_REFUSED);
    ck_assert_int_eq(err_detail(ERR_REFUSED), REFUSAL_CLAIM_NOT_FOUND);
}
END_TEST

START_TEST(lines_only_where_people_write_them)
{
    good("clinical_features", json_string("one\ntwo\tthree"));
    bad("patient.name", json_string("one\ntwo"));
    bad("patient.postcode", json_string("LS1\t1AA"));
    bad("declaration.name", json_string("one\ttwo"));
    bad("diagnosis", json_string("bell \x07"));
    bad("patient_aware_of_prognosis", json_string("yes"));
    bad("patient_aware_of_prognosis", json_integer(1));
    bad("patient.name", json_integer(7));
    bad("patient", json_array());
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/reports/form", a_whole_form_is_read_field_by_field,
                     bounds_are_in_characters, what_is_asked_for_is_asked_for,
                     dates_are_in_order_and_not_in_the_future, numbers_have_their_shapes,
                     who_signs_brings_the_number_of_their_register, a_claim_may_be_named,
                     lines_only_where_people_write_them);
}
