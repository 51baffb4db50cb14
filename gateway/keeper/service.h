/* The keeper's side of the socket: what the process holds, and the handlers of its requests.
 *
 *     service_load -> sandbox_enter -> FRAME_READY -> { packet -> service_answer -> reply }
 * until the socket ends
 *
 * The rooms: keys.c (identities, log key, intake key), column_keys.c, state.c (what was signed), sign.c,
 * warrant.c (a receipt as a permission), open.c, service.c (permit table, loop), guardian.c
 * (starts it, and starts it again).
 */
#ifndef GATEWAY_KEEPER_SERVICE_H
#define GATEWAY_KEEPER_SERVICE_H

#include "gateway/keeper/protocol.h"
#include "gateway/keeper/state.h"

#include <sys/types.h>

enum {
    WARRANTS_KEPT = 128,
    RECIPIENT_TEXT_MAX = 128,
    ACTION_MAX = 64,
    SCOPE_MAX = 32,
    STATUS_MAX = 32
};
enum { WARRANT_FUTURE_S = 60, REWRAP_ORDER_S = 24 * 3600 };

struct identity {
    char key_id[KEY_ID_SIZE];
    struct age_recipient recipient;
    struct secret *secret;
};

/* What a verified receipt says; "" or false where it says nothing. */
struct warrant {
    char action[ACTION_MAX];
    char status[STATUS_MAX];
    char scope[SCOPE_MAX];
    char to[KEY_ID_SIZE];
    char recipient[RECIPIENT_TEXT_MAX];
    char recovery[RECIPIENT_TEXT_MAX];
    bool has_artefact, has_actor, has_purpose;
    bool traced; /* its use stands in the keeper's own log */
    struct uuid artefact;
    int64_t time_us;
    uint64_t index;
};
struct warrant_cache { /* verified receipts by the digest of their text, overwritten in a circle
                        */
    struct {
        uint8_t digest[SHA256_SIZE];
        struct warrant warrant;
    } kept[WARRANTS_KEPT];
    size_t n, next;
};

struct limiter { /* a bucket of thousandths of a permission, one second deep */
    uint64_t per_second, level;
    int64_t filled_ms;
};

struct column_masters {
    struct secret *bytes; /* n of COLUMN_MASTER_SIZE, the active one last; NULL: none */
    size_t n;
};

struct service {
    struct keeper_settings settings;
    struct note_signer signer;
    struct identity identities[KEEPER_IDENTITIES_MAX];
    size_t n_identities;
    struct secret *intake_key;
    bool intake_persistent; /* it is the file's */
    struct column_masters columns;
    struct state_file state;
    struct warrant_cache warrants;
    struct limiter limiter;
    long pid;
};

/* keys.c */
/* Reads every <key id>.identity of the folder; ERR_NOT_FOUND if there is none, ERR_CORRUPT if
 * one is not the key its name says. */
MUST_USE enum err identities_load(const char *keys_dir,
                                  struct identity out[KEEPER_IDENTITIES_MAX], size_t *n);
MUST_USE enum err log_key_load(const char *path, const char *log_name, struct note_signer *out);
/* The file's, or a random one where there is no file. */
MUST_USE enum err intake_key_load(const char *keys_dir, struct secret **out, bool *persistent);

/* column_keys.c: by number. None is no error here. */
MUST_USE enum err column_masters_load(const char *keys_dir, struct column_masters *out);
/* A file of one line: a key of 32 bytes in base64. */
MUST_USE enum err key_line_read(const char *path, const char *what, struct secret **out);
MUST_USE enum err key_line_write(const char *path, const struct secret *key);

/* service.c */
MUST_USE enum err service_load(const struct keeper_settings *settings,
                               struct service *out); /* keys, state, a self-test of each key */
void service_clear(struct service *s);
/* Answers one packet of any content; writes a whole reply body and names its type and request
 * id. */
struct answer_head {
    uint8_t type;
    uint64_t id;
};
MUST_USE enum err service_answer(struct service *s, const void *packet, size_t len,
                                 struct answer_head *head, struct buf *reply);
/* The life of the process behind `fd`. Returns the exit code. */
int service_run(int fd, const struct keeper_settings *settings, pid_t parent);

/* sign.c */
MUST_USE enum err service_sign(struct service *s, const struct sign_request *q,
                               struct buf *note, uint64_t *signed_size);

/* warrant.c: ERR_DENIED unless the text is a receipt that this log's key signed and that this
 * keeper knows about. *out is valid until the next call. */
MUST_USE enum err warrant_read(struct service *s, const char *receipt, size_t len,
                               struct warrant **out);
/* ERR_EXPIRED when older than `age_s`; ERR_DENIED when of the future. */
MUST_USE enum err warrant_in_time(const struct warrant *w, unsigned age_s);

/* open.c */
void limiter_init(struct limiter *l, unsigned per_second);
MUST_USE enum err limiter_take(struct limiter *l); /* ERR_BUSY */
MUST_USE enum err service_open(struct service *s, const struct keeper_opening *o,
                               uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE]);
MUST_USE enum err service_rewrap(struct service *s, const struct keeper_rewrap *o,
                                 struct buf *header);

#endif
