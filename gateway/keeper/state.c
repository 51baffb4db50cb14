/* The state file: why it exists stands in the header.
 *
 * Invariants: `now` is always a state that was read from or made durable in the file and whose
 * note verifies with the log's key over the root of its frontier; the slot being written is
 * never the one `now` stands in; generation and size never go down. */
#include "gateway/keeper/state.h"

#include "gateway/base/clock.h"
#include "gateway/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAGIC UINT32_C(0x45474b53) /* "EGKS" */
enum {
    STATE_VERSION = 1,
    DIGEST_AT = 16,
    BODY_AT = STATE_MARK_SIZE,
    FRONTIER_HASHES = 64,
    LOCK_RETRY_MS = 2
};
_Static_assert(BODY_AT + 8 + FRONTIER_HASHES * MERKLE_HASH_SIZE + 4 + NOTE_MAX <=
                   STATE_SLOT_SIZE,
               "a state fits its slot");

static enum err slot_digest(const uint8_t slot[STATE_SLOT_SIZE], uint8_t out[SHA256_SIZE])
{
    const void *parts[] = {slot, slot + BODY_AT};
    const size_t lens[] = {DIGEST_AT, STATE_SLOT_SIZE - BODY_AT};

    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

static enum err slot_encode(const struct signed_state *s, uint8_t slot[STATE_SLOT_SIZE])
{
    AUTO_CLEAR(buf_clear) struct buf b;
    static const uint8_t no_digest[SHA256_SIZE];
    uint8_t digest[SHA256_SIZE];

    buf_init(&b, STATE_SLOT_SIZE);
    TRY(buf_append_u32(&b, STATE_MAGIC));
    TRY(buf_append_u32(&b, STATE_VERSION));
    TRY(buf_append_u64(&b, s->generation));
    TRY(buf_append(&b, no_digest, sizeof(no_digest)));
    TRY(buf_append_u64(&b, s->frontier.size));
    TRY(buf_append(&b, s->frontier.hashes, sizeof(s->frontier.hashes)));
    TRY(buf_append_u32(&b, (uint32_t)s->note_len));
    if (s->note_len > 0)
        TRY(buf_append(&b, s->note, s->note_len));
    memset(slot, 0, STATE_SLOT_SIZE);
    memcpy(slot, b.data, b.len);
    TRY(slot_digest(slot, digest));
    memcpy(slot + DIGEST_AT, digest, sizeof(digest));
    return ERR_OK;
}

/* ERR_CORRUPT when the slot holds no whole state. */
static enum err slot_decode(const uint8_t slot[STATE_SLOT_SIZE], struct signed_state *out)
{
    uint8_t digest[SHA256_SIZE];
    const uint8_t *bytes, *note;
    uint32_t magic, version;
    struct reader r;

    TRY(slot_digest(slot, digest));
    reader_init(&r, slot, STATE_SLOT_SIZE);
    TRY(reader_u32(&r, &magic));
    TRY(reader_u32(&r, &version));
    if (magic != STATE_MAGIC || version != STATE_VERSION ||
        memcmp(digest, slot + DIGEST_AT, sizeof(digest)) != 0)
        return err_set(ERR_CORRUPT, "a slot of the state file is torn");
    TRY(reader_u64(&r, &out->generation));
    TRY(reader_bytes(&r, SHA256_SIZE, &bytes));
    TRY(reader_u64(&r, &out->frontier.size));
    TRY(reader_bytes(&r, sizeof(out->frontier.hashes), &bytes));
    memcpy(out->frontier.hashes, bytes, sizeof(out->frontier.hashes));
    if (reader_blob(&r, NOTE_MAX, &note, &out->note_len) != ERR_OK)
        return err_set(ERR_CORRUPT, "a note beyond its limit in the state file");
    memcpy(out->note, note, out->note_len);
    return ERR_OK;
}

/* Is it a state of this log: signed by its key, over the root that the frontier has? */
static enum err state_check(const struct signed_state *s, const struct note_verifier *log_key)
{
    struct checkpoint c;
    struct merkle_hash root;
    size_t text_len;

    if (s->frontier.size == 0)
        return ERR_OK;
    if (note_verify((const char *)s->note, s->note_len, log_key) != ERR_OK ||
        checkpoint_parse((const char *)s->note, s->note_len, &c, &text_len) != ERR_OK)
        return err_set(ERR_CONFLICT,
                       "the state file's checkpoint is not signed by this log's key");
    TRY(merkle_frontier_root(&s->frontier, &root));
    if (c.size != s->frontier.size || memcmp(&c.root, &root, sizeof(root)) != 0)
        return err_set(ERR_CORRUPT, "the state file's checkpoint does not fit its frontier");
    return ERR_OK;
}

static enum err read_all(int fd, uint8_t *out, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pread(fd, out, len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno("reading the state file");
        if (n == 0)
            return err_set(ERR_CORRUPT, "the state file is too short");
        out += n;
        at += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

static enum err write_all(int fd, const uint8_t *data, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno("writing the state file");
        data += n;
        at += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

static off_t slot_offset(unsigned slot)
{
    return (off_t)slot * STATE_SLOT_SIZE;
}

/* Reads both slots; the newest good one becomes `now` unless it is older than `now`. */
static enum err state_load(struct state_file *f)
{
    AUTO_FREE uint8_t *slots = malloc(STATE_FILE_SIZE);
    AUTO_FREE struct signed_state *read = calloc(STATE_SLOTS, sizeof(*read));
    bool good[STATE_SLOTS];
    unsigned best;

    if (slots == NULL || read == NULL)
        return err_set(ERR_NOMEM, "the state file");
    TRY(read_all(f->fd, slots, STATE_FILE_SIZE, 0));
    for (unsigned i = 0; i < STATE_SLOTS; i++) {
        enum err e = slot_decode(slots + slot_offset(i), &read[i]);

        if (e != ERR_OK && e != ERR_CORRUPT)
            return e;
        good[i] = e == ERR_OK;
    }
    if (!good[0] && !good[1])
        return err_set(ERR_CORRUPT,
                       "no slot of the state file is whole: restore it, never make a new one");
    best = !good[0] || (good[1] && read[1].generation > read[0].generation) ? 1 : 0;
    if (read[best].generation < f->now.generation ||
        read[best].frontier.size < f->now.frontier.size)
        return err_set(ERR_CORRUPT,
                       "the state file went back: nothing is signed until that is understood");
    TRY(state_check(&read[best], &f->log_key));
    f->now = read[best];
    f->slot = best;
    for (unsigned i = 0; i < STATE_SLOTS; i++)
        memcpy(f->marks[i], slots + slot_offset(i), STATE_MARK_SIZE);
    return ERR_OK;
}

/* Did another keeper write since we looked? */
static enum err state_changed(const struct state_file *f, bool *changed)
{
    *changed = false;
    for (unsigned i = 0; i < STATE_SLOTS; i++) {
        uint8_t mark[STATE_MARK_SIZE];

        TRY(read_all(f->fd, mark, sizeof(mark), slot_offset(i)));
        *changed = *changed || memcmp(mark, f->marks[i], sizeof(mark)) != 0;
    }
    return ERR_OK;
}

static enum err lock(int fd)
{
    int64_t deadline = clock_steady_ms() + STATE_LOCK_WAIT_MS;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_errno("flock of the state file");
        if (clock_steady_ms() > deadline)
            return err_set(ERR_BUSY, "another keeper holds the state file");
        (void)poll(NULL, 0, LOCK_RETRY_MS);
    }
    return ERR_OK;
}

/* A file that is no longer in its folder is not the one another keeper would open. */
static enum err still_there(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_errno("fstat of the state file");
    return st.st_nlink > 0
               ? ERR_OK
               : err_set(ERR_CORRUPT, "the state file was replaced under a running keeper");
}

static enum err refresh(struct state_file *f)
{
    bool changed;

    TRY(still_there(f->fd));
    TRY(state_changed(f, &changed));
    return changed ? state_load(f) : ERR_OK;
}

enum err state_begin(struct state_file *f)
{
    enum err e;

    if (f->broken || f->failed)
        return err_set(ERR_CORRUPT,
                       "the state file went back, was replaced or failed: nothing is signed");
    TRY(lock(f->fd));
    e = refresh(f);
    if (e == ERR_OK)
        return ERR_OK;
    f->broken = e == ERR_CORRUPT || e == ERR_CONFLICT;
    state_end(f);
    return e;
}

void state_end(struct state_file *f)
{
    (void)flock(f->fd, LOCK_UN);
}

static enum err slot_write(int fd, unsigned slot, const uint8_t data[STATE_SLOT_SIZE])
{
    TRY(write_all(fd, data, STATE_SLOT_SIZE, slot_offset(slot)));
    return fdatasync(fd) == 0 ? ERR_OK : err_errno("fdatasync of the state file");
}

enum err state_store(struct state_file *f, const struct merkle_frontier *frontier,
                     const struct buf *note)
{
    AUTO_FREE struct signed_state *next = calloc(1, sizeof(*next));
    unsigned other = 1 - f->slot;
    uint8_t slot[STATE_SLOT_SIZE];
    enum err e;

    assert(!f->broken && !f->failed && note->len <= NOTE_MAX &&
           frontier->size >= f->now.frontier.size);
    if (next == NULL)
        return err_set(ERR_NOMEM, "the next state");
    next->generation = f->now.generation + 1;
    next->frontier = *frontier;
    next->note_len = note->len;
    if (note->len > 0)
        memcpy(next->note, note->data, note->len);
    TRY(slot_encode(next, slot));
    e = slot_write(f->fd, other, slot);
    if (e != ERR_OK) { /* on the disk is either; only the next process may find out which */
        f->failed = true;
        return e;
    }
    f->now = *next;
    f->slot = other;
    memcpy(f->marks[other], slot, STATE_MARK_SIZE);
    return ERR_OK;
}

static enum err store_again(struct state_file *f)
{
    AUTO_CLEAR(buf_clear) struct buf note;

    buf_init(&note, NOTE_MAX);
    if (f->now.note_len > 0)
        TRY(buf_append(&note, f->now.note, f->now.note_len));
    return state_store(f, &f->now.frontier, &note);
}

enum err state_open_fd(int fd, const struct note_verifier *log_key, struct state_file *out)
{
    enum err e;

    memset(out, 0, sizeof(*out));
    out->fd = fd;
    out->log_key = *log_key;
    e = state_begin(out); /* the empty marks differ from any file's: this loads */
    if (e == ERR_OK) {
        e = store_again(out);
        state_end(out);
    }
    if (e != ERR_OK)
        state_close(out);
    return e;
}

static enum err check_strict(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_errno("fstat of the state file");
    if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 ||
        (st.st_uid != geteuid() && st.st_uid != 0))
        return err_set(
            ERR_DENIED,
            "the state file must be a regular file of ours that nobody else may touch");
    return ERR_OK;
}

enum err state_open(const char *path, const struct note_verifier *log_key,
                    struct state_file *out)
{
    AUTO_FD int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    int taken;

    out->fd = -1;
    if (fd < 0 && errno == ELOOP)
        return err_set(ERR_DENIED, "the state file must not be a symbolic link");
    if (fd < 0)
        return err_errno("opening the state file");
    TRY(check_strict(fd));
    taken = fd;
    fd = -1;
    return state_open_fd(taken, log_key, out);
}

void state_close(struct state_file *f)
{
    fd_close_auto(&f->fd);
    f->fd = -1;
}

enum err state_format_fd(int fd)
{
    AUTO_FREE struct signed_state *empty = calloc(1, sizeof(*empty));
    uint8_t slot[STATE_SLOT_SIZE];

    if (empty == NULL)
        return err_set(ERR_NOMEM, "the first state");
    for (unsigned i = 0; i < STATE_SLOTS; i++) {
        empty->generation = i + 1;
        TRY(slot_encode(empty, slot));
        TRY(slot_write(fd, i, slot));
    }
    return ERR_OK;
}

static enum err sync_folder_of(const char *path)
{
    char folder[KEEPER_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    AUTO_FD int fd = -1;

    if (len >= sizeof(folder))
        return err_set(ERR_INVALID, "the state file's path is too long");
    memcpy(folder, slash == NULL ? "." : path, len);
    folder[len] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_errno("fsync of the state file's folder");
    return ERR_OK;
}

enum err keeper_state_create(const char *state_file)
{
    AUTO_FD int fd = open(state_file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    enum err e;

    if (fd < 0)
        return err_errno("creating the state file");
    e = state_format_fd(fd);
    if (e == ERR_OK)
        e = fsync(fd) == 0 ? ERR_OK : err_errno("fsync of the state file");
    if (e == ERR_OK)
        e = sync_folder_of(state_file);
    if (e != ERR_OK)
        (void)unlink(state_file);
    return e;
}
