/* The keeper process: the table of what may be asked, and the loop.
 *
 * Invariants: a packet of any content gets exactly one reply and changes nothing unless its
 * handler says so; replies that may hold a key are wiped before the next packet; a state file
 * that could not be written ends the process after the reply, because what is on the disk is
 * then known only to whoever reads it anew. One that went back does not: only this process
 * knows. */
#include "gateway/keeper/service.h"

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/keeper/sandbox.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct answer {
    uint64_t value;
    struct buf body; /* behind the beginning */
};

static enum err handle_info(struct service *s, const struct frame *f, struct answer *a)
{
    struct keeper_info info = {.intake_only = s->settings.intake_only,
                               .n_identities = s->n_identities,
                               .signed_size = s->state.now.frontier.size,
                               .pid = s->pid};

    assert(f->len == 0); /* the table's limit */
    note_verifier_format(&s->signer.verifier, info.log_vkey);
    for (size_t i = 0; i < s->n_identities; i++)
        info.recipients[i] = s->identities[i].recipient;
    if (s->state.broken)
        return err_set(ERR_CORRUPT,
                       "the state file went back or was replaced: nothing is signed");
    return info_encode(&info, &a->body);
}

static enum err handle_sign(struct service *s, const struct frame *f, struct answer *a)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct sign_request q;

    buf_init(&note, NOTE_MAX);
    TRY(sign_decode(f->body, f->len, &q));
    TRY(service_sign(s, &q, &note, &a->value));
    return buf_append_blob(&a->body, note.data, note.len);
}

static enum err handle_open(struct service *s, const struct frame *f, struct answer *a)
{
    uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {0};
    struct keeper_opening o;
    enum err e;

    TRY(open_decode(f->body, f->len, &o));
    e = service_open(s, &o, key);
    if (e == ERR_OK)
        e = buf_append(&a->body, key, sizeof(key));
    sodium_memzero(key, sizeof(key));
    return e;
}

static enum err handle_rewrap(struct service *s, const struct frame *f, struct answer *a)
{
    AUTO_CLEAR(buf_clear) struct buf header;
    struct rewrap_request q;

    buf_init(&header, AGE_HEADER_MAX);
    TRY(rewrap_decode(f->body, f->len, &q));
    TRY(service_rewrap(s, &q.order, &header));
    return buf_append_blob(&a->body, header.data, header.len);
}

static enum err handle_intake_key(struct service *s, const struct frame *f, struct answer *a)
{
    assert(f->len == 0); /* the table's limit */
    return intake_encode(&(struct intake_answer){.persistent = s->intake_persistent,
                                                 .key = s->intake_key->bytes},
                         &a->body);
}

static enum err handle_columns(struct service *s, const struct frame *f, struct answer *a)
{
    assert(f->len == 0); /* the table's limit */
    if (!s->settings.columns)
        return err_set(ERR_UNAVAILABLE, "this keeper holds no column keys");
    return columns_encode(
        &(struct columns_answer){.masters = s->columns.n > 0 ? s->columns.bytes->bytes : NULL,
                                 .n = s->columns.n},
        &a->body);
}

/* The permit table: what is not here cannot be asked. */
static const struct permit {
    uint8_t type;
    bool wants_identity; /* a keeper for intake has none */
    size_t body_max;
    enum err (*handle)(struct service *s, const struct frame *f, struct answer *a);
} permits[] = {
    {FRAME_INFO, false, 0, handle_info},
    {FRAME_SIGN, false, SIGN_BODY_MAX, handle_sign},
    {FRAME_OPEN, true, OPEN_BODY_MAX, handle_open},
    {FRAME_REWRAP, true, REWRAP_BODY_MAX, handle_rewrap},
    {FRAME_INTAKE_KEY, false, 0, handle_intake_key},
    {FRAME_COLUMN_KEYS, false, 0, handle_columns},
};

static enum err dispatch(struct service *s, const struct frame *f, struct answer *a)
{
    for (size_t i = 0; i < ARRAY_LEN(permits); i++) {
        const struct permit *p = &permits[i];

        if (p->type != f->type)
            continue;
        if (f->len > p->body_max)
            return err_set(ERR_INVALID, "a request beyond its limit");
        if (p->wants_identity && s->settings.intake_only)
            return err_set(ERR_UNAVAILABLE,
                           "this keeper takes evidence in and holds no identity to open it");
        return p->handle(s, f, a);
    }
    return err_set(ERR_INVALID, "no such request");
}

enum err service_answer(struct service *s, const void *packet, size_t len,
                        struct answer_head *head, struct buf *reply)
{
    struct answer a = {.value = 0};
    struct frame f;
    enum err e;

    buf_init_secret(&a.body, REPLY_BODY_MAX);
    e = frame_decode(packet, len, &f);
    if (e == ERR_OK)
        e = dispatch(s, &f, &a);
    *head = (struct answer_head){.type = f.type | FRAME_REPLY, .id = f.id};
    buf_reset(reply);
    if (e != ERR_OK)
        buf_reset(&a.body);
    e = reply_begin(reply, e, a.value);
    if (e == ERR_OK && a.body.len > 0)
        e = buf_append(reply, a.body.data, a.body.len);
    buf_clear(&a.body);
    return e;
}

/* Each key proves that it opens what is sealed for it, which also makes every library do its
 * lazy first steps before the system-call filter stands. */
static enum err self_test(const struct identity *id)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    uint8_t sealed[AGE_FILE_KEY_SIZE], opened[AGE_FILE_KEY_SIZE], key[AGE_PAYLOAD_KEY_SIZE];
    static const uint8_t nonce[AGE_NONCE_SIZE];
    struct uuid artefact = uuid_new();

    buf_init(&text, AGE_HEADER_MAX);
    randombytes_buf(sealed, sizeof(sealed));
    TRY(age_header_seal(sealed, &artefact, &id->recipient, &id->recipient, &text));
    TRY(age_header_parse(text.data, text.len, &h));
    TRY(age_header_open_service(&h, &artefact, id->secret, opened));
    TRY(age_payload_key(opened, nonce, key));
    if (!equal_constant_time(sealed, opened, sizeof(sealed)))
        return err_set(ERR_CRYPTO, "the self-test of key %s failed", id->key_id);
    return ERR_OK;
}

static enum err self_test_log(struct service *s)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct sign_request nothing = {.first = 0};
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    TRY(service_sign(s, &nothing, &note, &size));
    return note_verify((const char *)note.data, note.len, &s->signer.verifier);
}

/* The JSON library takes the seed of its tables from a file when it makes the first one. */
static enum err seed_json(void)
{
    AUTO(json_free) json_t *nothing = NULL;

    return json_parse("{}", 2, &nothing);
}

static enum err load_into(const struct keeper_settings *settings, struct service *s)
{
    s->settings = *settings;
    s->pid = (long)getpid();
    s->state.fd = -1;
    secrets_allow_unlocked(!settings->require_mlock);
    limiter_init(&s->limiter, settings->opens_per_second);
    TRY(log_key_load(settings->log_key_file, settings->log_name, &s->signer));
    if (!settings->intake_only)
        TRY(identities_load(settings->keys_dir, s->identities, &s->n_identities));
    TRY(intake_key_load(settings->keys_dir, &s->intake_key, &s->intake_persistent));
    if (settings->columns)
        TRY(column_masters_load(settings->keys_dir, &s->columns));
    TRY(state_open(settings->state_file, &s->signer.verifier, &s->state));
    for (size_t i = 0; i < s->n_identities; i++)
        TRY(self_test(&s->identities[i]));
    TRY(self_test_log(s));
    return seed_json();
}

enum err service_load(const struct keeper_settings *settings, struct service *out)
{
    enum err e;

    memset(out, 0, sizeof(*out));
    e = load_into(settings, out);
    if (e != ERR_OK)
        service_clear(out);
    return e;
}

void service_clear(struct service *s)
{
    for (size_t i = 0; i < KEEPER_IDENTITIES_MAX; i++) {
        if (s->identities[i].secret != NULL)
            secret_free(s->identities[i].secret);
    }
    secret_free(s->intake_key);
    secret_free(s->columns.bytes);
    note_signer_clear(&s->signer);
    state_close(&s->state);
    sodium_memzero(s, sizeof(*s));
    s->state.fd = -1;
}

static enum err serve(int fd, struct service *s)
{
    AUTO_CLEAR(buf_clear) struct buf reply;
    AUTO_FREE uint8_t *packet = malloc(FRAME_MAX);
    struct answer_head head;
    size_t len;
    enum err e = packet == NULL ? err_set(ERR_NOMEM, "the packet") : ERR_OK;

    buf_init_secret(&reply, REPLY_BODY_MAX);
    while (e == ERR_OK && !s->state.failed) {
        e = frame_recv(fd, packet, FRAME_MAX, -1, &len, NULL);
        if (e != ERR_OK)
            break;
        if (len > FRAME_MAX) /* cut by the kernel: no frame of ours */
            len = 0;
        e = service_answer(s, packet, len, &head, &reply);
        if (e == ERR_OK)
            e = frame_send(fd, head.type, head.id, reply.data, reply.len, -1);
        buf_clear(&reply);
    }
    return e;
}

/* Tells the client that we are ready, or why not. */
static enum err say_ready(int fd, enum err e)
{
    AUTO_CLEAR(buf_clear) struct buf body;

    buf_init(&body, REPLY_BODY_MAX);
    TRY(reply_begin(&body, e, 0));
    return frame_send(fd, FRAME_READY, 0, body.data, body.len, -1);
}

static enum err enter(int fd, const struct keeper_settings *settings, pid_t parent,
                      struct service *s)
{
    struct sandbox box = {.user = settings->user, .socket = fd, .parent = parent};

    TRY(crypto_init());
    TRY(service_load(settings, s));
    tzset(); /* before the filter stands: the log's first line would look for the time zone */
    if (settings->admin)
        log_set_level(LOG_WARN); /* an administrator's command speaks for itself */
    log_event(LOG_INFO, "keeper.ready", log_int("identities", (int64_t)s->n_identities),
              log_int("signed_size", (int64_t)s->state.now.frontier.size),
              log_bool("intake_only", settings->intake_only),
              log_bool("intake_key_persistent", s->intake_persistent));
    box.state_file = s->state.fd;
    return sandbox_enter(&box);
}

int service_run(int fd, const struct keeper_settings *settings, pid_t parent)
{
    AUTO_FREE struct service *s = calloc(1, sizeof(*s));
    enum err e = s == NULL ? err_set(ERR_NOMEM, "the keeper") : enter(fd, settings, parent, s);

    if (e != ERR_OK)
        log_event(LOG_ERROR, "keeper.not_started", log_err(e));
    if (say_ready(fd, e) != ERR_OK || e != ERR_OK)
        return EXIT_FAILURE;
    e = serve(fd, s);
    if (s->state.failed)
        e = err_set(ERR_IO, "the state file could not be stored");
    if (e != ERR_UNAVAILABLE) /* which is how it ends when the front is gone */
        log_event(LOG_ERROR, "keeper.ended", log_err(e));
    service_clear(s);
    return e == ERR_UNAVAILABLE ? EXIT_SUCCESS : EXIT_FAILURE;
}
