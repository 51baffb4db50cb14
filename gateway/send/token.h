/* The bearer token: in a file that something else keeps fresh, read again for every request. */
#ifndef GATEWAY_SEND_TOKEN_H
#define GATEWAY_SEND_TOKEN_H

#include "gateway/base/buf.h"

enum { TOKEN_MAX = 16384 };

struct token {
    const char *path; /* borrowed; NULL: there is none */
    struct buf text;  /* wiped; the last one that was read whole */
};
void token_init(struct token *t, const char *path);
void token_clear(struct token *t);
DEFINE_AUTO_CLEAR(struct token, token_clear);

/* The file's token from now on, and whether it is another than before. A file that is missing
 * or empty for a moment, because it is being replaced, leaves the last one in use; the first
 * time it is an error. ERR_INVALID: what stands in it is no token. */
MUST_USE enum err token_read(struct token *t, bool *changed);

#endif
