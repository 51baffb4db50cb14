/* The log writer.
 *
 * Invariants: a line is built in one array of LOG_LINE_MAX bytes (which is PIPE_BUF, so that
 * lines of several processes on one pipe never mix) and handed to one write(2); it is a whole
 * JSON object however long or hostile its values are: fields that no longer fit are left out
 * and "truncated":true says so. The log never blocks, allocates or fails its caller; a line
 * that cannot be written is lost.
 *
 * Rate: warnings are counted by event name in a small table, a window of one second each. What
 * went over the limit is summarised in a line "log.suppressed" by the first call after the
 * window. */
#include "gateway/base/log.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EVENT_NAME_MAX = 64, SOURCE_MAX = 32, RATE_SLOTS = 32, RATE_WINDOW_MS = 1000 };
enum { TAIL_ROOM = 24 }; /* for ,"truncated":true} and the newline */

static _Atomic(int) least_level = LOG_INFO;
static _Atomic(int) log_fd = STDERR_FILENO;
static char source[SOURCE_MAX]; /* set once at start, before threads */

struct line {
    char text[LOG_LINE_MAX];
    size_t len;
};

struct rate_slot {
    char event[EVENT_NAME_MAX]; /* "" when free */
    int64_t window_start_ms;
    unsigned written;
    unsigned suppressed;
};

static struct {
    pthread_mutex_t lock;
    struct rate_slot slots[RATE_SLOTS];
} rate = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

void log_set_fd(int fd)
{
    atomic_store(&log_fd, fd);
}

void log_set_source(const char *process)
{
    (void)snprintf(source, sizeof(source), "%s", process == NULL ? "" : process);
}

/* All or nothing, and always leaves TAIL_ROOM. */
static bool put(struct line *l, const char *text, size_t len)
{
    if (len > sizeof(l->text) - TAIL_ROOM - l->len)
        return false;
    memcpy(l->text + l->len, text, len);
    l->len += len;
    return true;
}

static bool put_str(struct line *l, const char *text)
{
    return put(l, text, strlen(text));
}

static uint32_t code_point(const unsigned char *at, size_t n)
{
    uint32_t c = n == 1 ? at[0] : at[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (at[i] & 0x3fu);
    return c;
}

/* Controls, and what reorders or breaks a line where it is shown. */
static bool must_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool put_code_point(struct line *l, const char *at, size_t n)
{
    uint32_t c = n == 0 ? 0xfffd : code_point((const unsigned char *)at, n);
    char escape[8];

    if (c == '"' || c == '\\')
        return put(l, "\\", 1) && put(l, at, 1);
    if (n != 0 && !must_escape(c))
        return put(l, at, n);
    (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c & 0xffffu);
    return put_str(l, escape);
}

/* A JSON string of at most LOG_VALUE_MAX bytes of the value, cut between code points. */
static bool put_text(struct line *l, const char *value)
{
    size_t len = strnlen(value, LOG_VALUE_MAX + 1), taken = 0;

    if (!put(l, "\"", 1))
        return false;
    while (taken < len) {
        size_t n = utf8_step(value + taken, len - taken);
        size_t width = n == 0 ? 1 : n;

        if (taken + width > LOG_VALUE_MAX)
            break;
        if (!put_code_point(l, value + taken, n))
            return false;
        taken += width;
    }
    return put(l, "\"", 1);
}

static bool put_value(struct line *l, const struct log_field *f)
{
    char number[24];

    switch (f->type) {
    case LOG_FIELD_STR:
        return f->text == NULL ? put_str(l, "null") : put_text(l, f->text);
    case LOG_FIELD_BOOL:
        return put_str(l, f->number != 0 ? "true" : "false");
    case LOG_FIELD_INT:
        break;
    }
    (void)snprintf(number, sizeof(number), "%lld", (long long)f->number);
    return put_str(l, number);
}

static bool put_field(struct line *l, const struct log_field *f)
{
    size_t before = l->len;

    if (put(l, ",", 1) && put_text(l, f->key) && put(l, ":", 1) && put_value(l, f))
        return true;
    l->len = before;
    return false;
}

static void write_line(const struct line *l)
{
    ssize_t n;

    do {
        n = write(atomic_load(&log_fd), l->text, l->len);
    } while (n < 0 && errno == EINTR);
}

static void emit(enum log_level level, const char *event, const struct log_field *fields,
                 size_t n)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct log_field head[] = {log_str("level", names[level]), log_str("event", event),
                               log_str("source", source)};
    char now[TIME_TEXT_SIZE];
    bool whole = true;
    struct line l = {.len = 0};

    time_format(clock_now(), now);
    whole = put_str(&l, "{\"time\":\"") && put_str(&l, now) && put(&l, "\"", 1);
    for (size_t i = 0; i < ARRAY_LEN(head) - (source[0] == '\0' ? 1 : 0); i++)
        whole = put_field(&l, &head[i]) && whole;
    for (size_t i = 0; i < n; i++)
        whole = put_field(&l, &fields[i]) && whole;
    /* TAIL_ROOM is what put() left for this. */
    const char *tail = whole ? "}\n" : ",\"truncated\":true}\n";
    memcpy(l.text + l.len, tail, strlen(tail));
    l.len += strlen(tail);
    write_line(&l);
}

/* Takes one slot whose window is over out of the table; false when there is none with a count.
 */
static bool take_finished(int64_t now_ms, struct rate_slot *out)
{
    for (size_t i = 0; i < RATE_SLOTS; i++) {
        struct rate_slot *s = &rate.slots[i];

        if (s->event[0] == '\0' || now_ms - s->window_start_ms < RATE_WINDOW_MS)
            continue;
        *out = *s;
        *s = (struct rate_slot){.event = ""};
        if (out->suppressed > 0)
            return true;
    }
    return false;
}

static void summarise_finished(int64_t now_ms)
{
    struct rate_slot done;

    for (;;) {
        pthread_mutex_lock(&rate.lock);
        bool found = take_finished(now_ms, &done);
        pthread_mutex_unlock(&rate.lock);
        if (!found)
            return;
        struct log_field fields[] = {log_str("suppressed_event", done.event),
                                     log_int("count", done.suppressed)};
        emit(LOG_WARN, "log.suppressed", fields, ARRAY_LEN(fields));
    }
}

/* The slot of the event, else a free one, else the last one, which the rest then share. */
static struct rate_slot *slot_of(const char *event, int64_t now_ms)
{
    struct rate_slot *pick = &rate.slots[RATE_SLOTS - 1];

    for (size_t i = RATE_SLOTS; i-- > 0;) {
        struct rate_slot *s = &rate.slots[i];

        if (strncmp(s->event, event, sizeof(s->event) - 1) == 0)
            return s;
        if (s->event[0] == '\0')
            pick = s;
    }
    if (pick->event[0] == '\0') {
        (void)snprintf(pick->event, sizeof(pick->event), "%s", event);
        pick->window_start_ms = now_ms;
    }
    return pick;
}

static bool within_rate(const char *event, int64_t now_ms)
{
    bool write_it;

    pthread_mutex_lock(&rate.lock);
    struct rate_slot *s = slot_of(event, now_ms);
    write_it = s->written < LOG_RATE_PER_SECOND;
    if (write_it)
        s->written++;
    else
        s->suppressed++;
    pthread_mutex_unlock(&rate.lock);
    return write_it;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t n)
{
    int kept = errno;
    int64_t now_ms;

    assert(n <= LOG_FIELDS_MAX);
    assert(event != NULL && event[0] != '\0');
    if ((int)level < atomic_load(&least_level))
        return;
    now_ms = clock_steady_ms();
    summarise_finished(now_ms);
    if (level != LOG_WARN || within_rate(event, now_ms))
        emit(level, event, fields, n);
    errno = kept;
}
