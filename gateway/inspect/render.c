/* A picture of one page, made by an inspector from plaintext that this side feeds it.
 *
 * Invariants: feeding and reading go on side by side, so that neither side waits for the other;
 * nothing is handed on before the picture was received whole, of the length its head tells, and
 * begins as its format does. It stays an untrusted picture: only its kind is known. */
#include "gateway/inspect/pool.h"

#include "gateway/base/buf.h"
#include "gateway/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_MAX = 64 * 1024 };

struct rendering {
    const struct render_source *source;
    int plain, picture;
    int64_t deadline;
    uint8_t piece[PIECE_MAX];
    size_t at, len; /* what is left of the piece */
    bool ended;     /* of the plaintext */
    struct buf got;
};

static void stop_feeding(struct rendering *r)
{
    fd_close_auto(&r->plain);
    r->plain = -1;
}

/* As much as the pipe takes now. */
static enum err feed(struct rendering *r)
{
    while (r->plain >= 0) {
        ssize_t n;

        if (r->at == r->len) {
            r->at = 0;
            TRY(r->source->read(r->source->of, r->piece, sizeof(r->piece), &r->len));
            assert(r->len <= sizeof(r->piece));
            if (r->len == 0) {
                stop_feeding(r);
                return ERR_OK;
            }
        }
        n = write(r->plain, r->piece + r->at, r->len - r->at);
        if (n > 0)
            r->at += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return ERR_OK;
        else if (n == 0 || errno != EINTR)
            stop_feeding(r); /* it wants no more: perhaps it is done */
    }
    return ERR_OK;
}

/* Sets *more to false at the end. */
static enum err collect(struct rendering *r, bool *more)
{
    uint8_t bytes[PIECE_MAX];
    ssize_t n = read(r->picture, bytes, sizeof(bytes));

    if (n == 0) {
        *more = false;
        return ERR_OK;
    }
    if (n < 0)
        return errno == EINTR ? ERR_OK : err_errno("reading a picture");
    return buf_append(&r->got, bytes, (size_t)n);
}

static enum err exchange(struct rendering *r)
{
    bool more = true;

    while (more) {
        struct pollfd p[2] = {{.fd = r->picture, .events = POLLIN},
                              {.fd = r->plain, .events = POLLOUT}};
        int64_t left = r->deadline - clock_steady_ms();
        int n = poll(p, r->plain < 0 ? 1 : 2, left < 0 ? 0 : (int)left);

        if (n == 0)
            return err_set(ERR_TIMEOUT, "rendering took too long");
        if (n < 0 && errno != EINTR)
            return err_errno("poll");
        if (n > 0 && r->plain >= 0 && p[1].revents != 0)
            TRY(feed(r));
        if (n > 0 && p[0].revents != 0)
            TRY(collect(r, &more));
    }
    return ERR_OK;
}

static const struct {
    enum render_format format;
    const char *media_type;
    const char *begins;
    size_t len;
} FORMATS[] = {
    {RENDER_JPEG, "image/jpeg", "\xff\xd8\xff", 3},
    {RENDER_PNG, "image/png", "\x89PNG\r\n\x1a\n", 8},
    {RENDER_PDF, "application/pdf", "%PDF-", 5},
};

static enum err accept_picture(const struct rendering *r, struct render_info *out)
{
    const uint8_t *bytes = r->got.data;
    struct render_head head;

    if (r->got.len < sizeof(head))
        return err_set(ERR_UNAVAILABLE, "the inspector ended without a picture");
    memcpy(&head, bytes, sizeof(head));
    if (head.magic != RENDER_MAGIC || head.len != r->got.len - sizeof(head))
        return err_set(ERR_UNAVAILABLE, "the inspector's picture is malformed");
    if (head.format == RENDER_NOTHING)
        return err_set(ERR_NOT_FOUND, "there is no picture of this");
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        if (head.format != FORMATS[i].format || head.len < FORMATS[i].len ||
            memcmp(bytes + sizeof(head), FORMATS[i].begins, FORMATS[i].len) != 0 ||
            head.width == 0 || head.height == 0 || head.width > RENDER_SIDE_MAX ||
            head.height > RENDER_SIDE_MAX || head.pages > VERDICT_PAGES_MAX)
            continue;
        *out = (struct render_info){.media_type = FORMATS[i].media_type,
                                    .width = head.width,
                                    .height = head.height,
                                    .pages = head.pages};
        return ERR_OK;
    }
    return err_set(ERR_UNAVAILABLE, "the inspector's picture is none");
}

static enum err render(struct inspectors *p, const char *type, uint32_t page,
                       struct rendering *r, uint64_t *id)
{
    AUTO_FD int theirs = -1;
    AUTO_FD int result = -1;
    int pair[2];

    TRY(plain_pipe(&theirs, &r->plain));
    if (pipe2(pair, O_CLOEXEC) != 0)
        return err_errno("a pipe for a picture");
    r->picture = pair[0];
    result = pair[1];
    TRY(spawner_render(p->spawner, type, page, theirs, result, id));
    fd_close_auto(&theirs);
    fd_close_auto(&result);
    theirs = result = -1;
    return exchange(r);
}

enum err inspection_render(struct inspectors *p, const char *type, uint32_t page,
                           const struct render_source *source, struct render_info *out)
{
    struct rendering r = {.source = source, .plain = -1, .picture = -1};
    uint64_t id = 0;
    enum err e;

    *out = (struct render_info){.media_type = NULL};
    if (!pool_enter(p))
        return err_set(ERR_BUSY, "all inspectors are at work");
    r.deadline = clock_steady_ms() + p->config.render_ms;
    buf_init(&r.got, RENDER_BYTES_MAX + sizeof(struct render_head));
    e = render(p, type, page, &r, &id);
    if (e != ERR_OK && id != 0)
        spawner_kill(p->spawner, id);
    fd_close_auto(&r.plain);
    fd_close_auto(&r.picture);
    if (e == ERR_OK)
        e = accept_picture(&r, out);
    if (e == ERR_OK)
        e = source->sink(source->of, r.got.data + sizeof(struct render_head),
                         r.got.len - sizeof(struct render_head));
    buf_clear(&r.got);
    pool_leave(p);
    (void)pthread_mutex_lock(&p->lock);
    p->stats.rendered += e == ERR_OK;
    (void)pthread_mutex_unlock(&p->lock);
    return e;
}
