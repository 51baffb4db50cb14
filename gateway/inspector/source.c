/* Invariant: every byte is handed out once, in order, whatever was peeked at before. */
#include "gateway/inspector/source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void source_from_pipe(struct source *s, int fd)
{
    *s = (struct source){.fd = fd};
    buf_init(&s->head, SNIFF_HEAD_MAX);
    buf_init(&s->held, SOURCE_HELD_MAX);
}

void source_from_memory(struct source *s, const void *data, size_t len)
{
    source_from_pipe(s, -1);
    s->left = data;
    s->n_left = len;
}

void source_clear(struct source *s)
{
    buf_clear(&s->head);
    buf_clear(&s->held);
}

static enum err read_on(struct source *s, void *data, size_t cap, size_t *len)
{
    ssize_t n;

    *len = 0;
    if (s->fd < 0) {
        *len = cap < s->n_left ? cap : s->n_left;
        if (*len > 0)
            memcpy(data, s->left, *len);
        s->left += *len;
        s->n_left -= *len;
        return ERR_OK;
    }
    do
        n = read(s->fd, data, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        s->failed = true;
        return err_errno("reading an artefact");
    }
    *len = (size_t)n;
    return ERR_OK;
}

enum err source_peek(struct source *s, const uint8_t **head, size_t *len)
{
    uint8_t piece[SNIFF_HEAD_MAX];
    size_t n = 1;

    assert(s->taken == 0);
    while (s->head.len < SNIFF_HEAD_MAX && n > 0) {
        TRY(read_on(s, piece, SNIFF_HEAD_MAX - s->head.len, &n));
        TRY(buf_append(&s->head, piece, n));
    }
    *head = s->head.data;
    *len = s->head.len;
    return ERR_OK;
}

enum err source_read(struct source *s, void *data, size_t cap, size_t *len)
{
    size_t ahead = s->head.len - s->head_at;

    if (ahead > 0) {
        *len = cap < ahead ? cap : ahead;
        memcpy(data, s->head.data + s->head_at, *len);
        s->head_at += *len;
    } else {
        TRY(read_on(s, data, cap, len));
    }
    s->taken += *len;
    return ERR_OK;
}

enum err source_hold(struct source *s, size_t max, const uint8_t **data, size_t *len)
{
    static uint8_t piece[SOURCE_PIECE];
    size_t n;

    assert(max <= SOURCE_HELD_MAX);
    do {
        TRY(source_read(s, piece, sizeof(piece), &n));
        if (s->held.len + n > max)
            return err_set(ERR_TOO_LARGE, "more than may be held in memory");
        TRY(buf_append(&s->held, piece, n));
    } while (n > 0);
    *data = s->held.data;
    *len = s->held.len;
    return ERR_OK;
}
