/* Invariant: `hash` has seen exactly the first `hashed` bytes, each once, as they were read the
 * first time. A piece that is sent again is read again and not hashed again: if the file was
 * changed in between, the service's digest is another, and the receipt does not verify. */
#include "gateway/send/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_PIECE = 256 * 1024 };

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* File systems that know no locks (some network ones) are worked on without. */
static MUST_USE enum err lock(const struct source *s)
{
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return err_set(ERR_BUSY, "another evidence-send is at work on it");
    return ERR_OK;
}

enum err source_open(const char *path, struct source *s)
{
    struct stat st;

    *s = (struct source){.path = path};
    /* Not blocking: a pipe must not hold us up before it is refused. */
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return err_errno("opening it");
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_INVALID, "it is not a regular file");
    if (st.st_size == 0)
        return err_set(ERR_INVALID, "it is empty");
    TRY(lock(s));
    s->size = (uint64_t)st.st_size;
    s->mtime_ns = mtime_of(&st);
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return sha256_begin(&s->hash);
}

void source_close(struct source *s)
{
    sha256_clear(&s->hash);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

static MUST_USE enum err read_some(const struct source *s, uint64_t offset, void *out,
                                   size_t cap, size_t *got)
{
    ssize_t n;

    do
        n = pread(s->fd, out, cap, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno("reading it");
    if (n == 0)
        return err_set(ERR_CONFLICT, "the file has become shorter while it was sent");
    *got = (size_t)n;
    return ERR_OK;
}

enum err source_read(struct source *s, uint64_t offset, void *out, size_t cap, size_t *got)
{
    assert(offset <= s->hashed);
    if (offset >= s->size || cap == 0) {
        *got = 0;
        return ERR_OK;
    }
    if (cap > s->size - offset)
        cap = (size_t)(s->size - offset); /* what was added since belongs to another file */
    TRY(read_some(s, offset, out, cap, got));
    if (offset + *got <= s->hashed)
        return ERR_OK;
    size_t known = (size_t)(s->hashed - offset);
    TRY(sha256_update(&s->hash, (const uint8_t *)out + known, *got - known));
    s->hashed = offset + *got;
    return ERR_OK;
}

enum err source_hash_to(struct source *s, uint64_t offset)
{
    static uint8_t piece[HASH_PIECE];

    assert(offset <= s->size);
    while (s->hashed < offset) {
        uint64_t left = offset - s->hashed;
        size_t got = 0;

        TRY(source_read(s, s->hashed, piece, left < HASH_PIECE ? (size_t)left : HASH_PIECE,
                        &got));
    }
    return ERR_OK;
}

enum err source_digest(const struct source *s, uint8_t out[SHA256_SIZE])
{
    return sha256_peek(&s->hash, out);
}

enum err source_unchanged(const struct source *s)
{
    struct stat st;

    if (stat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino &&
        (uint64_t)st.st_size == s->size && mtime_of(&st) == s->mtime_ns)
        return ERR_OK;
    return err_set(ERR_CONFLICT, "the file was changed while it was sent");
}
