/* One value, by its row: default, read from a file, printed, freed.
 *
 * Invariants: a field of a text is never NULL after setting_default and belongs to the config;
 * a field is only written with a value that fits its row. */
#include "config/setting.h"

#include <stdlib.h>
#include <string.h>

static void *field_of(const struct setting *s, void *base)
{
    return (char *)base + s->offset;
}

static const void *const_field_of(const struct setting *s, const void *base)
{
    return (const char *)base + s->offset;
}

static const char *text_of(const struct setting *s, const void *base)
{
    return *(const char *const *)const_field_of(s, base);
}

bool setting_is_text(const struct setting *s)
{
    return s->type == SETTING_TEXT || s->type == SETTING_PATH || s->type == SETTING_CHOICE ||
           s->type == SETTING_LIST;
}

static void text_free(const char *text)
{
    free((void *)(uintptr_t)text);
}

enum err config_set(const char **field, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return err_set(ERR_NOMEM, "a setting");
    text_free(*field);
    *field = copy;
    return ERR_OK;
}

static uint64_t number_of(const struct setting *s, const void *base)
{
    const void *field = const_field_of(s, base);

    assert(!setting_is_text(s));
    if (s->type == SETTING_BOOL)
        return *(const bool *)field;
    if (s->type == SETTING_BYTES)
        return *(const uint64_t *)field;
    return *(const unsigned *)field;
}

static void number_put(const struct setting *s, void *base, uint64_t value)
{
    void *field = field_of(s, base);

    if (s->type == SETTING_BOOL) {
        *(bool *)field = value != 0;
    } else if (s->type == SETTING_BYTES) {
        *(uint64_t *)field = value;
    } else {
        assert(value <= UINT32_MAX);
        *(unsigned *)field = (unsigned)value;
    }
}

enum err setting_default(const struct setting *s, void *base)
{
    if (setting_is_text(s))
        return config_set(field_of(s, base), s->text);
    number_put(s, base, s->number);
    return ERR_OK;
}

void setting_clear(const struct setting *s, void *base)
{
    if (!setting_is_text(s))
        return;
    text_free(text_of(s, base));
    *(const char **)field_of(s, base) = NULL;
}

bool setting_is_default(const struct setting *s, const void *base)
{
    if (setting_is_text(s))
        return strcmp(text_of(s, base), s->text) == 0;
    return number_of(s, base) == s->number;
}

bool setting_word_in(const char *words, const char *word)
{
    size_t len = strlen(word);

    while (len > 0 && *words) {
        size_t here = strcspn(words, " ");
        if (here == len && memcmp(words, word, len) == 0)
            return true;
        words += here;
        words += *words == ' ';
    }
    return false;
}

/* --- reading -------------------------------------------------------------------------------
 */
static enum err wants(const struct setting *s)
{
    AUTO_CLEAR(buf_clear) struct buf words = {0};

    buf_init(&words, ERR_MESSAGE_MAX);
    TRY(setting_bounds(s, &words));
    return err_set(ERR_INVALID, "wants %s", buf_text(&words));
}

static enum err path_resolve(const char *value, const char *folder, struct buf *out)
{
    if (folder && *value && *value != '/')
        TRY(buf_printf(out, "%s/", folder));
    return buf_append_str(out, value);
}

static enum err read_text(const struct setting *s, config_setting_t *value, const char *folder,
                          void *base)
{
    AUTO_CLEAR(buf_clear) struct buf path = {0};
    const char *text = config_setting_get_string(value);

    if (!text ||
        (s->type == SETTING_CHOICE ? !setting_word_in(s->words, text) : strlen(text) > s->most))
        return wants(s);
    if (s->type != SETTING_PATH)
        return config_set(field_of(s, base), text);
    buf_init(&path, CONFIG_PATH_MAX);
    if (path_resolve(text, folder, &path) != ERR_OK)
        return wants(s);
    return config_set(field_of(s, base), buf_text(&path));
}

static enum err read_list(const struct setting *s, config_setting_t *value, void *base)
{
    AUTO_CLEAR(buf_clear) struct buf words = {0};

    buf_init(&words, SETTING_VALUE_MAX);
    if (!config_setting_is_array(value) && !config_setting_is_list(value))
        return wants(s);
    for (int i = 0; i < config_setting_length(value); i++) {
        const char *word = config_setting_get_string_elem(value, i);
        if (!word || !*word || strchr(word, ' ') ||
            (*s->words && !setting_word_in(s->words, word)))
            return wants(s);
        TRY(buf_printf(&words, "%s%s", words.len ? " " : "", word));
    }
    return config_set(field_of(s, base), buf_text(&words));
}

static bool whole_number(config_setting_t *value, uint64_t *out)
{
    int type = config_setting_type(value);
    long long number = type == CONFIG_TYPE_INT     ? config_setting_get_int(value)
                       : type == CONFIG_TYPE_INT64 ? config_setting_get_int64(value)
                                                   : -1;
    *out = (uint64_t)number;
    return number >= 0;
}

static bool quantity(const struct setting *s, config_setting_t *value, uint64_t *out)
{
    const char *text = config_setting_get_string(value);

    if (s->type == SETTING_NUMBER)
        return whole_number(value, out);
    if (s->type == SETTING_BYTES)
        return text ? size_parse(text, out) == ERR_OK : whole_number(value, out);
    if (!text || duration_parse(text, out) != ERR_OK)
        return false;
    if (s->type == SETTING_MILLIS)
        return true;
    bool whole = *out % 1000 == 0;
    *out /= 1000;
    return whole;
}

enum err setting_read(const struct setting *s, config_setting_t *value, const char *folder,
                      void *base)
{
    uint64_t number;

    if (s->type == SETTING_LIST)
        return read_list(s, value, base);
    if (setting_is_text(s))
        return read_text(s, value, folder, base);
    if (s->type == SETTING_BOOL) {
        if (config_setting_type(value) != CONFIG_TYPE_BOOL)
            return wants(s);
        number_put(s, base, config_setting_get_bool(value) != 0);
        return ERR_OK;
    }
    if (!quantity(s, value, &number) || number < s->least || number > s->most)
        return wants(s);
    number_put(s, base, number);
    return ERR_OK;
}

/* --- printing ------------------------------------------------------------------------------
 */
static enum err quote(const char *text, size_t len, struct buf *out)
{
    TRY(buf_append_byte(out, '"'));
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            TRY(buf_append_byte(out, '\\'));
        TRY(buf_append_byte(out, (uint8_t)text[i]));
    }
    return buf_append_byte(out, '"');
}

static enum err format_list(const char *words, struct buf *out)
{
    if (!*words)
        return buf_append_str(out, "[]");
    TRY(buf_append_str(out, "["));
    for (bool first = true; *words; first = false) {
        size_t len = strcspn(words, " ");
        if (!first)
            TRY(buf_append_str(out, ", "));
        TRY(quote(words, len, out));
        words += len;
        words += *words == ' ';
    }
    return buf_append_str(out, "]");
}

static enum err format_number(const struct setting *s, uint64_t value, struct buf *out)
{
    char text[UNIT_TEXT_SIZE];

    if (s->type == SETTING_NUMBER)
        return buf_printf(out, "%llu", (unsigned long long)value);
    if (s->type == SETTING_BOOL)
        return buf_append_str(out, value ? "true" : "false");
    if (s->type == SETTING_BYTES)
        size_format(value, text);
    else
        duration_format(s->type == SETTING_SECONDS ? value * 1000 : value, text);
    return quote(text, strlen(text), out);
}

enum err setting_format(const struct setting *s, const void *base, struct buf *out)
{
    if (s->type == SETTING_LIST)
        return format_list(text_of(s, base), out);
    if (setting_is_text(s))
        return quote(text_of(s, base), strlen(text_of(s, base)), out);
    return format_number(s, number_of(s, base), out);
}

static enum err range_words(const struct setting *s, struct buf *out)
{
    char least[UNIT_TEXT_SIZE], most[UNIT_TEXT_SIZE];
    uint64_t scale = s->type == SETTING_SECONDS ? 1000 : 1;

    if (s->type == SETTING_NUMBER)
        return buf_printf(out, "a whole number from %llu to %llu", (unsigned long long)s->least,
                          (unsigned long long)s->most);
    if (s->type == SETTING_BYTES) {
        size_format(s->least, least);
        size_format(s->most, most);
        return buf_printf(out, "a size from %s to %s", least, most);
    }
    duration_format(s->least * scale, least);
    duration_format(s->most * scale, most);
    return buf_printf(out, "a duration from %s to %s", least, most);
}

enum err setting_bounds(const struct setting *s, struct buf *out)
{
    switch (s->type) {
    case SETTING_TEXT:
        return buf_printf(out, "a text of at most %llu bytes", (unsigned long long)s->most);
    case SETTING_PATH:
        return buf_append_str(out, "a path");
    case SETTING_CHOICE:
        return buf_printf(out, "one of: %s", s->words);
    case SETTING_LIST:
        return *s->words ? buf_printf(out, "a list of: %s", s->words)
                         : buf_append_str(out, "a list of words");
    case SETTING_BOOL:
        return buf_append_str(out, "true or false");
    case SETTING_NUMBER:
    case SETTING_BYTES:
    case SETTING_SECONDS:
    case SETTING_MILLIS:
        return range_words(s, out);
    }
    return ERR_INTERNAL;
}
