/* Tokens. Invariant: `text` is visible ASCII and ends nowhere in a header's line end: what goes
 * into a header cannot become another header. */
#include "gateway/send/token.h"

#include "gateway/base/file.h"

#include <string.h>

void token_init(struct token *t, const char *path)
{
    t->path = path;
    buf_init_secret(&t->text, TOKEN_MAX);
}

void token_clear(struct token *t)
{
    buf_clear(&t->text);
}

static void trim(struct buf *b)
{
    while (b->len > 0 && strchr(" \t\r\n", b->data[b->len - 1]))
        b->data[--b->len] = '\0';
}

static MUST_USE enum err check(const struct buf *b)
{
    if (b->len == 0)
        return err_set(ERR_INVALID, "there is no token in it");
    for (size_t i = 0; i < b->len; i++) {
        if (b->data[i] <= 0x20 || b->data[i] >= 0x7f)
            return err_set(ERR_INVALID, "what is in it is not one token");
    }
    return ERR_OK;
}

enum err token_read(struct token *t, bool *changed)
{
    AUTO_CLEAR(buf_clear) struct buf fresh;

    *changed = false;
    if (!t->path)
        return ERR_OK;
    buf_init_secret(&fresh, TOKEN_MAX);
    enum err e = file_read(t->path, &fresh);
    trim(&fresh);
    if (e == ERR_OK)
        e = check(&fresh);
    if (e != ERR_OK)
        return t->text.len > 0 ? ERR_OK : e;
    *changed = fresh.len != t->text.len || memcmp(fresh.data, t->text.data, fresh.len) != 0;
    if (!*changed)
        return ERR_OK;
    buf_reset(&t->text);
    return buf_append(&t->text, fresh.data, fresh.len);
}
