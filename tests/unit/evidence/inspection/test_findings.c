#include "gateway/evidence/inspection/findings.h"

#include "gateway/base/clock.h"
#include "tests/support/suite.h"

#include <string.h>

static struct verdict verdict(enum inspect_outcome outcome, enum inspect_reason reason)
{
    return (struct verdict){.outcome = outcome, .reason = reason};
}

static enum artefact_status status;
static char reason[SHORT_TEXT_MAX + 1];

static void judge(const struct verdict *v, unsigned attempts, const struct artefact_record *a,
                  bool recording)
{
    struct finding_rules rules = {.recording = recording,
                                  .tolerance_us = 5 * MICROS_PER_SECOND,
                                  .shortfall_us = 20 * MICROS_PER_SECOND};

    status = ARTEFACT_STATUS_COUNT;
    memset(reason, 'x', sizeof(reason));
    findings_status(v, attempts, a, &rules, &status, reason);
}

/* Over every outcome, reason and number of attempts: nothing but clean is available. */
START_TEST(only_what_is_clean_is_available)
{
    struct artefact_record a = {.size = 1};
    size_t available = 0, passing = 0;

    for (int o = INSPECT_NONE; o <= INSPECT_COULD_NOT_SCAN; o++) {
        for (int r = REASON_NONE; r < REASON_COUNT; r++) {
            for (unsigned attempts = 1; attempts < FINDINGS_ATTEMPTS + 2; attempts++) {
                struct verdict v = verdict((enum inspect_outcome)o, (enum inspect_reason)r);
                judge(&v, attempts, &a, false);
                ck_assert_int_lt(status, ARTEFACT_STATUS_COUNT);
                ck_assert_int_eq(status == ARTEFACT_AVAILABLE, o == INSPECT_CLEAN);
                ck_assert_int_eq(status == ARTEFACT_RESTRICTED, o == INSPECT_VIRUS);
                ck_assert_int_eq(status == ARTEFACT_QUARANTINED,
                                 findings_may_pass(&v, attempts));
                ck_assert(!findings_scanner_away(&v) || findings_may_pass(&v, attempts));
                available += status == ARTEFACT_AVAILABLE;
                passing += findings_may_pass(&v, attempts);
            }
        }
    }
    ck_assert_uint_gt(available, 0);
    ck_assert_uint_gt(passing, 0);
}
END_TEST

START_TEST(trouble_of_the_scanner_passes_and_a_file_that_is_too_much_does_not)
{
    struct verdict v = verdict(INSPECT_COULD_NOT_SCAN, REASON_SCANNER_UNREACHABLE);
    struct artefact_record a = {.size = 1};

    ck_assert(findings_may_pass(&v, 100000));
    judge(&v, 1, &a, false);
    ck_assert_str_eq(reason, "not-inspected");
    v.reason = REASON_EXAMINER_DIED;
    ck_assert(findings_may_pass(&v, 1));
    ck_assert(!findings_may_pass(&v, FINDINGS_ATTEMPTS));
    judge(&v, FINDINGS_ATTEMPTS, &a, false);
    ck_assert_int_eq(status, ARTEFACT_COULD_NOT_SCAN);
    ck_assert_str_eq(reason, "examiner-died");
    v.reason = REASON_SCANNER_LIMITS;
    ck_assert(!findings_may_pass(&v, 1));
    v = verdict(INSPECT_PASSWORD, REASON_NONE);
    judge(&v, 1, &a, false);
    ck_assert_int_eq(status, ARTEFACT_COULD_NOT_SCAN);
    ck_assert_str_eq(reason, "password");
}
END_TEST

START_TEST(a_recording_fits_its_stated_times)
{
    const int64_t start = 1700000000 * MICROS_PER_SECOND;
    struct artefact_record a = {.recording_started_at = start,
                                .recording_stopped_at = start + 60 * MICROS_PER_SECOND};
    struct verdict v = verdict(INSPECT_CLEAN, REASON_NONE);

    judge(&v, 1, &a, true);
    ck_assert_int_eq(status, ARTEFACT_QUARANTINED); /* nobody knows how long it is */
    ck_assert_str_eq(reason, "recording-interval");
    judge(&v, 1, &a, false);
    ck_assert_int_eq(status, ARTEFACT_AVAILABLE); /* a report of it has no length */
    v.duration_ms = 65000;
    judge(&v, 1, &a, true);
    ck_assert_int_eq(status, ARTEFACT_AVAILABLE);
    ck_assert_str_eq(reason, "");
    v.duration_ms = 65001;
    judge(&v, 1, &a, true);
    ck_assert_int_eq(status, ARTEFACT_QUARANTINED);
    judge(&v, 1, &a, false); /* whatever its kind */
    ck_assert_int_eq(status, ARTEFACT_QUARANTINED);
    v.duration_ms = 40000; /* there were pauses */
    judge(&v, 1, &a, true);
    ck_assert_int_eq(status, ARTEFACT_AVAILABLE);
    v.duration_ms = 39999; /* a part is missing, or it is another recording */
    judge(&v, 1, &a, true);
    ck_assert_int_eq(status, ARTEFACT_QUARANTINED);
    ck_assert_str_eq(reason, "recording-interval");
    a.recording_started_at = a.recording_stopped_at = 0;
    v.duration_ms = VERDICT_DURATION_MAX_MS;
    judge(&v, 1, &a, true);
    ck_assert_int_eq(status, ARTEFACT_AVAILABLE);
}
END_TEST

START_TEST(the_record_and_the_entry_say_what_the_verdict_says)
{
    struct verdict v = verdict(INSPECT_VIRUS, REASON_NONE);
    struct inspection_record r;
    struct uuid id = uuid_new();
    AUTO(json_free) json_t *entry = json_object();

    strcpy(v.virus, "Test.Eicar");
    strcpy(v.engine, "ClamAV 1.4.3");
    strcpy(v.signatures, "27555");
    v.signatures_at = 1700000000;
    v.pages = 3;
    v.flags = INSPECT_MACROS;
    findings_record(&v, &id, 9, &r);
    ck_assert_str_eq(r.outcome, "virus");
    ck_assert_str_eq(r.reason, "none");
    ck_assert_str_eq(r.virus, "Test.Eicar");
    ck_assert_str_eq(r.engine, "ClamAV 1.4.3");
    ck_assert_uint_eq(r.pages, 3);
    ck_assert_uint_eq(r.flags, INSPECT_MACROS);
    ck_assert_int_eq(r.at, 9);
    findings_entry(entry, &v);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "inspection")), "virus");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "virus")), "Test.Eicar");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "signatures")), "27555");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "signatures_at")),
                     "2023-11-14T22:13:20.000000Z");
    ck_assert_ptr_null(json_object_get(entry, "inspection_reason"));
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/inspection/findings", only_what_is_clean_is_available,
                     trouble_of_the_scanner_passes_and_a_file_that_is_too_much_does_not,
                     a_recording_fits_its_stated_times,
                     the_record_and_the_entry_say_what_the_verdict_says);
}
