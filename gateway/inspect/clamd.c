/* The conversation with clamd. Every call has a deadline on each of its steps; nothing of what
 * clamd says is believed beyond clamd_reply.c.
 *
 * Why a probe: clamd answers "OK" for what it did not look into, past one of its limits, unless
 * AlertExceedsMax is on, and there is no command that tells its settings. A zip in a zip in a
 * zip, deeper than the deepest MaxRecursion that clamd accepts (100), exceeds a limit of every
 * clamd: one that says "OK" to it would say so to anything that was padded well enough. The
 * innermost file is random, since clamd remembers what it found clean.
 *
 * AlertExceedsMax is not enough: clamd 1.4 inflates a member up to MaxFileSize and says "OK" to
 * the beginning. So it is also tried whether it reaches as far as our own bounds; what is larger,
 * the examiner does not let pass. */
#include "gateway/inspect/clamd.h"

#include "gateway/base/buf.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    PROBE_DEPTH = 150,
    PROBE_WAIT_MS = 60000, /* some seconds' work for clamd */
    PROBE_MAX = 64 * 1024,
    ZIP_LOCAL = 30,
    ZIP_CENTRAL = 46,
    ZIP_END = 22,
    REACH_MEMBERS = INSPECT_INFLATED_MAX / INSPECT_MEMBER_MAX,
    REACH_MAX = 4 << 20,
    PIECE = 64 * 1024,
    ZEROS_A_MATCH = 258,
};

static enum err set_deadline(int fd, unsigned wait_ms)
{
    struct timeval t = {.tv_sec = wait_ms / 1000,
                        .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000};

    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) == 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0
               ? ERR_OK
               : err_errno("deadlines of clamd's socket");
}

static enum err unreachable(const char *what)
{
    return err_set(ERR_UNAVAILABLE, "clamd: %s: %s", what, strerror(errno));
}

static enum err send_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return unreachable("sending");
        at += n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

static enum err open_with(const char *path, unsigned wait_ms, const char *command,
                          size_t command_len, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FD int fd = -1;

    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(ERR_INVALID, "the path of clamd's socket is too long");
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno("socket");
    TRY(set_deadline(fd, wait_ms));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        return unreachable("connecting");
    TRY(send_all(fd, command, command_len));
    *out = fd;
    fd = -1;
    return ERR_OK;
}

/* All until it closes. */
static enum err read_reply(int fd, char reply[CLAMD_REPLY_MAX], size_t *len)
{
    *len = 0;
    while (*len < CLAMD_REPLY_MAX) {
        ssize_t n = recv(fd, reply + *len, CLAMD_REPLY_MAX - *len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return unreachable("its answer");
        if (n == 0)
            return ERR_OK;
        *len += (size_t)n;
    }
    return err_set(ERR_INVALID, "clamd: its answer is too long");
}

#define COMMAND(text) (text), sizeof(text) /* with its NUL */

static enum err peer_of(int fd, pid_t *pid)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);

    if (pid == NULL)
        return ERR_OK;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return unreachable("its process");
    *pid = peer.pid;
    return ERR_OK;
}

enum err clamd_version(const char *socket_path, unsigned wait_ms, struct clamd_about *out,
                       pid_t *pid)
{
    char reply[CLAMD_REPLY_MAX];
    AUTO_FD int fd = -1;
    size_t len;

    TRY(open_with(socket_path, wait_ms, COMMAND("zVERSION"), &fd));
    TRY(peer_of(fd, pid));
    TRY(read_reply(fd, reply, &len));
    return clamd_version_parse(reply, len, out);
}

enum err clamd_stream_open(const char *socket_path, unsigned wait_ms, int *out, pid_t *pid)
{
    AUTO_FD int fd = -1;

    TRY(open_with(socket_path, wait_ms, COMMAND("zINSTREAM"), &fd));
    TRY(peer_of(fd, pid));
    *out = fd;
    fd = -1;
    return ERR_OK;
}

/* One whole small file. */
static enum err scan(const char *socket_path, unsigned wait_ms, const struct buf *file,
                     struct verdict *v)
{
    char reply[CLAMD_REPLY_MAX];
    uint8_t head[4] = {(uint8_t)(file->len >> 24), (uint8_t)(file->len >> 16),
                       (uint8_t)(file->len >> 8), (uint8_t)file->len};
    static const uint8_t end[4] = {0};
    AUTO_FD int fd = -1;
    size_t len;

    TRY(clamd_stream_open(socket_path, wait_ms, &fd, NULL));
    TRY(send_all(fd, head, sizeof(head)));
    TRY(send_all(fd, file->data, file->len));
    TRY(send_all(fd, end, sizeof(end)));
    TRY(read_reply(fd, reply, &len));
    clamd_judge(reply, len, v);
    return ERR_OK;
}

/* Mirrored, so that no scanner takes this program for what it only asks about. */
static enum err make_trial(struct buf *out)
{
    static const char mirrored[] =
        "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X";

    for (size_t i = sizeof(mirrored) - 1; i > 0; i--)
        TRY(buf_append_byte(out, (uint8_t)mirrored[i - 1]));
    return ERR_OK;
}

static uint32_t crc_32(const uint8_t *data, size_t len)
{
    uint32_t crc = ~0U;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
    }
    return ~crc;
}

static void put_le(uint8_t *at, uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* ---- how far it reaches ---- */

/* Deflate with its fixed codes, bits from the lowest up. */
struct bits {
    struct buf *out;
    uint32_t held;
    unsigned n;
};

static enum err put_bits(struct bits *b, uint32_t value, unsigned n)
{
    b->held |= value << b->n;
    b->n += n;
    while (b->n >= 8) {
        TRY(buf_append_byte(b->out, (uint8_t)b->held));
        b->held >>= 8;
        b->n -= 8;
    }
    return ERR_OK;
}

/* A literal zero, then matches of the greatest length with what stands right before: 13 bits
 * each (285 is 11000101, its distance code 00000; a code's first bit comes first). */
static enum err deflate_zeros(struct buf *out, uint32_t matches)
{
    struct bits b = {.out = out};

    TRY(put_bits(&b, 3, 3));          /* last block, fixed codes */
    TRY(put_bits(&b, 0x0c, 8));       /* literal 0: 00110000 */
    for (uint32_t i = 0; i < matches; i++)
        TRY(put_bits(&b, 0xa3, 13));
    TRY(put_bits(&b, 0, 7));          /* the end */
    return put_bits(&b, 0, 7);        /* up to a whole byte */
}

/* All below 144: codes of eight bits, 00110000 and up. */
static enum err deflate_literals(struct buf *out, const struct buf *bytes)
{
    struct bits b = {.out = out};

    TRY(put_bits(&b, 3, 3));
    for (size_t i = 0; i < bytes->len; i++) {
        uint32_t code = 0x30U + bytes->data[i], turned = 0;

        for (unsigned bit = 0; bit < 8; bit++)
            turned |= (code >> bit & 1) << (7 - bit);
        TRY(put_bits(&b, turned, 8));
    }
    TRY(put_bits(&b, 0, 7));
    return put_bits(&b, 0, 7);
}

struct member {
    const struct buf *bytes;
    uint32_t size;
    char name;
};

static enum err put_member(struct buf *zip, struct buf *index, const struct member *m)
{
    uint8_t local[ZIP_LOCAL] = {'P', 'K', 3, 4, 20};
    uint8_t central[ZIP_CENTRAL] = {'P', 'K', 1, 2, 20, 0, 20};

    put_le(local + 8, 8, 2); /* deflated; clamd does not look at checksums */
    put_le(local + 18, (uint32_t)m->bytes->len, 4);
    put_le(local + 22, m->size, 4);
    put_le(local + 26, 1, 2);
    memcpy(central + 8, local + 6, ZIP_LOCAL - 6);
    put_le(central + 42, (uint32_t)zip->len, 4);
    TRY(buf_append(zip, local, sizeof(local)));
    TRY(buf_append_byte(zip, (uint8_t)m->name));
    TRY(buf_append(zip, m->bytes->data, m->bytes->len));
    TRY(buf_append(index, central, sizeof(central)));
    return buf_append_byte(index, (uint8_t)m->name);
}

/* Members of nothing, nearly as large together as may be, and the trial file after them. Each
 * differs in length, so that clamd knows none from before. */
static enum err make_far(const struct buf *trial, struct buf *out)
{
    AUTO_CLEAR(buf_clear) struct buf index;
    AUTO_CLEAR(buf_clear) struct buf zeros;
    uint8_t end[ZIP_END] = {'P', 'K', 5, 6};
    uint32_t chance;
    struct member m;

    buf_init(&index, PROBE_MAX);
    buf_init(&zeros, REACH_MAX);
    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        return err_errno("getrandom");
    for (uint32_t i = 0; i < REACH_MEMBERS; i++) {
        uint32_t matches = INSPECT_MEMBER_MAX / ZEROS_A_MATCH - 1 - i - chance % 1000;

        buf_reset(&zeros);
        TRY(deflate_zeros(&zeros, matches));
        m = (struct member){&zeros, matches * ZEROS_A_MATCH + 1, (char)('a' + i)};
        TRY(put_member(out, &index, &m));
    }
    buf_reset(&zeros); /* not stored: it must not be found in the zip's own bytes */
    TRY(deflate_literals(&zeros, trial));
    m = (struct member){&zeros, (uint32_t)trial->len, 'z'};
    TRY(put_member(out, &index, &m));
    put_le(end + 8, REACH_MEMBERS + 1, 2);
    put_le(end + 10, REACH_MEMBERS + 1, 2);
    put_le(end + 12, (uint32_t)index.len, 4);
    put_le(end + 16, (uint32_t)out->len, 4);
    TRY(buf_append(out, index.data, index.len));
    return buf_append(out, end, sizeof(end));
}

static enum err scan_large(const char *socket_path, unsigned wait_ms, struct verdict *v)
{
    static const uint8_t last[4] = {0};
    uint8_t piece[4 + PIECE] = {0, PIECE >> 16, (PIECE >> 8) & 0xff, PIECE & 0xff};
    char reply[CLAMD_REPLY_MAX];
    AUTO_FD int fd = -1;
    size_t len;

    _Static_assert(INSPECT_MEMBER_MAX % PIECE == 0, "in whole pieces");
    if (getrandom(piece + 4, 16, 0) != 16)
        return err_errno("getrandom");
    TRY(clamd_stream_open(socket_path, wait_ms, &fd, NULL));
    for (uint32_t sent = 0; sent < INSPECT_MEMBER_MAX; sent += PIECE)
        TRY(send_all(fd, piece, sizeof(piece)));
    TRY(send_all(fd, last, sizeof(last)));
    TRY(read_reply(fd, reply, &len));
    clamd_judge(reply, len, v);
    return ERR_OK;
}

static enum err probe_reach(const char *socket_path, unsigned wait_ms, const struct buf *trial,
                            bool *reaches)
{
    AUTO_CLEAR(buf_clear) struct buf far;
    struct verdict v = {.outcome = INSPECT_NONE};
    enum err e;

    buf_init(&far, REACH_MAX);
    TRY(make_far(trial, &far));
    TRY(scan(socket_path, wait_ms, &far, &v));
    *reaches = v.outcome == INSPECT_VIRUS;
    if (!*reaches)
        return ERR_OK;
    e = scan_large(socket_path, wait_ms, &v);
    *reaches = e == ERR_OK && v.outcome == INSPECT_CLEAN;
    return ERR_OK; /* a clamd that hangs up on a large stream does not reach far, that is all */
}

/* ---- whether it tells ---- */

/* `inner` stored as the member "a" of a new zip file. */
static enum err wrap(const struct buf *inner, struct buf *out)
{
    uint8_t local[ZIP_LOCAL] = {'P', 'K', 3, 4, 10};
    uint8_t central[ZIP_CENTRAL] = {'P', 'K', 1, 2, 10, 0, 10};
    uint8_t end[ZIP_END] = {'P', 'K', 5, 6};
    uint32_t len = (uint32_t)inner->len, crc = crc_32(inner->data, inner->len);

    put_le(local + 14, crc, 4);
    put_le(local + 18, len, 4);
    put_le(local + 22, len, 4);
    put_le(local + 26, 1, 2);
    memcpy(central + 8, local + 6, ZIP_LOCAL - 6);
    put_le(end + 8, 1, 2);
    put_le(end + 10, 1, 2);
    put_le(end + 12, ZIP_CENTRAL + 1, 4);
    put_le(end + 16, ZIP_LOCAL + 1 + len, 4);
    buf_reset(out);
    TRY(buf_append(out, local, sizeof(local)));
    TRY(buf_append_byte(out, 'a'));
    TRY(buf_append(out, inner->data, inner->len));
    TRY(buf_append(out, central, sizeof(central)));
    TRY(buf_append_byte(out, 'a'));
    return buf_append(out, end, sizeof(end));
}

static enum err make_deep(struct buf *out)
{
    AUTO_CLEAR(buf_clear) struct buf other;
    uint8_t chance[16];

    buf_init(&other, PROBE_MAX);
    if (getrandom(chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        return err_errno("getrandom");
    TRY(buf_append(out, chance, sizeof(chance)));
    for (int i = 0; i < PROBE_DEPTH; i += 2) {
        TRY(wrap(out, &other));
        TRY(wrap(&other, out));
    }
    return ERR_OK;
}

enum err clamd_probe(const char *socket_path, unsigned wait_ms, struct clamd_behaviour *out)
{
    AUTO_CLEAR(buf_clear) struct buf trial;
    AUTO_CLEAR(buf_clear) struct buf deep;
    unsigned long_ms = wait_ms < PROBE_WAIT_MS ? PROBE_WAIT_MS : wait_ms;
    struct verdict v = {.outcome = INSPECT_NONE};

    *out = (struct clamd_behaviour){.detects = false};
    buf_init(&trial, PROBE_MAX);
    buf_init(&deep, PROBE_MAX);
    TRY(make_trial(&trial));
    TRY(make_deep(&deep));
    TRY(scan(socket_path, wait_ms, &trial, &v));
    out->detects = v.outcome == INSPECT_VIRUS;
    TRY(scan(socket_path, wait_ms, &deep, &v));
    out->tells_limits =
        v.outcome == INSPECT_COULD_NOT_SCAN && v.reason == REASON_SCANNER_LIMITS;
    return probe_reach(socket_path, long_ms, &trial, &out->reaches);
}
