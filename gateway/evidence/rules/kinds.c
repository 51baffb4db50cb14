/* Reads the kinds table with libconfig, strictly: a member that is not known, missing or out of
 * bounds refuses the file, because a policy that is half understood is no policy. */
#include "gateway/evidence/rules/kinds.h"

#include "crypto/digest.h"
#include "gateway/base/buf.h"
#include "gateway/base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KINDS_FILE_MAX = 256 * 1024, RETENTION_DIGITS = 9 };
#define RETENTION_MAX_S (INT64_C(36525) * 86400)

static const char *const MEMBERS[] = {"name",  "max_bytes", "roles",     "types",
                                      "words", "harmful",   "recording", "retention"};

static void config_clear(config_t *c)
{
    config_destroy(c);
}
DEFINE_AUTO_CLEAR(config_t, config_clear);

static enum err row_members_known(config_setting_t *row, int at)
{
    for (int i = 0; i < config_setting_length(row); i++) {
        const char *name = config_setting_name(config_setting_get_elem(row, (unsigned)i));
        bool known = false;
        for (size_t m = 0; m < ARRAY_LEN(MEMBERS); m++)
            known = known || strcmp(name, MEMBERS[m]) == 0;
        if (!known)
            return err_set(ERR_INVALID, "kinds[%d]: unknown member \"%s\"", at, name);
    }
    return ERR_OK;
}

static enum err row_text(config_setting_t *row, int at, const char *name, char *out, size_t cap)
{
    const char *value = NULL;
    if (!config_setting_lookup_string(row, name, &value) || !*value || strlen(value) >= cap)
        return err_set(ERR_INVALID, "kinds[%d].%s: wants a text of 1 to %zu bytes", at, name,
                       cap - 1);
    memcpy(out, value, strlen(value) + 1);
    return ERR_OK;
}

static enum err row_list(config_setting_t *row, int at, const char *name, int max,
                         config_setting_t **out)
{
    *out = config_setting_get_member(row, name);
    int n = *out ? config_setting_length(*out) : 0;
    if (n < 1 || n > max)
        return err_set(ERR_INVALID, "kinds[%d].%s: wants a list of 1 to %d texts", at, name,
                       max);
    for (int i = 0; i < n; i++) {
        if (!config_setting_get_string_elem(*out, i))
            return err_set(ERR_INVALID, "kinds[%d].%s[%d]: wants a text", at, name, i);
    }
    return ERR_OK;
}

static enum err row_roles(config_setting_t *row, int at, uint32_t *out)
{
    config_setting_t *list = NULL;
    TRY(row_list(row, at, "roles", ROLE_COUNT, &list));
    for (int i = 0; i < config_setting_length(list); i++) {
        const char *name = config_setting_get_string_elem(list, i);
        enum role role;
        if (role_parse(name, &role) != ERR_OK)
            return err_set(ERR_INVALID, "kinds[%d].roles: there is no role \"%s\"", at, name);
        *out |= 1u << role;
    }
    return ERR_OK;
}

static enum err row_types(config_setting_t *row, int at, struct kind *k)
{
    config_setting_t *list = NULL;
    TRY(row_list(row, at, "types", KIND_TYPES_MAX, &list));
    for (int i = 0; i < config_setting_length(list); i++) {
        const char *type = config_setting_get_string_elem(list, i);
        if (strlen(type) > MEDIA_TYPE_MAX || !strchr(type, '/'))
            return err_set(ERR_INVALID, "kinds[%d].types[%d]: not a media type", at, i);
        memcpy(k->types[k->n_types++], type, strlen(type) + 1);
    }
    return ERR_OK;
}

/* "730 d": how long it is kept after live interest ended. */
static enum err row_retention(config_setting_t *row, int at, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } UNITS[] = {{" s", 1}, {" min", 60}, {" h", 3600}, {" d", 86400}};
    const char *text = NULL;
    char *rest = NULL;
    *out = 0;
    if (!config_setting_lookup_string(row, "retention", &text) || strcmp(text, "keep") == 0)
        return config_setting_get_member(row, "retention") && !text
                   ? err_set(ERR_INVALID, "kinds[%d].retention: wants a text", at)
                   : ERR_OK;
    size_t digits = strspn(text, "0123456789");
    long long n = digits > 0 && digits <= RETENTION_DIGITS ? strtoll(text, &rest, 10) : 0;
    for (size_t i = 0; n > 0 && i < ARRAY_LEN(UNITS); i++) {
        if (strcmp(rest, UNITS[i].name) == 0)
            *out = n * UNITS[i].seconds;
    }
    return *out > 0 && *out <= RETENTION_MAX_S
               ? ERR_OK
               : err_set(ERR_INVALID,
                         "kinds[%d].retention: wants \"keep\", or a number of days like "
                         "\"730 d\" (s, min, h, d), up to 100 years",
                         at);
}

static enum err row_read(config_setting_t *row, int at, struct kind *k)
{
    TRY(row_members_known(row, at));
    TRY(row_text(row, at, "name", k->name, sizeof(k->name)));
    TRY(row_text(row, at, "words", k->words, sizeof(k->words)));
    long long max_bytes = 0;
    int harmful = 0, recording = 0;
    if (!config_setting_lookup_int64(row, "max_bytes", &max_bytes) || max_bytes < 1)
        return err_set(ERR_INVALID, "kinds[%d].max_bytes: wants a number of bytes", at);
    if (!config_setting_lookup_bool(row, "harmful", &harmful) ||
        !config_setting_lookup_bool(row, "recording", &recording))
        return err_set(ERR_INVALID, "kinds[%d]: harmful and recording want true or false", at);
    k->max_bytes = (uint64_t)max_bytes;
    k->harmful = harmful != 0;
    k->recording = recording != 0;
    TRY(row_retention(row, at, &k->retention_s));
    TRY(row_roles(row, at, &k->roles));
    return row_types(row, at, k);
}

/* The text is read once, hashed and parsed: what the log is told is what is in force. */
static enum err file_text(const char *path, struct buf *out)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    char piece[4096];
    ssize_t n = 0;
    if (fd < 0)
        return err_set(ERR_INVALID, "%s: %s", path, strerror(errno));
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        TRY(buf_append(out, piece, (size_t)n));
    return n < 0 ? err_errno(path) : buf_append_byte(out, '\n');
}

static enum err version_read(const config_t *file, const char *path, struct kinds *out)
{
    const char *version = "";
    (void)config_lookup_string(file, "version", &version);
    if (strlen(version) > SHORT_TEXT_MAX)
        return err_set(ERR_INVALID, "%s: version: up to %d bytes", path, SHORT_TEXT_MAX);
    memcpy(out->version, version, strlen(version) + 1);
    return ERR_OK;
}

static enum err notice_read(config_setting_t *row, int at, struct notice *out)
{
    const char *version = NULL, *hex = NULL;
    if (config_setting_length(row) != 2 ||
        !config_setting_lookup_string(row, "version", &version) || !*version ||
        strlen(version) > SHORT_TEXT_MAX)
        return err_set(ERR_INVALID, "notices[%d]: wants version and sha256", at);
    if (!config_setting_lookup_string(row, "sha256", &hex) ||
        hex_decode(hex, strlen(hex), out->sha256, sizeof(out->sha256)) != ERR_OK)
        return err_set(ERR_INVALID, "notices[%d].sha256: wants 64 hex digits", at);
    memcpy(out->version, version, strlen(version) + 1);
    return ERR_OK;
}

static enum err notices_read(config_t *file, struct kinds *out)
{
    config_setting_t *rows = config_lookup(file, "notices");
    int n = rows ? config_setting_length(rows) : 0;
    if (n > NOTICES_MAX)
        return err_set(ERR_INVALID, "notices: at most %d", NOTICES_MAX);
    for (int i = 0; i < n; i++) {
        struct notice *notice = &out->notices[out->n_notices];
        TRY(notice_read(config_setting_get_elem(rows, (unsigned)i), i, notice));
        if (kinds_notice(out, notice->version))
            return err_set(ERR_INVALID, "notices[%d]: \"%s\" stands twice", i, notice->version);
        out->n_notices++;
    }
    return ERR_OK;
}

enum err kinds_load(const char *path, struct kinds *out)
{
    AUTO_CLEAR(config_clear) config_t file;
    AUTO_CLEAR(buf_clear) struct buf text;
    buf_init(&text, KINDS_FILE_MAX);
    config_init(&file);
    memset(out, 0, sizeof(*out));
    TRY(file_text(path, &text));
    TRY(sha256_once(text.data, text.len - 1, out->sha256));
    if (!config_read_string(&file, buf_text(&text)))
        return err_set(ERR_INVALID, "%s:%d: %s", path, config_error_line(&file),
                       config_error_text(&file));
    TRY(version_read(&file, path, out));
    config_setting_t *rows = config_lookup(&file, "kinds");
    int n = rows ? config_setting_length(rows) : 0;
    if (n < 1 || n > KINDS_MAX)
        return err_set(ERR_INVALID, "%s: wants `kinds`, a list of 1 to %d rows", path,
                       KINDS_MAX);
    for (int i = 0; i < n; i++) {
        struct kind *k = &out->rows[out->n];
        TRY(row_read(config_setting_get_elem(rows, (unsigned)i), i, k));
        if (kinds_find(out, k->name))
            return err_set(ERR_INVALID, "kinds[%d]: \"%s\" stands twice", i, k->name);
        out->n++;
    }
    return notices_read(&file, out);
}

const struct notice *kinds_notice(const struct kinds *k, const char *version)
{
    for (size_t i = 0; i < k->n_notices; i++) {
        if (strcmp(k->notices[i].version, version) == 0)
            return &k->notices[i];
    }
    return NULL;
}

const struct kind *kinds_find(const struct kinds *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->rows[i].name, name) == 0)
            return &k->rows[i];
    }
    return NULL;
}

uint64_t kinds_largest(const struct kinds *k)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < k->n; i++)
        largest = k->rows[i].max_bytes > largest ? k->rows[i].max_bytes : largest;
    return largest;
}

bool kind_allows_type(const struct kind *k, const char *media_type)
{
    for (size_t i = 0; i < k->n_types; i++) {
        if (strcmp(k->types[i], media_type) == 0)
            return true;
    }
    return false;
}
