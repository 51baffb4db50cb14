/* Key files of the keeper: the service identities, the log's signing key and the intake key,
 * read strictly or not at all.
 *
 * Invariants: only the intake key may be absent, and then one is made up; an identity is only
 * used under the key id that its own public key has, so that a renamed or swapped file is a
 * refusal to start, never a wrong key in use. */
#include "gateway/keeper/service.h"

#include "gateway/base/encode.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define IDENTITY_SUFFIX ".identity"
enum { KEY_LINE_MAX = 64 };
_Static_assert((int)NOTE_KEY_SIZE == (int)KEEPER_INTAKE_KEY_SIZE, "one size of key lines");

static void dir_close(DIR *dir)
{
    (void)closedir(dir);
}
DEFINE_AUTO(DIR, dir_close);

static enum err path_join(const char *folder, const char *name, char out[KEEPER_PATH_MAX])
{
    int n = snprintf(out, KEEPER_PATH_MAX, "%s/%s", folder, name);

    if (n < 0 || n >= KEEPER_PATH_MAX)
        return err_set(ERR_INVALID, "a key file's path is too long");
    return ERR_OK;
}

static bool is_identity_name(const char *name)
{
    size_t len = strlen(name), suffix = strlen(IDENTITY_SUFFIX);

    return len > suffix && strcmp(name + len - suffix, IDENTITY_SUFFIX) == 0;
}

static enum err identity_load(const char *keys_dir, const char *name, struct identity *out)
{
    AUTO(secret_free) struct secret *secret = NULL;
    char path[KEEPER_PATH_MAX];

    TRY(path_join(keys_dir, name, path));
    TRY(age_identity_file_read(path, &secret));
    TRY(age_identity_recipient(secret, &out->recipient));
    service_key_id(&out->recipient, out->key_id);
    if (strncmp(name, out->key_id, strlen(out->key_id)) != 0 ||
        strcmp(name + strlen(out->key_id), IDENTITY_SUFFIX) != 0)
        return err_set(ERR_CORRUPT, "an identity file is not named after the key in it (%s)",
                       out->key_id);
    out->secret = TAKE(secret);
    return ERR_OK;
}

enum err identities_load(const char *keys_dir, struct identity out[KEEPER_IDENTITIES_MAX],
                         size_t *n)
{
    AUTO(dir_close) DIR *dir = opendir(keys_dir);
    struct dirent *entry;

    *n = 0;
    if (dir == NULL)
        return err_errno("opening the folder of the service keys");
    while ((entry = readdir(dir)) != NULL) {
        if (!is_identity_name(entry->d_name))
            continue;
        if (*n == KEEPER_IDENTITIES_MAX)
            return err_set(ERR_TOO_LARGE, "more than %d service keys", KEEPER_IDENTITIES_MAX);
        TRY(identity_load(keys_dir, entry->d_name, &out[*n]));
        ++*n;
    }
    return *n > 0 ? ERR_OK : err_set(ERR_NOT_FOUND, "no service key in the keys folder");
}

enum err key_line_read(const char *path, const char *what, struct secret **out)
{
    AUTO(secret_free) struct secret *text = NULL;
    AUTO(secret_free) struct secret *key = NULL;
    size_t len, got;

    TRY(secret_file_read(path, KEY_LINE_MAX, &text));
    TRY(secret_new(NOTE_KEY_SIZE, &key));
    len = text->len > 0 && text->bytes[text->len - 1] == '\n' ? text->len - 1 : text->len;
    if (base64_decode(BASE64_STANDARD, (const char *)text->bytes, len, key->bytes, key->len,
                      &got) != ERR_OK ||
        got != key->len)
        return err_set(ERR_INVALID, "the %s file is not one line of base64 of 32 bytes", what);
    *out = TAKE(key);
    return ERR_OK;
}

enum err key_line_write(const char *path, const struct secret *key)
{
    char line[BASE64_SIZE(NOTE_KEY_SIZE) + 1];
    size_t len;
    enum err e;

    assert(key->len == NOTE_KEY_SIZE);
    len = base64_encode(BASE64_STANDARD, key->bytes, key->len, line);
    line[len++] = '\n';
    e = secret_file_write(path, line, len);
    sodium_memzero(line, sizeof(line));
    return e;
}

enum err log_key_load(const char *path, const char *log_name, struct note_signer *out)
{
    AUTO(secret_free) struct secret *seed = NULL;

    TRY(key_line_read(path, "log key", &seed));
    return note_signer_load(log_name, seed, out);
}

static enum err intake_key_make(struct secret **out)
{
    AUTO(secret_free) struct secret *key = NULL;

    TRY(secret_new(KEEPER_INTAKE_KEY_SIZE, &key));
    randombytes_buf(key->bytes, key->len);
    *out = TAKE(key);
    return ERR_OK;
}

enum err intake_key_load(const char *keys_dir, struct secret **out, bool *persistent)
{
    char path[KEEPER_PATH_MAX];
    enum err e = ERR_NOT_FOUND;

    if (*keys_dir != '\0') {
        TRY(path_join(keys_dir, KEEPER_INTAKE_KEY_FILE, path));
        e = key_line_read(path, "intake key", out);
    }
    *persistent = e == ERR_OK;
    return e == ERR_NOT_FOUND ? intake_key_make(out) : e;
}

enum err keeper_intake_key_create(const char *keys_dir)
{
    AUTO(secret_free) struct secret *key = NULL;
    char path[KEEPER_PATH_MAX];

    if (*keys_dir == '\0')
        return err_set(ERR_INVALID, "an intake key wants a folder of keys");
    TRY(path_join(keys_dir, KEEPER_INTAKE_KEY_FILE, path));
    TRY(intake_key_make(&key));
    return key_line_write(path, key);
}

enum err keeper_identity_create(const char *keys_dir, char key_id[KEY_ID_SIZE],
                                struct age_recipient *recipient)
{
    AUTO(secret_free) struct secret *identity = NULL;
    char name[KEY_ID_SIZE + sizeof(IDENTITY_SUFFIX)];
    char path[KEEPER_PATH_MAX];

    TRY(age_identity_generate(&identity, recipient));
    service_key_id(recipient, key_id);
    (void)snprintf(name, sizeof(name), "%s%s", key_id, IDENTITY_SUFFIX);
    TRY(path_join(keys_dir, name, path));
    return age_identity_file_write(path, identity);
}

enum err keeper_log_key_create(const char *log_key_file, const char *log_name,
                               char vkey[NOTE_VKEY_MAX])
{
    struct note_signer signer = {0};
    enum err e;

    TRY(note_signer_generate(log_name, &signer));
    e = key_line_write(log_key_file, signer.seed);
    note_verifier_format(&signer.verifier, vkey);
    note_signer_clear(&signer);
    return e;
}
