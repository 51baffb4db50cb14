/* layer: eg_keeper */
/* Any packet, given to the keeper's handlers with real keys: it gets one well-formed reply; an
 * opening succeeds for the one artefact that the log has an entry for and no other, a note is
 * one that verifies over the state that was stored, and what was signed never shrinks. An input
 * is a packet as it is (first byte 0) or the type and body of a well-formed one. */
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/keeper/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The world that the corpus was made for. */
#define FUZZ_LOG "log.fuzz.invalid/evidence"
#define FUZZ_NOW (INT64_C(1790000000) * MICROS_PER_SECOND)
#define FUZZ_ARTEFACT "01890a5d-ac96-774b-bcce-b302099a8057"
#define FUZZ_RECOVERY_FREE_ORDER                                                               \
    "{\"action\":\"key.rewrap\",\"scope\":\"all\",\"time\":\"2026-09-21T14:13:20Z\","          \
    "\"to\":\"%s\"}"
#define FUZZ_OPENED                                                                            \
    "{\"action\":\"read.opened\",\"actor\":\"https://"                                         \
    "issuer.invalid#pat\",\"artefact\":\"" FUZZ_ARTEFACT                                       \
    "\",\"purpose\":\"review\",\"status\":\"available\",\"time\":\"2026-09-21T14:13:20Z\"}"
enum { FUZZ_SESSION_S = 900, FUZZ_OPENS = 1000000 };

struct fixture {
    struct service service;
    struct service fresh; /* what each input starts from */
    struct leaf leaves[2];
    uint8_t salt[LEAF_SALT_SIZE];
    char order[256];
    struct buf note;
};

static int64_t fuzz_clock(void)
{
    return FUZZ_NOW;
}

static void must(enum err e)
{
    if (e != ERR_OK)
        abort();
}

static struct secret *fixed_secret(uint8_t byte)
{
    struct secret *s;

    must(secret_new(32, &s));
    memset(s->bytes, byte, s->len);
    return s;
}

static void add_identity(struct service *s)
{
    struct identity *id = &s->identities[s->n_identities++];

    id->secret = fixed_secret(7);
    must(age_identity_recipient(id->secret, &id->recipient));
    service_key_id(&id->recipient, id->key_id);
}

/* Two entries, signed: an opening and an order to re-wrap. */
static void sign_entries(struct fixture *x)
{
    const char *details[2] = {FUZZ_OPENED, x->order};
    struct merkle_frontier f = {0};
    struct sign_request q = {.n = 2};
    struct merkle_hash hashes[2];
    uint64_t size;

    for (size_t i = 0; i < 2; i++) {
        must(leaf_make(FUZZ_NOW, x->salt, details[i], strlen(details[i]), &x->leaves[i]));
        must(merkle_leaf_hash(x->leaves[i].bytes, LEAF_SIZE, &hashes[i]));
        must(merkle_frontier_append(&f, &hashes[i]));
    }
    must(merkle_frontier_root(&f, &q.root));
    q.leaves = hashes;
    buf_init(&x->note, NOTE_MAX);
    must(service_sign(&x->service, &q, &x->note, &size));
}

/* A file with a name, because one without would count as replaced. */
static char state_path[] = "/tmp/eg-fuzz-state.XXXXXX";

static void remove_state(void)
{
    (void)unlink(state_path);
}

static int make_state(void)
{
    int fd = mkstemp(state_path);

    if (fd < 0 || atexit(remove_state) != 0)
        abort();
    must(state_format_fd(fd));
    return fd;
}

static void fixture_make(struct fixture *x)
{
    struct service *s = &x->service;
    struct secret *seed;

    log_set_level(LOG_ERROR);
    clock_replace(fuzz_clock);
    must(crypto_init());
    secrets_allow_unlocked(true);
    seed = fixed_secret(3);
    must(note_signer_load(FUZZ_LOG, seed, &s->signer));
    secret_free(seed);
    add_identity(s);
    s->intake_key = fixed_secret(5);
    s->settings.read_session_s = FUZZ_SESSION_S;
    s->settings.admin = true; /* more can be asked of it */
    must(state_open_fd(make_state(), &s->signer.verifier, &s->state));
    limiter_init(&s->limiter, FUZZ_OPENS);
    (void)snprintf(x->order, sizeof(x->order), FUZZ_RECOVERY_FREE_ORDER,
                   s->identities[0].key_id);
    sign_entries(x);
    x->fresh = x->service;
}

/* Back to two signed leaves. */
static void fixture_reset(struct fixture *x, const uint8_t *file)
{
    x->service = x->fresh;
    if (pwrite(x->service.state.fd, file, STATE_FILE_SIZE, 0) != STATE_FILE_SIZE)
        abort();
}

static size_t wrap(const uint8_t *data, size_t size, uint8_t *packet)
{
    size_t len = size - 1 > FRAME_BODY_MAX ? FRAME_BODY_MAX : size - 1;
    const uint8_t head[FRAME_HEAD_SIZE] = {'E',
                                           'G',
                                           'K',
                                           'P',
                                           FRAME_VERSION,
                                           data[0],
                                           0,
                                           0,
                                           0,
                                           0,
                                           0,
                                           0,
                                           0,
                                           0,
                                           0,
                                           9,
                                           0,
                                           (uint8_t)(len >> 16),
                                           (uint8_t)(len >> 8),
                                           (uint8_t)len};

    memcpy(packet, head, sizeof(head));
    memcpy(packet + sizeof(head), data + 1, len);
    return sizeof(head) + len;
}

static void check_reply(const struct fixture *x, const uint8_t *packet, size_t len,
                        const struct buf *reply)
{
    const struct service *s = &x->service;
    struct reply head;
    struct reader r;
    struct frame f;
    struct uuid id;

    reader_init(&r, reply->data, reply->len);
    must(reply_take(&r, &head));
    assert(s->state.now.frontier.size >= x->fresh.state.now.frontier.size && !s->state.failed);
    if (head.status != ERR_OK) {
        must(reader_end(&r));
        return;
    }
    must(frame_decode(packet, len, &f));
    must(uuid_parse(FUZZ_ARTEFACT, &id));
    if (f.type == FRAME_OPEN)
        assert(r.left == AGE_PAYLOAD_KEY_SIZE &&
               memcmp(f.body, id.bytes, sizeof(id.bytes)) == 0);
    if (f.type == FRAME_INTAKE_KEY) {
        struct intake_answer a;

        must(intake_decode(&r, &a));
        assert(f.len == 0 && !a.persistent &&
               memcmp(a.key, s->intake_key->bytes, s->intake_key->len) == 0);
    }
    if (f.type == FRAME_SIGN) {
        const uint8_t *note;
        size_t note_len;

        must(reader_blob(&r, NOTE_MAX, &note, &note_len));
        must(note_verify((const char *)note, note_len, &s->signer.verifier));
        assert(note_len == s->state.now.note_len &&
               memcmp(note, s->state.now.note, note_len) == 0);
        assert(head.value == s->state.now.frontier.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture *x;
    static uint8_t file[STATE_FILE_SIZE], wrapped[FRAME_MAX];
    struct answer_head head;
    struct buf reply;
    const uint8_t *packet = wrapped;
    size_t len;

    if (x == NULL) {
        x = calloc(1, sizeof(*x));
        if (x == NULL)
            abort();
        fixture_make(x);
        if (pread(x->service.state.fd, file, sizeof(file), 0) != sizeof(file))
            abort();
    }
    if (size == 0)
        return 0;
    fixture_reset(x, file);
    if (data[0] == 0)
        packet = data + 1, len = size - 1;
    else
        len = wrap(data, size, wrapped);
    buf_init_secret(&reply, REPLY_BODY_MAX);
    must(service_answer(&x->service, packet, len, &head, &reply));
    check_reply(x, packet, len, &reply);
    buf_clear(&reply);
    return 0;
}
