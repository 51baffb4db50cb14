/* FILE.upload: what a later run needs to go on where an earlier one ended, however it ended.
 * JSON, mode 0600, replaced in one step; removed when the file has been received.
 *
 *     {"v":1, "service":"https://...", "request":"<SHA-256 of what is said about the file>",
 *      "key":"<Idempotency-Key of the creation>", "upload":"https://.../v1/uploads/..." or
 * null, "size":N, "mtime_ns":N, "hashed":N, "sha256":"<of the first `hashed` bytes>"}
 *
 * It is there before the upload is: a creation whose answer was lost is repeated with the same
 * key, which gives the same upload. The digest lets the next run see that the bytes that went
 * are still those that the file begins with. */
#ifndef GATEWAY_SEND_STATE_H
#define GATEWAY_SEND_STATE_H

#include "crypto/digest.h"
#include "gateway/base/uuid.h"
#include "gateway/send/address.h"

enum { STATE_FILE_MAX = 16384 };
#define STATE_SUFFIX ".upload"
#define UPLOADS_PATH "/v1/uploads"

struct state {
    char service[ADDRESS_MAX];
    uint8_t request[SHA256_SIZE];
    char key[UUID_TEXT_SIZE];
    char upload[ADDRESS_MAX]; /* "": not created, or not known to be */
    uint64_t size;
    int64_t mtime_ns;
    uint64_t hashed;
    uint8_t sha256[SHA256_SIZE];
};

/* ERR_NOT_FOUND; ERR_INVALID if it is not such a file. */
MUST_USE enum err state_load(const char *path, struct state *out);
MUST_USE enum err state_save(const char *path, const struct state *s);
MUST_USE enum err state_remove(const char *path); /* good, too, if there is none */

enum state_fit {
    STATE_FITS,
    STATE_OTHER_SERVICE,
    STATE_OTHER_REQUEST, /* another claim, kind, name, ... */
    STATE_OTHER_FILE     /* the file changed */
};
enum state_fit state_fits(const struct state *found, const struct state *wanted);

#endif
