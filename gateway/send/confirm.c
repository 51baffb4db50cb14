/* Receipts, from the wire and from the disk.
 *
 * Invariants: a receipt is stored only after it was checked; one that is there is never
 * overwritten, since it may be all that a person has of another upload. */
#include "gateway/send/confirm.h"

#include "crypto/receipt_check.h"
#include "gateway/base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* Verifies as far as there is a key, and gives the entry's details. */
static MUST_USE enum err details_of(const struct confirmation *c, const char *text, size_t len,
                                    json_t **details)
{
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};

    TRY(receipt_check(text, len, c->key, &r));
    return json_parse(r.details, r.details_len, details);
}

/* The same bytes that were there already have an entry, and so a receipt, of their own. */
static bool is_upload(const json_t *details)
{
    const char *action = text_of(details, "action");

    return strcmp(action, "upload.committed") == 0 || strcmp(action, "upload.duplicate") == 0;
}

static MUST_USE enum err covers(const json_t *details, const struct result *result)
{
    const json_t *size = json_object_get(details, "size");

    if (!is_upload(details))
        return err_set(ERR_CRYPTO, "the receipt is not of an upload");
    if (strcmp(text_of(details, "artefact"), result->artefact) != 0)
        return err_set(ERR_CRYPTO, "the receipt is of another artefact");
    TRY(receipt_check_digest(details, result->sha256));
    if (size && (!json_is_integer(size) || (uint64_t)json_integer_value(size) != result->size))
        return err_set(ERR_CRYPTO, "the receipt is of another size");
    return ERR_OK;
}

static bool path_of(const char *file, unsigned n, char out[REPORT_PATH_MAX])
{
    int len = n == 1 ? snprintf(out, REPORT_PATH_MAX, "%s" RECEIPT_SUFFIX, file)
                     : snprintf(out, REPORT_PATH_MAX, "%s" RECEIPT_SUFFIX ".%u", file, n);

    return len > 0 && len < REPORT_PATH_MAX;
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 || errno != ENOENT;
}

static bool holds(const char *path, const char *text, size_t len)
{
    AUTO_CLEAR(buf_clear) struct buf there;

    buf_init(&there, RECEIPT_MAX);
    return file_read(path, &there) == ERR_OK && there.len == len &&
           memcmp(there.data, text, len) == 0;
}

/* Under the first name that is free, or that has this very receipt. */
static MUST_USE enum err store(const char *file, const char *text, size_t len,
                               char path[REPORT_PATH_MAX])
{
    for (unsigned n = 1; n <= RECEIPTS_MAX; n++) {
        if (!path_of(file, n, path))
            return err_set(ERR_INVALID, "the name of its receipt is too long");
        if (!is_there(path))
            return file_replace(path, 0600, text, len);
        if (holds(path, text, len))
            return ERR_OK;
    }
    return err_set(ERR_EXISTS, "there are %d receipts beside it already", RECEIPTS_MAX);
}

enum err confirm(const struct confirmation *c, const void *body, size_t len,
                 struct result *result)
{
    AUTO(json_free) json_t *root = NULL;
    AUTO(json_free) json_t *details = NULL;
    struct uuid id;

    if (json_parse(body, len, &root) != ERR_OK)
        return err_set(ERR_NOT_FOUND, "the answer is not the JSON of an upload");
    const char *artefact = text_of(json_object_get(root, "artefact"), "id");
    const char *receipt = text_of(root, "receipt");
    if (!*artefact || !*receipt)
        return err_set(ERR_NOT_FOUND, "the service has not finished the upload");
    if (uuid_parse(artefact, &id) != ERR_OK)
        return err_set(ERR_CRYPTO, "the service names no artefact");
    (void)snprintf(result->artefact, sizeof(result->artefact), "%s", artefact);
    TRY(details_of(c, receipt, strlen(receipt), &details));
    TRY(covers(details, result));
    result->duplicate = strcmp(text_of(details, "action"), "upload.duplicate") == 0;
    TRY(store(c->path, receipt, strlen(receipt), result->receipt));
    result->verified = c->key != NULL;
    return ERR_OK;
}

/* --- of an earlier run ---------------------------------------------------------------------
 */

static MUST_USE enum err earlier(const struct confirmation *c, const char *path,
                                 struct source *s, struct result *result)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO(json_free) json_t *details = NULL;

    buf_init(&text, RECEIPT_MAX);
    TRY(file_read(path, &text));
    TRY(details_of(c, buf_text(&text), text.len, &details));
    if (!is_upload(details) || strcasecmp(text_of(details, "claim"), c->claim) != 0 ||
        strcmp(text_of(details, "kind"), c->kind) != 0 ||
        json_integer_value(json_object_get(details, "size")) != (json_int_t)s->size)
        return err_set(ERR_NOT_FOUND, "it is of something else");
    TRY(source_hash_to(s, s->size));
    TRY(source_digest(s, result->sha256));
    TRY(receipt_check_digest(details, result->sha256));
    (void)snprintf(result->artefact, sizeof(result->artefact), "%s",
                   text_of(details, "artefact"));
    (void)snprintf(result->receipt, sizeof(result->receipt), "%s", path);
    result->has_digest = true;
    result->verified = true;
    result->already = true;
    return ERR_OK;
}

enum err confirm_earlier(const struct confirmation *c, struct source *s, struct result *result)
{
    char path[REPORT_PATH_MAX];

    if (!c->key && path_of(c->path, 1, path) && is_there(path))
        return err_set(ERR_CRYPTO, "a receipt is there, not verified: give --log-key");
    for (unsigned n = 1;
         c->key && n <= RECEIPTS_MAX && path_of(c->path, n, path) && is_there(path); n++) {
        if (earlier(c, path, s, result) == ERR_OK)
            return ERR_OK;
    }
    return err_set(ERR_NOT_FOUND, "no receipt is stored beside it");
}
