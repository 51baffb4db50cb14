/* The keeper's memory of what it signed last, in a file outside the database, so that a
 * restored database cannot make it sign a second history.
 *
 *     slot 0                                   slot 1 (the same)
 *      0       4      8            16          48     56              2104    2108 10300 12288
 *     +-------+------+------------+-----------+------+---------------+-------+-------------+-------+
 *     | EGKS  | ver  | generation | SHA-256   | size | hashes[64*32] | len   | note[8192]  |
 * zeros |
 *     +-------+------+------------+-----------+------+---------------+-------+-------------+-------+
 *
 * The digest covers the slot without the digest itself. The good slot of the higher generation
 * counts; a new state goes to the other one, so that a torn write costs only what was never
 * acknowledged. Several keepers share a file: every change happens under flock, after a look
 * whether somebody else was there.
 */
#ifndef GATEWAY_KEEPER_STATE_H
#define GATEWAY_KEEPER_STATE_H

#include "crypto/note.h"

enum {
    STATE_SLOTS = 2,
    STATE_SLOT_SIZE = 12288,
    STATE_FILE_SIZE = STATE_SLOTS * STATE_SLOT_SIZE,
    STATE_MARK_SIZE = 48
};
enum { STATE_LOCK_WAIT_MS = 5000 };

struct signed_state {
    uint64_t generation;
    struct merkle_frontier frontier; /* frontier.size is what was signed */
    size_t note_len;                 /* 0 while the log is empty */
    uint8_t note[NOTE_MAX];
};
struct state_file {
    int fd;
    unsigned slot; /* where `now` stands */
    uint8_t marks[STATE_SLOTS]
                 [STATE_MARK_SIZE]; /* both slots' first bytes when they were read */
    struct note_verifier log_key;
    bool broken; /* it went backwards or was replaced: nothing is signed any more, and only this
                    process remembers why */
    bool failed; /* a write failed: what the disk holds is known to the next process only */
    struct signed_state now;
};

/* Opens strictly (O_NOFOLLOW, regular, owned by us or root, no group or other bits), loads, and
 * stores once anew, so that what was read is durable too. ERR_CORRUPT: no good slot;
 * ERR_CONFLICT: another log's; ERR_NOT_FOUND. */
MUST_USE enum err state_open(const char *path, const struct note_verifier *log_key,
                             struct state_file *out);
/* The same over a descriptor that `out` takes over (checks nothing about the file). */
MUST_USE enum err state_open_fd(int fd, const struct note_verifier *log_key,
                                struct state_file *out);
void state_close(struct state_file *f);

/* Takes the lock and brings `now` up to date. ERR_BUSY: held too long by another; ERR_CORRUPT:
 * the file was replaced or went back (then `broken` stays). After ERR_OK, state_end is due. */
MUST_USE enum err state_begin(struct state_file *f);
/* Between the two: makes the new state durable, then current. On failure `failed` is set. */
MUST_USE enum err state_store(struct state_file *f, const struct merkle_frontier *frontier,
                              const struct buf *note);
void state_end(struct state_file *f);

/* Writes the two slots of an empty log. */
MUST_USE enum err state_format_fd(int fd);

#endif
