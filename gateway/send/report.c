/* Words for people and JSON for programs. File names are shown as words_clean leaves them: a
 * name moves no cursor. */
#include "gateway/send/report.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/send/options.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BAR_EVERY_MS = 100, BAR_WIDTH = 20, RATE_AFTER_MS = 500 };

void size_format(uint64_t bytes, char *out, size_t cap)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint64_t whole = bytes, rest = 0;
    size_t unit = 0;

    for (; whole >= 1024 && unit + 1 < ARRAY_LEN(units); unit++) {
        rest = whole % 1024;
        whole /= 1024;
    }
    if (unit == 0)
        (void)snprintf(out, cap, "%" PRIu64 " B", whole);
    else
        (void)snprintf(out, cap, "%" PRIu64 ".%" PRIu64 " %s", whole, rest * 10 / 1024,
                       units[unit]);
}

void duration_format(uint64_t seconds, char *out, size_t cap)
{
    uint64_t hours = seconds / 3600, minutes = seconds / 60 % 60;

    if (hours > 0)
        (void)snprintf(out, cap, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes,
                       seconds % 60);
    else
        (void)snprintf(out, cap, "%" PRIu64 ":%02" PRIu64, minutes, seconds % 60);
}

void report_begin(struct report *r, const char *file, bool quiet, bool json)
{
    *r = (struct report){.file = file, .quiet = quiet, .json = json};
    r->terminal = isatty(STDERR_FILENO) != 0;
}

static void bar_end(struct report *r)
{
    if (r->bar_shown)
        (void)fprintf(stderr, "\r\033[K");
    r->bar_shown = false;
}

static void name_print(FILE *out, const char *file)
{
    char clean[REPORT_PATH_MAX];

    words_clean(file, clean, sizeof(clean));
    (void)fprintf(out, "%s: ", clean);
}

void report_say(struct report *r, const char *fmt, ...)
{
    va_list args;

    if (r->quiet)
        return;
    bar_end(r);
    name_print(stderr, r->file);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

/* "[#####     ] 12.0 MiB of 1.1 GiB, 3.4 MiB/s, 5:32 left" */
static void bar_print(const struct report *r, int64_t now, uint64_t done, uint64_t all)
{
    char size[16], total[16], rate[16] = "", left[24] = "";
    int filled = all > 0 ? (int)(done * BAR_WIDTH / all) : BAR_WIDTH;
    int64_t spent = now - r->started_ms;
    uint64_t sent = done > r->started_at ? done - r->started_at : 0;

    size_format(done, size, sizeof(size));
    size_format(all, total, sizeof(total));
    (void)fprintf(stderr, "\r%s [%.*s%*s] %s of %s", "sending", filled, "####################",
                  BAR_WIDTH - filled, "", size, total);
    if (spent >= RATE_AFTER_MS && sent > 0) {
        uint64_t a_second = sent * 1000 / (uint64_t)spent;
        size_format(a_second, rate, sizeof(rate));
        duration_format(a_second > 0 ? (all - done) / a_second : 0, left, sizeof(left));
        (void)fprintf(stderr, ", %s/s, %s left", rate, left);
    }
    (void)fprintf(stderr, "\033[K");
    (void)fflush(stderr);
}

void report_progress(struct report *r, uint64_t done, uint64_t all)
{
    int64_t now = clock_steady_ms();

    if (r->quiet || !r->terminal || (r->bar_shown && now < r->bar_next_ms))
        return;
    if (r->started_ms == 0) {
        r->started_ms = now;
        r->started_at = done;
    }
    r->bar_shown = true;
    r->bar_next_ms = now + BAR_EVERY_MS;
    bar_print(r, now, done, all);
}

/* --- results -------------------------------------------------------------------------------
 */

static void json_print(const struct report *r, const struct result *result)
{
    AUTO(json_free) json_t *line = json_object();
    AUTO_FREE char *text = NULL;
    char file[REPORT_PATH_MAX], receipt[REPORT_PATH_MAX], hex[HEX_SIZE(SHA256_SIZE)];
    size_t len;

    words_clean(r->file, file, sizeof(file));
    words_clean(result->receipt, receipt, sizeof(receipt));
    hex_encode(result->sha256, SHA256_SIZE, hex);
    json_put_text(line, "file", file);
    json_put_text(line, "outcome", outcome_name(result->outcome));
    json_put_int(line, "exit", (int)result->outcome);
    json_put_text(line, "claim", result->claim);
    json_put_text(line, "kind", result->kind);
    json_put_text(line, "artefact", result->artefact[0] ? result->artefact : NULL);
    json_put_int(line, "size", (int64_t)result->size);
    json_put_text(line, "sha256", result->has_digest ? hex : NULL);
    json_put_text(line, "receipt", result->receipt[0] ? receipt : NULL);
    json_put_bool(line, "verified", result->verified);
    json_put_bool(line, "duplicate", result->duplicate);
    json_put_bool(line, "already", result->already);
    json_put_int(line, "status", result->status);
    json_put_text_if(line, "problem", result->problem);
    json_put_text_if(line, "message", result->message);
    if (json_text(line, &text, &len) == ERR_OK)
        (void)printf("%s\n", text);
    (void)fflush(stdout);
}

static void received_print(const struct report *r, const struct result *result)
{
    const char *how = result->already     ? "was received before"
                      : result->duplicate ? "received, and it is the one that was there already"
                                          : "received";
    char receipt[REPORT_PATH_MAX];

    words_clean(result->receipt, receipt, sizeof(receipt));
    name_print(stdout, r->file);
    (void)printf("%s as %s; the receipt is %s, %s\n", how, result->artefact, receipt,
                 result->verified ? "verified"
                                  : "stored but NOT verified: that takes --log-key");
    (void)fflush(stdout);
}

static void failure_print(const struct report *r, const struct result *result)
{
    static const struct {
        const char *before, *after;
    } WORDS[OUTCOME_COUNT] = {
        [OUTCOME_REFUSED] = {"refused: ", ""},
        [OUTCOME_UNREACHABLE] = {"not received yet: ", "; run again to go on where it stands"},
        [OUTCOME_UNVERIFIED] =
            {"the service says that it has it, but its receipt is not good: ", ""},
        [OUTCOME_LOCAL] = {"not sent: ", ""},
    };
    const char *before = WORDS[result->outcome].before, *after = WORDS[result->outcome].after;

    (void)fprintf(stderr, "%s: ", SEND_PROGRAM);
    name_print(stderr, r->file);
    (void)fprintf(stderr, "%s%s%s\n", before ? before : "", result->message,
                  after ? after : "");
}

void report_result(struct report *r, const struct result *result)
{
    bar_end(r);
    if (result->outcome != OUTCOME_RECEIVED)
        failure_print(r, result);
    if (r->json)
        json_print(r, result);
    else if (result->outcome == OUTCOME_RECEIVED && !r->quiet)
        received_print(r, result);
}
