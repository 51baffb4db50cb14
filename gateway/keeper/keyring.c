/* The keyring file: read strictly, replaced whole.
 *
 * Invariants: what is written passed the check that reading makes; a reader sees the old file
 * or the new one, never a part (the new one is written beside it, made durable, then renamed
 * over it); no secret ever stands in it. */
#include "gateway/keeper/keyring.h"

#include "gateway/base/buf.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYRING_FILE_MAX = 64 * 1024, KEYRING_PATH_MAX = 4096, STATE_TEXT_MAX = 16 };

const struct keyring_key *keyring_find(const struct keyring *k, const char *id)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->keys[i].id, id) == 0)
            return &k->keys[i];
    }
    return NULL;
}

static bool same_point(const struct age_recipient *a, const struct age_recipient *b)
{
    return memcmp(a->point, b->point, sizeof(a->point)) == 0;
}

static enum err check_key(const struct keyring *k, size_t at)
{
    const struct keyring_key *key = &k->keys[at];
    char id[KEY_ID_SIZE];

    service_key_id(&key->recipient, id);
    if (strcmp(id, key->id) != 0)
        return err_set(ERR_INVALID, "keys[%zu]: the id is not its recipient's", at);
    if (keyring_find(k, key->id) != key)
        return err_set(ERR_INVALID, "keys[%zu]: it stands twice", at);
    if (k->has_recovery && same_point(&k->recovery, &key->recipient))
        return err_set(ERR_INVALID,
                       "keys[%zu]: the recovery recipient may not be a service key", at);
    return ERR_OK;
}

static enum err check(const struct keyring *k)
{
    if (k->n == 0 || k->n > KEYRING_MAX || k->active >= k->n)
        return err_set(ERR_INVALID, "active: there is no such key");
    if (k->keys[k->active].retired)
        return err_set(ERR_INVALID, "active: the key is retired");
    for (size_t i = 0; i < k->n; i++)
        TRY(check_key(k, i));
    return ERR_OK;
}

/* --- reading -------------------------------------------------------------------------------
 */
static enum err file_read(const char *path, struct buf *out)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    uint8_t piece[4096];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(path);
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_INVALID, "not a regular file");
    for (;;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(path);
        if (got == 0)
            return ERR_OK;
        TRY(buf_append(out, piece, (size_t)got));
    }
}

static enum err read_recipient(struct json_in *in, const char *name, enum json_need need,
                               bool *present, struct age_recipient *out)
{
    char text[AGE_RECIPIENT_TEXT_SIZE];

    TRY(json_in_text(in, name, need, text, sizeof(text)));
    if (present)
        *present = *text != '\0';
    return *text || need == JSON_REQUIRED ? age_recipient_parse(text, out) : ERR_OK;
}

static enum err read_key(json_t *value, size_t at, struct keyring_key *out)
{
    char path[JSON_PATH_MAX], state[STATE_TEXT_MAX];
    struct json_in in;

    (void)snprintf(path, sizeof(path), "keys[%zu]", at);
    TRY(json_in_object(&in, value, path));
    TRY(json_in_text(&in, "id", JSON_REQUIRED, out->id, sizeof(out->id)));
    TRY(read_recipient(&in, "recipient", JSON_REQUIRED, NULL, &out->recipient));
    TRY(json_in_text(&in, "state", JSON_REQUIRED, state, sizeof(state)));
    TRY(json_in_time(&in, "created", JSON_REQUIRED, NULL, &out->created_at));
    TRY(json_in_done(&in));
    out->retired = strcmp(state, "retired") == 0;
    if (!out->retired && strcmp(state, "loaded") != 0)
        return err_set(ERR_INVALID, "%s.state: wants \"loaded\" or \"retired\"", path);
    return ERR_OK;
}

static enum err read_column(json_t *value, size_t at, struct keyring_column *out)
{
    char path[JSON_PATH_MAX], id[COLUMN_ID_TEXT_SIZE];
    struct json_in in;

    (void)snprintf(path, sizeof(path), "columns[%zu]", at);
    TRY(json_in_object(&in, value, path));
    TRY(json_in_text(&in, "id", JSON_REQUIRED, id, sizeof(id)));
    TRY(read_recipient(&in, "recipient", JSON_REQUIRED, NULL, &out->recipient));
    TRY(json_in_time(&in, "created", JSON_REQUIRED, NULL, &out->created_at));
    TRY(json_in_done(&in));
    return hex_decode(id, strlen(id), out->id, sizeof(out->id));
}

static enum err read_columns(struct json_in *in, struct keyring *k)
{
    json_t *columns = NULL;

    TRY(json_in_array(in, "columns", JSON_OPTIONAL, COLUMN_KEYS_MAX, &columns));
    for (k->n_columns = 0; k->n_columns < json_array_size(columns); k->n_columns++)
        TRY(read_column(json_array_get(columns, k->n_columns), k->n_columns,
                        &k->columns[k->n_columns]));
    return ERR_OK;
}

static enum err read_document(json_t *root, struct keyring *k)
{
    char active[KEY_ID_SIZE];
    const struct keyring_key *found;
    struct json_in in;
    json_t *keys;

    TRY(json_in_object(&in, root, "keyring"));
    TRY(json_in_text(&in, "active", JSON_REQUIRED, active, sizeof(active)));
    TRY(read_recipient(&in, "recovery", JSON_OPTIONAL, &k->has_recovery, &k->recovery));
    TRY(json_in_time(&in, "recovery_since", JSON_OPTIONAL, NULL, &k->recovery_since));
    TRY(json_in_array(&in, "keys", JSON_REQUIRED, KEYRING_MAX, &keys));
    TRY(read_columns(&in, k));
    TRY(json_in_done(&in));
    for (k->n = 0; k->n < json_array_size(keys); k->n++)
        TRY(read_key(json_array_get(keys, k->n), k->n, &k->keys[k->n]));
    found = keyring_find(k, active);
    if (!found)
        return err_set(ERR_INVALID, "active: there is no such key");
    k->active = (size_t)(found - k->keys);
    return check(k);
}

enum err keyring_read(const char *path, struct keyring *out)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO(json_free) json_t *root = NULL;
    struct keyring k = {.n = 0};
    char why[ERR_MESSAGE_MAX];
    enum err e;

    buf_init(&text, KEYRING_FILE_MAX);
    e = file_read(path, &text);
    if (e == ERR_OK)
        e = json_parse(text.data, text.len, &root);
    if (e == ERR_OK)
        e = read_document(root, &k);
    if (e == ERR_INVALID || e == ERR_TOO_LARGE) {
        (void)snprintf(why, sizeof(why), "%s", err_message(e));
        return err_set(ERR_INVALID, "%s: %s", path, why);
    }
    TRY(e);
    *out = k;
    return ERR_OK;
}

/* --- writing -------------------------------------------------------------------------------
 */
static void put_recipient(json_t *object, const char *name, const struct age_recipient *r)
{
    char text[AGE_RECIPIENT_TEXT_SIZE];

    age_recipient_format(r, text);
    json_put_text(object, name, text);
}

static json_t *key_json(const struct keyring_key *key)
{
    json_t *object = json_object();

    json_put_text(object, "id", key->id);
    put_recipient(object, "recipient", &key->recipient);
    json_put_text(object, "state", key->retired ? "retired" : "loaded");
    json_put_time(object, "created", key->created_at);
    return object;
}

static json_t *column_json(const struct keyring_column *column)
{
    json_t *object = json_object();
    char id[COLUMN_ID_TEXT_SIZE];

    column_id_format(column->id, id);
    json_put_text(object, "id", id);
    put_recipient(object, "recipient", &column->recipient);
    json_put_time(object, "created", column->created_at);
    return object;
}

/* NULL: out of memory. */
static json_t *columns_json(const struct keyring *k)
{
    json_t *columns = json_array();

    for (size_t i = 0; i < k->n_columns; i++) {
        if (json_array_append_new(columns, column_json(&k->columns[i])) != 0) {
            json_decref(columns);
            return NULL;
        }
    }
    return columns;
}

static enum err document(const struct keyring *k, char **text, size_t *len)
{
    AUTO(json_free) json_t *root = json_object();
    json_t *keys = json_array();

    json_put_text(root, "active", k->keys[k->active].id);
    if (k->has_recovery)
        put_recipient(root, "recovery", &k->recovery);
    if (k->recovery_since != 0)
        json_put_time(root, "recovery_since", k->recovery_since);
    for (size_t i = 0; i < k->n; i++) {
        if (json_array_append_new(keys, key_json(&k->keys[i])) != 0) {
            json_decref(keys);
            return err_set(ERR_NOMEM, "the keyring");
        }
    }
    json_put(root, "keys", keys);
    if (k->n_columns > 0)
        json_put(root, "columns", columns_json(k));
    return json_text(root, text, len);
}

static enum err write_all(int fd, const char *path, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_errno(path);
        data += put;
        len -= (size_t)put;
    }
    return ERR_OK;
}

/* The folder's entry is durable, too. */
static enum err sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[KEYRING_PATH_MAX];
    AUTO_FD int fd = -1;

    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? ERR_OK : err_errno(folder);
}

static enum err replace(int fd, const char *beside, const char *path, const char *text,
                        size_t len)
{
    TRY(write_all(fd, beside, text, len));
    TRY(write_all(fd, beside, "\n", 1));
    if (fchmod(fd, 0644) != 0 || fsync(fd) != 0 || rename(beside, path) != 0)
        return err_errno(beside);
    return sync_folder(path);
}

enum err keyring_write(const char *path, const struct keyring *k)
{
    AUTO_FREE char *text = NULL;
    char beside[KEYRING_PATH_MAX];
    AUTO_FD int fd = -1;
    size_t len;
    int n = snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
    enum err e;

    TRY(check(k));
    if (n < 0 || (size_t)n >= sizeof(beside))
        return err_set(ERR_INVALID, "the keyring's path is too long");
    TRY(document(k, &text, &len));
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return err_errno(path);
    e = replace(fd, beside, path, text, len);
    if (e != ERR_OK)
        (void)unlink(beside);
    return e;
}
