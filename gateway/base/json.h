/* JSON, strictly: jansson with duplicate members and trailing text refused, bounded depth, and a
 * reader that knows which members it has seen, so that unknown ones can be refused.
 *
 *     struct json_in in;
 *     TRY(json_in_object(&in, root, "claim"));
 *     TRY(json_in_text(&in, "benefit", JSON_REQUIRED, out, sizeof(out)));
 *     TRY(json_in_done(&in));              // an unknown member: ERR_INVALID "claim: unknown member \"x\""
 */
#ifndef GATEWAY_BASE_JSON_H
#define GATEWAY_BASE_JSON_H

#include "gateway/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32, JSON_MEMBERS_MAX = 48, JSON_PATH_MAX = 96 };
enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

/* Parses a whole document; ERR_INVALID with line and column in the message (never the text itself). */
MUST_USE enum err json_parse(const void *data, size_t len, json_t **out);

static inline void json_free(json_t *j)
{
    json_decref(j);
}
DEFINE_AUTO(json_t, json_free);

struct json_in {
    json_t *object; /* borrowed */
    char path[JSON_PATH_MAX];
    const char *seen[JSON_MEMBERS_MAX];
    size_t n_seen;
};

MUST_USE enum err json_in_object(struct json_in *in, json_t *value, const char *path);
/* UTF-8 text without NUL or control characters (tab and newline are allowed); `cap` includes the terminator; longer: ERR_INVALID.
 * An optional member that is absent or null leaves "" in out; a required one is not empty. */
MUST_USE enum err json_in_text(struct json_in *in, const char *name, enum json_need need, char *out, size_t cap);
/* bool and int: an optional member that is absent or null leaves *out untouched. */
MUST_USE enum err json_in_bool(struct json_in *in, const char *name, enum json_need need, bool *out);
MUST_USE enum err json_in_int(struct json_in *in, const char *name, enum json_need need, int64_t min, int64_t max, int64_t *out);
/* RFC 3339 into micros; absent optional: out untouched and *present false (present may be NULL) */
MUST_USE enum err json_in_time(struct json_in *in, const char *name, enum json_need need, bool *present, int64_t *out);
/* Borrowed; NULL when optional and absent. */
MUST_USE enum err json_in_array(struct json_in *in, const char *name, enum json_need need, size_t max, json_t **out);
MUST_USE enum err json_in_child(struct json_in *in, const char *name, enum json_need need, json_t **out);
MUST_USE enum err json_in_done(const struct json_in *in);

/* Building: each takes over nothing but json_put's value; NULL in any json_t argument is an out-of-memory
 * and a text that is not UTF-8 is ERR_INVALID; the failure sticks to the thread until its next json_text or
 * json_canonical reports it. */
void json_put_text(json_t *object, const char *name, const char *value); /* NULL value: null */
void json_put_text_if(json_t *object, const char *name, const char *value); /* left out when empty */
void json_put_int(json_t *object, const char *name, int64_t value);
void json_put_bool(json_t *object, const char *name, bool value);
void json_put_time(json_t *object, const char *name, int64_t micros);
void json_put(json_t *object, const char *name, json_t *value); /* steals value */

/* Compact, members in sorted order (canonical: what the log commits to). Heap, free(). */
MUST_USE enum err json_canonical(const json_t *value, char **out, size_t *len);
/* Compact, insertion order. */
MUST_USE enum err json_text(const json_t *value, char **out, size_t *len);

#endif
