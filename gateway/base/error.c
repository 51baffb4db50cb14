/* The message of the thread's latest failure, kept beside its code.
 *
 * Invariants: `last.message` is NUL-terminated at all times; `last.code` is ERR_OK until the
 * first failure of the thread; a text is only given back for the very code it was stored with.
 */
#include "gateway/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *words;
} table[] = {
#define X(code, name, words) {name, words},
    ERR_TABLE(X)
#undef X
};

static _Thread_local struct err_info last;

static PRINTF_LIKE(3, 0) void store(enum err code, int detail, const char *fmt, va_list args)
{
    /* Formatted aside: an argument may be the stored message itself. */
    char text[ERR_MESSAGE_MAX];

    assert(code != ERR_OK && (size_t)code < ARRAY_LEN(table));
    if (vsnprintf(text, sizeof(text), fmt, args) < 0)
        text[0] = '\0';
    last.code = code;
    last.detail = detail;
    memcpy(last.message, text, sizeof(text));
}

enum err err_set(enum err code, const char *fmt, ...)
{
    int kept = errno;
    va_list args;

    va_start(args, fmt);
    store(code, 0, fmt, args);
    va_end(args);
    errno = kept;
    return code;
}

enum err err_set_detail(enum err code, int detail, const char *fmt, ...)
{
    int kept = errno;
    va_list args;

    va_start(args, fmt);
    store(code, detail, fmt, args);
    va_end(args);
    errno = kept;
    return code;
}

static enum err code_of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case ENOMEM:
        return ERR_NOMEM;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EMFILE:
    case ENFILE:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

enum err err_errno(const char *what)
{
    int number = errno;
    char text[128];

    return err_set(code_of_errno(number), "%s: %s", what,
                   strerror_r(number, text, sizeof(text)));
}

const char *err_message(enum err code)
{
    if (code != ERR_OK && last.code == code && last.message[0] != '\0')
        return last.message;
    return (size_t)code < ARRAY_LEN(table) ? table[code].words : "unknown error";
}

int err_detail(enum err code)
{
    return code != ERR_OK && last.code == code ? last.detail : 0;
}

const char *err_name(enum err code)
{
    return (size_t)code < ARRAY_LEN(table) ? table[code].name : "unknown";
}

void err_save(enum err code, struct err_info *out)
{
    out->code = code;
    out->detail = err_detail(code);
    (void)snprintf(out->message, sizeof(out->message), "%s", err_message(code));
}

enum err err_restore(const struct err_info *info)
{
    if (info->code == ERR_OK)
        return ERR_OK;
    return err_set_detail(info->code, info->detail, "%s", info->message);
}
