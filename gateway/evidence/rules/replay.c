/* The record of an answer holds, as JSON: who may have it again, the entry whose receipt
 * belongs to it, and the adapter's words. It is written in the transaction of the effect,
 * behind it: either both are there or neither, whatever happens to the process or to the answer
 * on its way.
 *
 *     {"needs":[{"action","claim"|"artefact","hidden"}],"entry":7,"location":"...","body":{...}}
 */
#include "gateway/evidence/rules/replay.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/rules/authority.h"
#include "gateway/evidence/rules/running.h"

#include <stdlib.h>
#include <string.h>

struct need {
    enum action action;
    struct uuid claim, artefact; /* nil: not asked */
    enum refusal hidden;
};

struct replay {
    struct evidence *ev;
    const struct principal *p;
    char key[IDEMPOTENCY_KEY_MAX + 1];
    uint8_t fingerprint[32];
    bool running, known;
    struct running_ticket ticket;
    struct need needs[REPLAY_NEEDS_MAX];
    size_t n_needs;
    enum err (*answer)(void *ctx, struct replay_answer *out);
    void *ctx;
    int status; /* of the one on record */
    struct buf record;
};

void replay_answer_clear(struct replay_answer *a)
{
    json_decref(a->body);
    a->body = NULL;
}

/* --- the record --------------------------------------------------------------------------- */

static void put_id_if(json_t *o, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    if (!uuid_is_nil(id))
        json_put_text(o, name, text);
}

static json_t *needs_write(const struct replay *r)
{
    json_t *needs = json_array();
    for (size_t i = 0; i < r->n_needs; i++) {
        json_t *need = json_object();
        json_put_text(need, "action", action_name(r->needs[i].action));
        put_id_if(need, "claim", &r->needs[i].claim);
        put_id_if(need, "artefact", &r->needs[i].artefact);
        json_put_text(need, "hidden", refusal_name(r->needs[i].hidden));
        if (json_array_append_new(needs, need) != 0) {
            json_decref(needs);
            return NULL; /* out of memory: json_text says so */
        }
    }
    return needs;
}

static enum err record_write(const struct replay *r, const struct replay_answer *a, char **out,
                             size_t *len)
{
    AUTO(json_free) json_t *record = json_object();
    json_put(record, "needs", needs_write(r));
    if (a->receipted)
        json_put_int(record, "entry", (int64_t)a->entry);
    json_put_text_if(record, "location", a->location);
    json_put(record, "body", json_incref(a->body));
    return json_text(record, out, len);
}

static enum err id_read(struct json_in *in, const char *name, struct uuid *out)
{
    char text[UUID_TEXT_SIZE];
    TRY(json_in_text(in, name, JSON_OPTIONAL, text, sizeof(text)));
    return text[0] ? uuid_parse(text, out) : ERR_OK;
}

static enum err need_read(json_t *value, struct need *out)
{
    struct json_in in;
    char action[SHORT_TEXT_MAX + 1], hidden[SHORT_TEXT_MAX + 1];
    unsigned at = 0, r = REFUSAL_NONE;
    *out = (struct need){.hidden = REFUSAL_NOT_FOUND};
    TRY(json_in_object(&in, value, "need"));
    TRY(json_in_text(&in, "action", JSON_REQUIRED, action, sizeof(action)));
    TRY(id_read(&in, "claim", &out->claim));
    TRY(id_read(&in, "artefact", &out->artefact));
    TRY(json_in_text(&in, "hidden", JSON_REQUIRED, hidden, sizeof(hidden)));
    while (at < ACTION_COUNT && strcmp(action_name((enum action)at), action) != 0)
        at++;
    while (r < REFUSAL_COUNT && strcmp(refusal_name((enum refusal)r), hidden) != 0)
        r++;
    if (at == ACTION_COUNT || r == REFUSAL_COUNT)
        return err_set(ERR_CORRUPT, "an answer on record that nobody may have");
    out->action = (enum action)at;
    out->hidden = (enum refusal)r;
    return json_in_done(&in);
}

static enum err record_parse(struct replay *r, struct replay_answer *out)
{
    AUTO(json_free) json_t *record = NULL;
    struct json_in in;
    json_t *needs = NULL, *body = NULL;
    int64_t entry = -1;
    TRY(json_parse(r->record.data, r->record.len, &record));
    TRY(json_in_object(&in, record, "answer"));
    TRY(json_in_array(&in, "needs", JSON_REQUIRED, REPLAY_NEEDS_MAX, &needs));
    TRY(json_in_int(&in, "entry", JSON_OPTIONAL, 0, INT64_MAX, &entry));
    TRY(json_in_text(&in, "location", JSON_OPTIONAL, out->location, sizeof(out->location)));
    TRY(json_in_child(&in, "body", JSON_REQUIRED, &body));
    TRY(json_in_done(&in));
    r->n_needs = json_array_size(needs);
    for (size_t i = 0; i < r->n_needs; i++)
        TRY(need_read(json_array_get(needs, i), &r->needs[i]));
    out->status = r->status;
    out->receipted = entry >= 0;
    out->entry = entry >= 0 ? (uint64_t)entry : 0;
    out->body = json_incref(body);
    return ERR_OK;
}

static enum err record_read(struct replay *r, struct replay_answer *out)
{
    enum err e = record_parse(r, out);
    return e == ERR_INVALID ? err_set(ERR_CORRUPT, "an answer on record that cannot be read")
                            : e; /* not the caller's fault */
}

/* --- begin -------------------------------------------------------------------------------- */

static enum err fingerprint(const struct buf *call, const struct buf *payload, uint8_t out[32])
{
    const uint64_t call_len = call->len; /* keeps the two apart */
    const void *parts[] = {"call", &call_len, call->data, payload->data};
    const size_t lens[] = {sizeof("call"), sizeof(call_len), call->len, payload->len};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

static enum err look_up(struct replay *r)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct idempotency_record known;
    struct person me = person_of(r->p);
    TRY(db_read_begin(r->ev->parts.db, &db));
    enum err found = idempotency_find(db, &me, r->key, clock_now(), &known, &r->record);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    if (memcmp(known.fingerprint, r->fingerprint, sizeof(r->fingerprint)) != 0)
        return refuse(REFUSAL_KEY_REUSED);
    r->known = true;
    r->status = known.status;
    return ERR_OK;
}

enum err replay_begin(struct evidence *ev, const struct principal *p, const char *key,
                      const struct buf *call, const struct buf *payload, struct replay **out)
{
    AUTO(replay_free) struct replay *r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(ERR_NOMEM, "a call with a key");
    assert(strlen(key) <= IDEMPOTENCY_KEY_MAX);
    r->ev = ev;
    r->p = p;
    memcpy(r->key, key, strlen(key) + 1);
    TRY(fingerprint(call, payload, r->fingerprint));
    buf_init(&r->record, IDEMPOTENCY_ANSWER_MAX);
    TRY(running_take(ev->running, p, key, &r->ticket));
    r->running = true;
    TRY(look_up(r)); /* after the ticket: whoever held it has committed by then */
    *out = TAKE(r);
    return ERR_OK;
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    if (r->running)
        running_give(r->ev->running, &r->ticket);
    buf_clear(&r->record);
    free(r);
}

bool replay_is_known(const struct replay *r)
{
    return r && r->known;
}

void replay_keeps(struct replay *r, enum err (*answer)(void *ctx, struct replay_answer *out),
                  void *ctx)
{
    if (!r)
        return;
    r->answer = answer;
    r->ctx = ctx;
}

/* --- again -------------------------------------------------------------------------------- */

static enum err need_asked(struct db *db, const struct principal *p, const struct need *need)
{
    struct access by_role = {
        .action = need->action, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    struct claim_record claim;
    struct artefact_access artefact;
    if (!uuid_is_nil(&need->claim))
        return authority_claim(db, &need->claim, p, need->action, &claim, NULL, NULL);
    if (!uuid_is_nil(&need->artefact))
        return authority_artefact(db, &need->artefact, p, need->action, PURPOSE_NONE,
                                  &artefact);
    return authority_refuse(permission_check(p, &by_role, NULL, NULL), need->hidden);
}

static enum err needs_asked(struct replay *r)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(r->ev->parts.db, &db));
    for (size_t i = 0; i < r->n_needs; i++) {
        enum err e = need_asked(db, r->p, &r->needs[i]);
        if (e == ERR_REFUSED && err_detail(e) == REFUSAL_CLAIM_NOT_FOUND)
            return refuse(r->needs[i].hidden);
        TRY(e);
    }
    return ERR_OK;
}

enum err replay_again(struct replay *r, struct replay_answer *out, struct buf *receipt)
{
    AUTO_CLEAR(replay_answer_clear) struct replay_answer answer = {.status = 0};
    assert(r->known);
    TRY(record_read(r, &answer));
    TRY(needs_asked(r));
    enum err e = answer.receipted ? evidence_receipt(r->ev, answer.entry, receipt) : ERR_OK;
    if (e == ERR_EXPIRED) /* its details were erased since */
        return refuse(REFUSAL_NOT_AVAILABLE);
    TRY(e);
    *out = answer;
    answer.body = NULL; /* the caller's now */
    return ERR_OK;
}

/* --- the commit --------------------------------------------------------------------------- */

void replay_needs(struct replay *r, enum action action, const struct uuid *claim,
                  const struct uuid *artefact, enum refusal hidden)
{
    if (!r)
        return;
    assert(r->n_needs < REPLAY_NEEDS_MAX);
    struct need *need = &r->needs[r->n_needs++];
    *need = (struct need){.action = action, .hidden = hidden};
    if (claim)
        need->claim = *claim;
    if (artefact)
        need->artefact = *artefact;
}

static enum err answer_keep(struct replay *r, struct db *db)
{
    AUTO_CLEAR(replay_answer_clear) struct replay_answer answer = {.status = 0};
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct idempotency_record record = {
        .client = person_of(r->p),
        .expires_at =
            clock_now() + (int64_t)r->ev->config.idempotency_ttl_s * MICROS_PER_SECOND,
    };
    assert(r->answer && r->n_needs > 0);
    TRY(r->answer(r->ctx, &answer));
    TRY(record_write(r, &answer, &text, &len));
    record.status = answer.status;
    memcpy(record.key, r->key, sizeof(record.key));
    memcpy(record.fingerprint, r->fingerprint, sizeof(record.fingerprint));
    enum err e = idempotency_insert(db, &record, text, len);
    return e == ERR_EXISTS ? refuse(REFUSAL_KEY_BUSY) : e; /* by another process */
}

struct kept {
    struct replay *replay;
    enum err (*apply)(struct commit_tx *tx, void *ctx);
    void *ctx;
};

static enum err apply_and_keep(struct commit_tx *tx, void *ctx)
{
    struct kept *kept = ctx;
    TRY(kept->apply(tx, kept->ctx));
    return answer_keep(kept->replay, commit_db(tx));
}

enum err replay_commit(struct evidence *ev, struct replay *r,
                       enum err (*apply)(struct commit_tx *, void *), void *ctx)
{
    struct kept kept = {.replay = r, .apply = apply, .ctx = ctx};
    return r ? evidence_commit(ev, apply_and_keep, &kept, NULL)
             : evidence_commit(ev, apply, ctx, NULL);
}
