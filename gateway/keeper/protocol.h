/* What travels between the front and the keeper: one frame a packet over AF_UNIX
 * SOCK_SEQPACKET.
 *
 *      0       4     5      6          8             16        20
 *     +-------+-----+------+----------+-------------+---------+----------------+
 *     | EGKP  | ver | type | zero[2]  | request id  | length  | body[length]   |
 *     +-------+-----+------+----------+-------------+---------+----------------+
 *
 * Integers are big-endian; `length` must equal the rest of the packet. A packet is whole or not
 * there, so that a malformed one spoils nothing behind it: it is answered with an error
 * (request id 0 where none could be read) and the next one is read. A reply has the type of its
 * request with FRAME_REPLY set, and begins
 *
 *     status[4] (enum err) | message (blob; empty when ERR_OK) | value[8]
 *
 * `value` is the signed size in replies to FRAME_SIGN (also in a refusal), else 0. What follows
 * depends on the type:
 *
 *     FRAME_INFO    asks: nothing
 *                   gets: what info_encode writes
 *     FRAME_SIGN    asks: first[8] | root[32] | n[4] | leaf hashes[32 * n]
 *                   gets: note (blob)
 *     FRAME_OPEN    asks: artefact[16] | nonce[16] | receipt (blob) | header (blob)
 *                   gets: payload key[32]
 *     FRAME_REWRAP  asks: artefact[16] | kinds[1] | points[32 each] | receipt | header (blobs)
 *                   gets: header (blob)
 *     FRAME_INTAKE_KEY asks: nothing
 *                   gets: persistent[1] | intake key[32]
 *     FRAME_COLUMN_KEYS asks: nothing
 *                   gets: n[1] | master keys[32 * n], the active one last
 *
 * A blob is a length in four bytes and that many bytes. Two sockets exist: the control socket
 * between the front and the guardian carries FRAME_CONFIG (once) and FRAME_SPAWN, whose replies
 * carry the front's end of a new service socket as SCM_RIGHTS; the service socket carries
 * FRAME_READY first (from the keeper, unasked) and the requests above.
 */
#ifndef GATEWAY_KEEPER_PROTOCOL_H
#define GATEWAY_KEEPER_PROTOCOL_H

#include "gateway/base/buf.h"
#include "gateway/keeper/keeper.h"

#define FRAME_MAGIC UINT32_C(0x45474b50) /* "EGKP" */
enum { FRAME_VERSION = 1, FRAME_HEAD_SIZE = 20, FRAME_REPLY = 0x80 };
enum frame_type {
    FRAME_CONFIG = 1,
    FRAME_SPAWN = 2,
    FRAME_READY = 3,
    FRAME_INFO = 16,
    FRAME_SIGN = 17,
    FRAME_OPEN = 18,
    FRAME_REWRAP = 19,
    FRAME_INTAKE_KEY = 20,
    FRAME_COLUMN_KEYS = 21,
};

enum {
    SIGN_BODY_MAX = 8 + MERKLE_HASH_SIZE + 4 + KEEPER_LEAVES_MAX * MERKLE_HASH_SIZE,
    OPEN_BODY_MAX = 16 + AGE_NONCE_SIZE + 4 + RECEIPT_MAX + 4 + AGE_HEADER_MAX,
    REWRAP_BODY_MAX = 16 + 1 + 2 * X25519_SIZE + 4 + RECEIPT_MAX + 4 + AGE_HEADER_MAX,
    CONFIG_BODY_MAX = 5 * (4 + KEEPER_PATH_MAX) + 16,
    FRAME_BODY_MAX = SIGN_BODY_MAX, /* the largest of all */
    FRAME_MAX = FRAME_HEAD_SIZE + FRAME_BODY_MAX,
    REPLY_BODY_MAX =
        4 + 4 + ERR_MESSAGE_MAX + 8 + 4 + AGE_HEADER_MAX, /* the largest: a header */
    USER_NAME_MAX = 64,
};
_Static_assert(FRAME_BODY_MAX >= (int)OPEN_BODY_MAX && FRAME_BODY_MAX >= (int)REWRAP_BODY_MAX,
               "one buffer holds any request");
_Static_assert((int)AGE_HEADER_MAX >= (int)NOTE_MAX, "a note fits a reply");
_Static_assert(4 + NOTE_VKEY_MAX + 1 + 8 + 8 + 4 + KEEPER_IDENTITIES_MAX * X25519_SIZE <=
                   (int)AGE_HEADER_MAX,
               "so does the info");

struct frame { /* points into the packet */
    uint8_t type;
    uint64_t id;
    const uint8_t *body;
    size_t len;
};

/* ERR_INVALID unless the packet is exactly one frame; out->id is set as soon as the head was a
 * head. */
MUST_USE enum err frame_decode(const void *packet, size_t len, struct frame *out);
/* Sends one frame; pass_fd is -1 or a descriptor to go along. ERR_UNAVAILABLE when the other
 * side is gone. */
MUST_USE enum err frame_send(int fd, uint8_t type, uint64_t id, const void *body, size_t len,
                             int pass_fd);
/* Receives one packet of at most `cap` bytes within `timeout_ms` (-1: wait for ever). A packet
 * that was longer is cut and *len is its full length (> cap). ERR_UNAVAILABLE: the other side
 * is gone; ERR_TIMEOUT. got_fd may be NULL (a descriptor that comes along is closed). */
MUST_USE enum err frame_recv(int fd, void *packet, size_t cap, int timeout_ms, size_t *len,
                             int *got_fd);
/* A pair of connected sockets, close-on-exec, whose buffers take a whole FRAME_MAX. */
MUST_USE enum err frame_socketpair(int out[2]);

/* The beginning of a reply. For ERR_OK the message is empty. */
MUST_USE enum err reply_begin(struct buf *out, enum err status, uint64_t value);
struct reply {
    enum err status;
    char message[ERR_MESSAGE_MAX];
    uint64_t value;
};
/* Reads the beginning and leaves `r` at what follows. An unknown status is ERR_INVALID. */
MUST_USE enum err reply_take(struct reader *r, struct reply *out);

/* A struct keeper_config with its own memory. */
struct keeper_settings {
    char keys_dir[KEEPER_PATH_MAX];
    char log_key_file[KEEPER_PATH_MAX];
    char log_name[NOTE_NAME_MAX + 1];
    char state_file[KEEPER_PATH_MAX];
    char user[USER_NAME_MAX];
    bool intake_only, require_mlock, admin, columns;
    uint32_t read_session_s, opens_per_second;
};
MUST_USE enum err settings_encode(const struct keeper_config *config,
                                  struct buf *out); /* NULL texts travel as "" */
MUST_USE enum err settings_decode(const void *body, size_t len, struct keeper_settings *out);

MUST_USE enum err info_encode(const struct keeper_info *info, struct buf *out);
MUST_USE enum err info_decode(struct reader *r, struct keeper_info *out);

struct sign_request {
    uint64_t first;
    struct merkle_hash root;
    const struct merkle_hash *leaves; /* in the packet */
    size_t n;
};
MUST_USE enum err sign_encode(const struct sign_request *q,
                              struct buf *out); /* ERR_TOO_LARGE past KEEPER_LEAVES_MAX */
MUST_USE enum err sign_decode(const void *body, size_t len, struct sign_request *out);

struct intake_answer { /* points into the packet */
    bool persistent;
    const uint8_t *key;
};
MUST_USE enum err intake_encode(const struct intake_answer *a, struct buf *out);
MUST_USE enum err intake_decode(struct reader *r, struct intake_answer *out);

struct columns_answer { /* points into the packet */
    const uint8_t *masters;
    size_t n;
};
MUST_USE enum err columns_encode(const struct columns_answer *a, struct buf *out);
MUST_USE enum err columns_decode(struct reader *r, struct columns_answer *out);

MUST_USE enum err open_encode(const struct keeper_opening *o, struct buf *out);
MUST_USE enum err open_decode(const void *body, size_t len, struct keeper_opening *out);

enum { REWRAP_SERVICE = 1, REWRAP_RECOVERY = 2, REWRAP_PLAIN = 4 }; /* kinds: 1, 3 or 4 */
struct rewrap_request {
    struct keeper_rewrap order; /* its recipients point at the two below */
    struct age_recipient first, second;
};
MUST_USE enum err rewrap_encode(const struct keeper_rewrap *o, struct buf *out);
MUST_USE enum err rewrap_decode(const void *body, size_t len, struct rewrap_request *out);

#endif
