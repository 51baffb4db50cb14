#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CAPTURE_MAX = 1 << 20 };

static int log_file;
static char captured[CAPTURE_MAX];

static void capture(void)
{
    char path[] = "/tmp/test-log-XXXXXX";

    log_file = mkostemp(path, O_CLOEXEC | O_APPEND);
    ck_assert_int_ge(log_file, 0);
    ck_assert_int_eq(unlink(path), 0);
    log_set_fd(log_file);
}

static const char *written(void)
{
    ssize_t n = pread(log_file, captured, sizeof(captured) - 1, 0);

    ck_assert_int_ge(n, 0);
    captured[n] = '\0';
    return captured;
}

/* Every line must be JSON; gives back how many there are and the last one. */
static size_t lines(json_t **last)
{
    size_t n = 0;

    *last = NULL;
    for (char *at = (char *)(uintptr_t)written(), *end; *at != '\0'; at = end + 1, n++) {
        end = strchr(at, '\n');
        ck_assert_ptr_nonnull(end);
        ck_assert_uint_le((size_t)(end - at) + 1, LOG_LINE_MAX);
        json_decref(*last);
        *last = NULL;
        ck_assert_msg(json_parse(at, (size_t)(end - at), last) == ERR_OK, "%.*s",
                      (int)(end - at), at);
    }
    return n;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));

    return text == NULL ? "(none)" : text;
}

static int64_t fixed(void)
{
    return 1;
}

START_TEST(a_line_is_one_json_object)
{
    capture();
    clock_replace(fixed);
    log_event(LOG_WARN, "tls.reload_failed", log_str("file", "/etc/x"), log_int("errno", -2),
              log_bool("kept", true), log_bool("fatal", false), log_str("none", NULL));
    ck_assert_str_eq(written(),
                     "{\"time\":\"1970-01-01T00:00:00.000001Z\",\"level\":\"warn\","
                     "\"event\":\"tls.reload_failed\",\"file\":\"/etc/x\",\"errno\":-2,"
                     "\"kept\":true,\"fatal\":false,\"none\":null}\n");
}
END_TEST

START_TEST(the_source_stands_in_every_line)
{
    AUTO(json_free) json_t *line = NULL;

    capture();
    log_set_source("keeper");
    log_write(LOG_ERROR, "plain", NULL, 0);
    ck_assert_uint_eq(lines(&line), 1);
    ck_assert_str_eq(text_of(line, "source"), "keeper");
    ck_assert_str_eq(text_of(line, "level"), "error");
    log_set_source(NULL);
}
END_TEST

START_TEST(levels_below_the_least_are_left_out)
{
    AUTO(json_free) json_t *line = NULL;

    capture();
    log_write(LOG_DEBUG, "too-fine", NULL, 0);
    log_write(LOG_INFO, "written", NULL, 0);
    log_set_level(LOG_ERROR);
    log_write(LOG_WARN, "too-fine-now", NULL, 0);
    log_set_level(LOG_DEBUG);
    log_write(LOG_DEBUG, "last", NULL, 0);
    ck_assert_uint_eq(lines(&line), 2);
    ck_assert_str_eq(text_of(line, "event"), "last");
}
END_TEST

START_TEST(hostile_values_are_escaped)
{
    AUTO(json_free) json_t *line = NULL;

    capture();
    log_event(LOG_INFO, "x",
              log_str("v", "a\r\n{\"event\":\"forged\"}\x1b[31m\x7f\xc2\x9b\xff\xc3\"\\"
                           "\xe2\x80\xae\xe2\x80\xa8\xc3\xa9\xf0\x9f\x98\x80"),
              log_str("k\n", "key too"));
    for (const char *at = written(); *at != '\0'; at++)
        ck_assert_msg((unsigned char)*at >= 0x20 || (*at == '\n' && at[1] == '\0'), "raw %d",
                      *at);
    ck_assert_ptr_null(strstr(captured, "\xc2\x9b"));
    ck_assert_ptr_null(strstr(captured, "\xe2\x80"));
    ck_assert_ptr_null(strchr(captured, 0x7f));
    ck_assert_uint_eq(lines(&line), 1);
    ck_assert_str_eq(
        text_of(line, "v"),
        "a\r\n{\"event\":\"forged\"}\x1b[31m\x7f\xc2\x9b\xef\xbf\xbd\xef\xbf\xbd\"\\"
        "\xe2\x80\xae\xe2\x80\xa8\xc3\xa9\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(long_values_are_cut_between_characters)
{
    AUTO(json_free) json_t *line = NULL;
    char value[LOG_VALUE_MAX + 100];

    capture();
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    memcpy(value + LOG_VALUE_MAX - 1, "\xc3\xa9", 2); /* would stand across the limit */
    log_event(LOG_INFO, "x", log_str("v", value), log_str("after", "still here"));
    ck_assert_uint_eq(lines(&line), 1);
    ck_assert_uint_eq(strlen(text_of(line, "v")), LOG_VALUE_MAX - 1);
    ck_assert_str_eq(text_of(line, "after"), "still here");
}
END_TEST

START_TEST(a_line_that_is_full_says_so)
{
    AUTO(json_free) json_t *line = NULL;
    struct log_field fields[LOG_FIELDS_MAX];
    char value[LOG_VALUE_MAX];

    capture();
    memset(value, 1, sizeof(value) - 1); /* six bytes each once escaped */
    value[sizeof(value) - 1] = '\0';
    for (size_t i = 0; i < LOG_FIELDS_MAX; i++)
        fields[i] = log_str("v", value);
    fields[LOG_FIELDS_MAX - 1] = log_int("last", 7);
    for (size_t i = 1; i < LOG_FIELDS_MAX - 1; i++)
        fields[i].key =
            (const char *[]){"", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}[i];
    log_write(LOG_INFO, "x", fields, LOG_FIELDS_MAX);
    ck_assert_uint_eq(lines(&line), 1);
    ck_assert(json_is_true(json_object_get(line, "truncated")));
    ck_assert_int_eq(json_integer_value(json_object_get(line, "last")), 7);
}
END_TEST

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static size_t lines_of(const char *event)
{
    char wanted[100];
    size_t n = 0;

    (void)snprintf(wanted, sizeof(wanted), "\"event\":\"%s\"", event);
    for (const char *at = written(); (at = strstr(at, wanted)) != NULL; at++)
        n++;
    return n;
}

START_TEST(a_flood_of_warnings_is_summarised)
{
    AUTO(json_free) json_t *line = NULL;
    const char *count;

    capture();
    /* If the machine stalls for a second in the middle a second window opens: sums still hold.
     */
    for (int i = 0; i < 1000; i++)
        log_event(LOG_WARN, "flood", log_int("i", i));
    log_write(LOG_WARN, "another", NULL, 0);
    for (int i = 0; i < 60; i++)
        log_write(LOG_ERROR, "errors-are-kept", NULL, 0);
    ck_assert_uint_eq(lines_of("another"), 1);
    ck_assert_uint_eq(lines_of("errors-are-kept"), 60);
    ck_assert_uint_lt(lines_of("flood"), 1000);
    sleep_ms(1100);
    log_write(LOG_INFO, "tick", NULL, 0);
    ck_assert_uint_ge(lines_of("log.suppressed"), 1);
    long suppressed = 0;
    for (const char *at = captured; (at = strstr(at, "\"count\":")) != NULL; at++) {
        count = at + strlen("\"count\":");
        suppressed += strtol(count, NULL, 10);
    }
    ck_assert_int_eq((long)lines_of("flood") + suppressed, 1000);
    ck_assert_ptr_nonnull(strstr(captured, "\"suppressed_event\":\"flood\""));
    size_t before = lines_of("flood");
    log_write(LOG_WARN, "flood", NULL, 0); /* a new window */
    ck_assert_uint_eq(lines_of("flood"), before + 1);
    (void)lines(&line);
}
END_TEST

START_TEST(more_events_than_slots_are_still_bounded)
{
    AUTO(json_free) json_t *line = NULL;
    char event[32];

    capture();
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(event, sizeof(event), "event-%d", i);
        log_write(LOG_WARN, event, NULL, 0);
    }
    size_t n = lines(&line);
    ck_assert_uint_ge(n, LOG_RATE_PER_SECOND);
    ck_assert_uint_lt(n, 2000);
}
END_TEST

static void *log_lines(void *unused)
{
    for (int i = 0; i < 500; i++)
        log_event(LOG_INFO, "threads",
                  log_str("pad", "0123456789012345678901234567890123456789"));
    return unused;
}

START_TEST(lines_of_threads_do_not_mix)
{
    AUTO(json_free) json_t *line = NULL;
    pthread_t threads[4];

    capture();
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_lines, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(lines(&line), 4 * 500);
}
END_TEST

START_TEST(a_log_that_cannot_be_written_is_lost_quietly)
{
    int closed = dup(2);

    close(closed);
    log_set_fd(closed);
    errno = EILSEQ;
    log_write(LOG_ERROR, "lost", NULL, 0);
    ck_assert_int_eq(errno, EILSEQ);
}
END_TEST

START_TEST(an_error_is_logged_with_its_message)
{
    AUTO(json_free) json_t *line = NULL;
    enum err e = err_set(ERR_IO, "read: broken");

    capture();
    log_event(LOG_WARN, "failed", log_err(e));
    ck_assert_uint_eq(lines(&line), 1);
    ck_assert_str_eq(text_of(line, "error"), "io");
    ck_assert_str_eq(text_of(line, "message"), "read: broken");
}
END_TEST

int main(void)
{
    return SUITE_RUN("base/log", a_line_is_one_json_object, the_source_stands_in_every_line,
                     levels_below_the_least_are_left_out, hostile_values_are_escaped,
                     long_values_are_cut_between_characters, a_line_that_is_full_says_so,
                     a_flood_of_warnings_is_summarised,
                     more_events_than_slots_are_still_bounded, lines_of_threads_do_not_mix,
                     a_log_that_cannot_be_written_is_lost_quietly,
                     an_error_is_logged_with_its_message);
}
