/* The bytes that receivers check: tokens and signatures against values made by another
 * implementation (Python's hmac and base64); templates; what a status means. */
#include "gateway/notify/govuk.h"
#include "gateway/notify/template.h"
#include "gateway/notify/webhook.h"
#include "tests/support/suite.h"

#include <string.h>

#define SERVICE "26785a09-ab16-4eb0-8407-a37497a57506"
#define KEY "gateway-test-" SERVICE "-3d844edf-8d35-48ac-975b-e847b4f122b0"

static void ok(enum err e)
{
    ck_assert_msg(e == ERR_OK, "%s", err_message(e));
}

static struct secret *secret_of(const char *text)
{
    struct secret *s = NULL;
    secrets_allow_unlocked(true);
    ok(crypto_init());
    ok(secret_new(strlen(text), &s));
    memcpy(s->bytes, text, strlen(text));
    return s;
}

START_TEST(a_token_is_the_one_that_others_make)
{
    static const char wanted[] =
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiIyNjc4NWEwOS1hYjE2LTRlYjAtODQwNy1hMzc0OTdhNTc1MDYiLCJpYXQiOjE3OTUzNDAwMDB9."
        "Gf9YWbImr9UY-qAd8viLp_YKX7AIjhi_v9aI14UbtdE";
    AUTO(secret_free) struct secret *key = secret_of(KEY);
    AUTO_CLEAR(buf_clear) struct buf token;
    struct govuk g = {.key = key};
    buf_init(&token, 1024);
    ok(govuk_key_check(key, g.service));
    ck_assert_str_eq(g.service, SERVICE);
    ok(govuk_token(&g, 1795340000, &token));
    ck_assert_str_eq(buf_text(&token), wanted);
}
END_TEST

START_TEST(what_is_no_key_is_refused)
{
    static const char *const BAD[] = {"x",
                                      SERVICE,
                                      SERVICE "-" SERVICE,
                                      "name-" SERVICE "_" SERVICE,
                                      "name-26785a09-ab16-4eb0-8407-a37497a5750Z-" SERVICE,
                                      "name" SERVICE "-" SERVICE};
    char service[UUID_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        AUTO(secret_free) struct secret *key = secret_of(BAD[i]);
        ck_assert_msg(govuk_key_check(key, service) == ERR_INVALID, "%s", BAD[i]);
    }
}
END_TEST

START_TEST(a_signature_is_of_time_and_body)
{
    AUTO(secret_free) struct secret *key = secret_of("a secret that two systems share");
    char mark[WEBHOOK_SIGNATURE_MAX], other[WEBHOOK_SIGNATURE_MAX];
    ok(webhook_signature(key, 1795340000, "{\"id\":1}", 8, mark));
    ck_assert_str_eq(
        mark,
        "t=1795340000,v1=e75d2478303aff60826c48abe64e85e147c06fb2bcf116f7ba0ad29f4c428cc8");
    ok(webhook_signature(key, 1795340001, "{\"id\":1}", 8, other));
    ck_assert_str_ne(mark + strlen("t=1795340000"), other + strlen("t=1795340001"));
}
END_TEST

START_TEST(templates_are_named_by_event_and_channel)
{
    static const char *const BAD[] = {"artefact_received.sms",
                                      "artefact_received=" SERVICE,
                                      "artefact_received.sms=x",
                                      "nothing.sms=" SERVICE,
                                      "artefact_received.pigeon=" SERVICE,
                                      "artefact_received.webhook=" SERVICE,
                                      "artefact_received.sms=" SERVICE
                                      " artefact_received.sms=" SERVICE};
    struct templates t;
    ok(templates_read("artefact_received.sms=" SERVICE " artefact_received.letter=" SERVICE
                      " request_due_soon.email=26785A09-AB16-4EB0-8407-A37497A57506",
                      &t));
    ck_assert_uint_eq(templates_channels(&t, MESSAGE_ARTEFACT_RECEIVED),
                      1u << MESSAGE_SMS | 1u << MESSAGE_LETTER);
    ck_assert_uint_eq(templates_channels(&t, MESSAGE_REQUEST_DUE_SOON), 1u << MESSAGE_EMAIL);
    ck_assert_uint_eq(templates_channels(&t, MESSAGE_CHOICE_RECORDED), 0);
    ck_assert_str_eq(t.ids[MESSAGE_REQUEST_DUE_SOON][MESSAGE_EMAIL], SERVICE);
    ok(templates_read("", &t));
    for (unsigned e = 0; e < MESSAGE_EVENT_COUNT; e++)
        ck_assert_uint_eq(templates_channels(&t, (enum message_event)e), 0);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        ck_assert_msg(templates_read(BAD[i], &t) == ERR_INVALID, "%s", BAD[i]);
}
END_TEST

START_TEST(every_documented_status_means_one_thing)
{
    static const struct {
        const char *status;
        enum govuk_fate fate;
    } KNOWN[] = {
        {"created", GOVUK_UNDER_WAY},
        {"sending", GOVUK_UNDER_WAY},
        {"pending", GOVUK_UNDER_WAY},
        {"sent", GOVUK_UNDER_WAY},
        {"accepted", GOVUK_UNDER_WAY},
        {"pending-virus-check", GOVUK_UNDER_WAY},
        {"delivered", GOVUK_DELIVERED},
        {"received", GOVUK_DELIVERED},
        {"permanent-failure", GOVUK_FAILED},
        {"temporary-failure", GOVUK_FAILED},
        {"technical-failure", GOVUK_FAILED},
        {"cancelled", GOVUK_FAILED},
        {"validation-failed", GOVUK_FAILED},
        {"virus-scan-failed", GOVUK_FAILED},
        {"", GOVUK_UNDER_WAY},
        {"something new", GOVUK_UNDER_WAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
        ck_assert_msg(govuk_fate_of(KNOWN[i].status) == KNOWN[i].fate, "%s", KNOWN[i].status);
}
END_TEST

int main(void)
{
    return SUITE_RUN("notify/messages", a_token_is_the_one_that_others_make,
                     what_is_no_key_is_refused, a_signature_is_of_time_and_body,
                     templates_are_named_by_event_and_channel,
                     every_documented_status_means_one_thing);
}
