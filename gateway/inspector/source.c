/* Invariant: every byte is handed out once, in order, whatever was peeked at before. */
#include "gateway/inspector/source.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { POPULATE_MIN = 64 * 1024, POPULATE_MAX = 1024 * 1024, ROOM_MIN = 1024 * 1024 };

void source_from_pipe(struct source *s, int fd)
{
    *s = (struct source){.fd = fd};
    buf_init(&s->head, SNIFF_HEAD_MAX);
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
    if (s->held == NULL)
        return;
    ASAN_UNPOISON_MEMORY_REGION(s->held, s->held_room);
    (void)munmap(s->held, s->held_room);
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

/* ---- all of it ---- */

/* Twice as much address space, to begin with ROOM_MIN; what is there moves along uncopied. */
static enum err make_room(struct source *s)
{
    size_t room = s->held_room == 0 ? ROOM_MIN : 2 * s->held_room;
    void *held = s->held_room == 0 ? mmap(NULL, room, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                   : mremap(s->held, s->held_room, room, MREMAP_MAYMOVE);

    if (held == MAP_FAILED)
        return err_set(ERR_NOMEM, "an artefact held in memory");
    s->held = held;
    s->held_room = room;
    return ERR_OK;
}

/* Memory for the next bytes before they are read: a fault for each page costs more than
 * reading it. As much again as there is, within bounds. Where the kernel cannot, pages come as
 * they are touched. */
static enum err make_ready(struct source *s, size_t *ready)
{
    size_t step = *ready < POPULATE_MIN ? POPULATE_MIN : *ready;

    if (*ready == s->held_room)
        TRY(make_room(s));
    if (step > POPULATE_MAX)
        step = POPULATE_MAX;
    if (step > s->held_room - *ready)
        step = s->held_room - *ready;
    (void)madvise(s->held + *ready, step, MADV_POPULATE_WRITE);
    *ready += step;
    return ERR_OK;
}

enum err source_hold(struct source *s, size_t max, const uint8_t **data, size_t *len)
{
    size_t n, ready = 0;

    assert(max <= SOURCE_HELD_MAX && s->held == NULL);
    *len = 0;
    do {
        if (*len == ready)
            TRY(make_ready(s, &ready));
        TRY(source_read(s, s->held + *len, ready - *len, &n));
        *len += n;
        if (*len > max)
            return err_set(ERR_TOO_LARGE, "more than may be held in memory");
    } while (n > 0);
    ASAN_POISON_MEMORY_REGION(s->held + *len, s->held_room - *len); /* who reads on is found */
    *data = s->held;
    return ERR_OK;
}
