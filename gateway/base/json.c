/* Strict JSON.
 *
 * Invariants: a document that json_parse gives back is an object or an array, no deeper than
 * JSON_DEPTH_MAX, without duplicate members or embedded NUL; no message carries text of the
 * document, save a member name of harmless characters. A failed build step is kept per thread
 * (`build_error`), so that builders read straight down and a document with a hole in it is
 * never written out. */
#include "gateway/base/json.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_TIME_MAX = 48, JSON_NAME_SHOWN_MAX = 40 };

static _Thread_local enum err build_error;

/* jansson allows 2048 levels; the count ignores what stands inside strings. */
static bool too_deep(const char *text, size_t len)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '{' || c == '[')) {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if (!quoted && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* jansson's own text quotes the document, so only its code is used. */
static const char *words_of(enum json_error_code code)
{
    static const struct {
        enum json_error_code code;
        const char *words;
    } table[] = {
        {json_error_premature_end_of_input, "it ends early"},
        {json_error_end_of_input_expected, "text after its end"},
        {json_error_invalid_utf8, "not UTF-8"},
        {json_error_null_character, "a NUL character"},
        {json_error_null_byte_in_key, "a NUL character"},
        {json_error_duplicate_key, "a member stands twice"},
        {json_error_numeric_overflow, "a number out of range"},
        {json_error_stack_overflow, "too deep"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].code == code)
            return table[i].words;
    }
    return "not well formed";
}

enum err json_parse(const void *data, size_t len, json_t **out)
{
    json_error_t error;
    json_t *value;

    if (len == 0)
        return err_set(ERR_INVALID, "JSON: it is empty");
    if (too_deep(data, len))
        return err_set(ERR_INVALID, "JSON: more than %d levels deep", JSON_DEPTH_MAX);
    value = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        enum json_error_code code = json_error_code(&error);

        if (code == json_error_out_of_memory)
            return ERR_NOMEM;
        return err_set(ERR_INVALID, "JSON, line %d column %d: %s", error.line, error.column,
                       words_of(code));
    }
    *out = value;
    return ERR_OK;
}

enum err json_in_object(struct json_in *in, json_t *value, const char *path)
{
    if (!json_is_object(value))
        return err_set(ERR_INVALID, "%s: not an object", path);
    in->object = value;
    in->n_seen = 0;
    (void)snprintf(in->path, sizeof(in->path), "%s", path);
    return ERR_OK;
}

static MUST_USE enum err refuse(const struct json_in *in, const char *name, const char *why)
{
    return err_set(ERR_INVALID, "%s: \"%s\" %s", in->path, name, why);
}

/* *out is NULL for an optional member that is absent or null. */
static MUST_USE enum err member(struct json_in *in, const char *name, enum json_need need,
                                json_t **out)
{
    json_t *value = json_object_get(in->object, name);

    assert(in->n_seen < JSON_MEMBERS_MAX);
    in->seen[in->n_seen++] = name;
    *out = json_is_null(value) ? NULL : value;
    if (*out == NULL && need == JSON_REQUIRED)
        return refuse(in, name, "is missing");
    return ERR_OK;
}

/* Tab and newline are the only controls of a text; C1 controls (U+0080 to U+009F) are none. */
static bool printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)
            return false;
    }
    return true;
}

enum err json_in_text(struct json_in *in, const char *name, enum json_need need, char *out,
                      size_t cap)
{
    json_t *value;
    size_t len;

    assert(cap > 0);
    out[0] = '\0';
    TRY(member(in, name, need, &value));
    if (value == NULL)
        return ERR_OK;
    if (!json_is_string(value))
        return refuse(in, name, "is not a text");
    len = json_string_length(value);
    if (len == 0 && need == JSON_REQUIRED)
        return refuse(in, name, "is empty");
    if (len >= cap)
        return refuse(in, name, "is too long");
    if (!printable(json_string_value(value), len))
        return refuse(in, name, "holds a control character");
    memcpy(out, json_string_value(value), len + 1);
    return ERR_OK;
}

enum err json_in_bool(struct json_in *in, const char *name, enum json_need need, bool *out)
{
    json_t *value;

    TRY(member(in, name, need, &value));
    if (value == NULL)
        return ERR_OK;
    if (!json_is_boolean(value))
        return refuse(in, name, "is not true or false");
    *out = json_is_true(value);
    return ERR_OK;
}

enum err json_in_int(struct json_in *in, const char *name, enum json_need need, int64_t min,
                     int64_t max, int64_t *out)
{
    json_t *value;
    int64_t number;

    TRY(member(in, name, need, &value));
    if (value == NULL)
        return ERR_OK;
    if (!json_is_integer(value))
        return refuse(in, name, "is not a whole number");
    number = json_integer_value(value);
    if (number < min || number > max)
        return refuse(in, name, "is out of range");
    *out = number;
    return ERR_OK;
}

enum err json_in_time(struct json_in *in, const char *name, enum json_need need, bool *present,
                      int64_t *out)
{
    json_t *value;

    if (present != NULL)
        *present = false;
    TRY(member(in, name, need, &value));
    if (value == NULL)
        return ERR_OK;
    if (!json_is_string(value) || json_string_length(value) > JSON_TIME_MAX ||
        time_parse(json_string_value(value), out) != ERR_OK)
        return refuse(in, name, "is not a time of RFC 3339 between 1970 and 9999");
    if (present != NULL)
        *present = true;
    return ERR_OK;
}

enum err json_in_array(struct json_in *in, const char *name, enum json_need need, size_t max,
                       json_t **out)
{
    json_t *value;

    *out = NULL;
    TRY(member(in, name, need, &value));
    if (value == NULL)
        return ERR_OK;
    if (!json_is_array(value))
        return refuse(in, name, "is not a list");
    if (json_array_size(value) > max)
        return refuse(in, name, "has too many entries");
    *out = value;
    return ERR_OK;
}

enum err json_in_child(struct json_in *in, const char *name, enum json_need need, json_t **out)
{
    return member(in, name, need, out);
}

static bool harmless(const char *name)
{
    size_t len =
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    return len > 0 && len <= JSON_NAME_SHOWN_MAX && name[len] == '\0';
}

static bool was_seen(const struct json_in *in, const char *name)
{
    for (size_t i = 0; i < in->n_seen; i++) {
        if (strcmp(in->seen[i], name) == 0)
            return true;
    }
    return false;
}

enum err json_in_done(const struct json_in *in)
{
    const char *name;
    json_t *value;

    json_object_foreach(in->object, name, value)
    {
        if (was_seen(in, name))
            continue;
        if (harmless(name))
            return err_set(ERR_INVALID, "%s: unknown member \"%s\"", in->path, name);
        return err_set(ERR_INVALID, "%s: unknown member", in->path);
    }
    return ERR_OK;
}

void json_put(json_t *object, const char *name, json_t *value)
{
    /* Steals the value even when it fails, also when object is NULL. */
    if (json_object_set_new(object, name, value) != 0 && build_error == ERR_OK)
        build_error = ERR_NOMEM;
}

void json_put_text(json_t *object, const char *name, const char *value)
{
    if (value != NULL && !utf8_valid(value, strlen(value))) {
        if (build_error == ERR_OK)
            build_error = ERR_INVALID;
        return;
    }
    json_put(object, name, value == NULL ? json_null() : json_string(value));
}

void json_put_text_if(json_t *object, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_put_text(object, name, value);
}

void json_put_int(json_t *object, const char *name, int64_t value)
{
    json_put(object, name, json_integer(value));
}

void json_put_bool(json_t *object, const char *name, bool value)
{
    json_put(object, name, json_boolean(value));
}

void json_put_time(json_t *object, const char *name, int64_t micros)
{
    char text[TIME_TEXT_SIZE];

    time_format(micros, text);
    json_put_text(object, name, text);
}

static MUST_USE enum err dump(const json_t *value, size_t flags, char **out, size_t *len)
{
    enum err broken = build_error;
    char *text;

    build_error = ERR_OK;
    if (broken == ERR_INVALID)
        return err_set(ERR_INVALID, "a text in a JSON document is not UTF-8");
    if (broken != ERR_OK)
        return broken;
    text = json_dumps(value, flags | JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL)
        return ERR_NOMEM;
    *out = text;
    *len = strlen(text);
    return ERR_OK;
}

enum err json_canonical(const json_t *value, char **out, size_t *len)
{
    return dump(value, JSON_SORT_KEYS, out, len);
}

enum err json_text(const json_t *value, char **out, size_t *len)
{
    return dump(value, 0, out, len);
}
