/* The state file. Whatever is not exactly what state_save writes is no state: then the upload
 * begins anew, which costs time and nothing else. */
#include "gateway/send/state.h"

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_VERSION = 1 };

static MUST_USE enum err digest_read(struct json_in *in, const char *name,
                                     uint8_t out[SHA256_SIZE])
{
    char hex[HEX_SIZE(SHA256_SIZE)];

    TRY(json_in_text(in, name, JSON_REQUIRED, hex, sizeof(hex)));
    return hex_decode(hex, strlen(hex), out, SHA256_SIZE);
}

static MUST_USE enum err count_read(struct json_in *in, const char *name, uint64_t *out)
{
    int64_t value = 0;

    TRY(json_in_int(in, name, JSON_REQUIRED, 0, INT64_MAX, &value));
    *out = (uint64_t)value;
    return ERR_OK;
}

/* A token goes nowhere else, whoever wrote the file. */
static bool upload_is_of_service(const struct state *s)
{
    char uploads[ADDRESS_MAX + sizeof(UPLOADS_PATH "/")];

    (void)snprintf(uploads, sizeof(uploads), "%s" UPLOADS_PATH "/", s->service);
    return address_beneath(uploads, s->upload);
}

static MUST_USE enum err members_read(struct json_in *in, struct state *s)
{
    int64_t version = 0;
    struct uuid key;

    TRY(json_in_int(in, "v", JSON_REQUIRED, STATE_VERSION, STATE_VERSION, &version));
    TRY(json_in_text(in, "service", JSON_REQUIRED, s->service, sizeof(s->service)));
    TRY(digest_read(in, "request", s->request));
    TRY(json_in_text(in, "key", JSON_REQUIRED, s->key, sizeof(s->key)));
    TRY(uuid_parse(s->key, &key));
    TRY(json_in_text(in, "upload", JSON_OPTIONAL, s->upload, sizeof(s->upload)));
    TRY(count_read(in, "size", &s->size));
    TRY(json_in_int(in, "mtime_ns", JSON_REQUIRED, INT64_MIN, INT64_MAX, &s->mtime_ns));
    TRY(count_read(in, "hashed", &s->hashed));
    TRY(digest_read(in, "sha256", s->sha256));
    TRY(json_in_done(in));
    if (s->hashed > s->size)
        return err_set(ERR_INVALID, "more was sent than there is");
    if (s->upload[0] && !upload_is_of_service(s))
        return err_set(ERR_INVALID, "the upload is none of its service's");
    return ERR_OK;
}

enum err state_load(const char *path, struct state *out)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO(json_free) json_t *root = NULL;
    struct json_in in;

    memset(out, 0, sizeof(*out));
    buf_init(&text, STATE_FILE_MAX);
    TRY(file_read(path, &text));
    TRY(json_parse(buf_text(&text), text.len, &root));
    TRY(json_in_object(&in, root, "state"));
    return members_read(&in, out);
}

static void digest_put(json_t *root, const char *name, const uint8_t digest[SHA256_SIZE])
{
    char hex[HEX_SIZE(SHA256_SIZE)];

    hex_encode(digest, SHA256_SIZE, hex);
    json_put_text(root, name, hex);
}

enum err state_save(const char *path, const struct state *s)
{
    AUTO(json_free) json_t *root = json_object();
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    json_put_int(root, "v", STATE_VERSION);
    json_put_text(root, "service", s->service);
    digest_put(root, "request", s->request);
    json_put_text(root, "key", s->key);
    json_put_text(root, "upload", s->upload[0] ? s->upload : NULL);
    json_put_int(root, "size", (int64_t)s->size);
    json_put_int(root, "mtime_ns", s->mtime_ns);
    json_put_int(root, "hashed", (int64_t)s->hashed);
    digest_put(root, "sha256", s->sha256);
    TRY(json_text(root, &text, &len));
    text[len] = '\n'; /* in the place of the terminator */
    return file_replace(path, 0600, text, len + 1);
}

enum err state_remove(const char *path)
{
    if (unlink(path) != 0)
        return errno == ENOENT ? ERR_OK : err_errno(path);
    return file_folder_flush(path);
}

enum state_fit state_fits(const struct state *found, const struct state *wanted)
{
    if (strcmp(found->service, wanted->service) != 0)
        return STATE_OTHER_SERVICE;
    if (memcmp(found->request, wanted->request, SHA256_SIZE) != 0)
        return STATE_OTHER_REQUEST;
    if (found->size != wanted->size || found->mtime_ns != wanted->mtime_ns)
        return STATE_OTHER_FILE;
    return STATE_FITS;
}
