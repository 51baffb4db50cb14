/* Errors: a code, and a message that travels with it.
 *
 * Every function that can fail returns `enum err` (ERR_OK is 0) and must have its result used.
 * `err_set` stores a message for the calling thread beside its code; `err_message(code)` gives it
 * back only if it belongs to that code, so that a stale text is never shown for another failure.
 * Messages are for operators and logs: they hold no secret and no personal value.
 *
 * A domain refusal (file empty, opted out, ...) travels as ERR_REFUSED with `detail` = enum refusal;
 * see gateway/evidence/rules/refusal.h. `detail` is 0 for everything else.
 *
 * An error that crosses a thread is carried in `struct err_info`: err_save there, err_restore here.
 */
#ifndef GATEWAY_BASE_ERROR_H
#define GATEWAY_BASE_ERROR_H

#include "gateway/base/macros.h"

/* X(code, stable name, default words) */
#define ERR_TABLE(X)                                                                               \
    X(ERR_OK, "ok", "no error")                                                                    \
    X(ERR_NOMEM, "no-memory", "out of memory")                                                     \
    X(ERR_INVALID, "invalid", "malformed input")                                                   \
    X(ERR_TOO_LARGE, "too-large", "a limit on size was exceeded")                                  \
    X(ERR_NOT_FOUND, "not-found", "there is no such thing")                                        \
    X(ERR_EXISTS, "exists", "it exists already")                                                   \
    X(ERR_DENIED, "denied", "not permitted")                                                       \
    X(ERR_UNAUTHENTICATED, "unauthenticated", "the caller could not be identified")                \
    X(ERR_CONFLICT, "conflict", "it does not fit the present state")                               \
    X(ERR_EXPIRED, "expired", "it is no longer valid")                                             \
    X(ERR_BUSY, "busy", "too much at once")                                                        \
    X(ERR_TIMEOUT, "timeout", "it took too long")                                                  \
    X(ERR_IO, "io", "input or output failed")                                                      \
    X(ERR_NO_SPACE, "no-space", "the storage is full")                                             \
    X(ERR_CORRUPT, "corrupt", "stored data is damaged")                                            \
    X(ERR_CRYPTO, "crypto", "a cryptographic check or operation failed")                           \
    X(ERR_UNAVAILABLE, "unavailable", "a component is not available")                              \
    X(ERR_UNSUPPORTED, "unsupported", "not supported here")                                        \
    X(ERR_REFUSED, "refused", "refused by a rule")                                                 \
    X(ERR_INTERNAL, "internal", "an internal fault")

enum err {
#define X(code, name, words) code,
    ERR_TABLE(X)
#undef X
};

enum { ERR_MESSAGE_MAX = 256 };

struct err_info {
    enum err code;
    int detail;
    char message[ERR_MESSAGE_MAX];
};

/* Stores the message (cut at ERR_MESSAGE_MAX) for this thread and returns `code`. */
MUST_USE enum err err_set(enum err code, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same with a detail number that travels along. */
MUST_USE enum err err_set_detail(enum err code, int detail, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Maps errno to a code (ENOSPC, EDQUOT: ERR_NO_SPACE; ENOMEM: ERR_NOMEM; ENOENT: ERR_NOT_FOUND;
 * EEXIST: ERR_EXISTS; EACCES, EPERM: ERR_DENIED; ETIMEDOUT: ERR_TIMEOUT; EMFILE, ENFILE: ERR_BUSY; else ERR_IO)
 * and stores "<what>: <strerror>". */
MUST_USE enum err err_errno(const char *what);

/* The stored message if it belongs to `code`, else the default words. Never NULL. Valid until the
 * thread's next err_set. */
const char *err_message(enum err code);
int err_detail(enum err code); /* 0 if the stored detail does not belong to `code` */
const char *err_name(enum err code);

void err_save(enum err code, struct err_info *out);
MUST_USE enum err err_restore(const struct err_info *info);

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum err try_err_ = (expr);                                                                \
        if (try_err_ != ERR_OK)                                                                    \
            return try_err_;                                                                       \
    } while (0)

#endif
