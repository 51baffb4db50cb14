/* The log: one JSON object a line on standard error.
 *
 *     log_event(LOG_WARN, "tls.reload_failed", log_str("file", path), log_int("errno", e));
 *
 * {"time":"...Z","level":"warn","event":"tls.reload_failed","file":"...","errno":2}
 * Values are escaped (control characters, ANSI, invalid UTF-8), cut at LOG_VALUE_MAX, and one line is
 * one write(2). No token, NINO, name or file name is ever passed here. Warnings of one event name
 * above LOG_RATE_PER_SECOND a second are counted and summarised instead of written.
 */
#ifndef GATEWAY_BASE_LOG_H
#define GATEWAY_BASE_LOG_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum { LOG_VALUE_MAX = 512, LOG_LINE_MAX = 4096, LOG_RATE_PER_SECOND = 50, LOG_FIELDS_MAX = 12 };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL } type;
    const char *text;
    int64_t number;
};

static inline struct log_field log_str(const char *key, const char *value)
{
    return (struct log_field){.key = key, .type = LOG_FIELD_STR, .text = value};
}
static inline struct log_field log_int(const char *key, int64_t value)
{
    return (struct log_field){.key = key, .type = LOG_FIELD_INT, .number = value};
}
static inline struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){.key = key, .type = LOG_FIELD_BOOL, .number = value};
}
/* "error":"<name>","message":"<the travelling message>" in one field pair */
#define log_err(code) log_str("error", err_name(code)), log_str("message", err_message(code))

void log_set_level(enum log_level least);
void log_set_fd(int fd); /* tests; default 2 */
void log_set_source(const char *process); /* "front", "keeper", ...: a field of every line */
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
