/* Opening and re-wrapping: what a receipt permits, and each thing that it does not. */
#include "tests/unit/keeper/keeper_world.h"

/* --- what the entry says --------------------------------------------------------------------
 */
static void as_it_is(json_t *d)
{
    (void)d;
}
static void other_artefact(json_t *d)
{
    struct uuid id = uuid_new();
    char text[UUID_TEXT_SIZE];

    uuid_format(&id, text);
    json_put_text(d, "artefact", text);
}
static void no_artefact(json_t *d)
{
    (void)json_object_del(d, "artefact");
}
static void other_action(json_t *d)
{
    json_put_text(d, "action", "read.denied");
}
static void restricted(json_t *d)
{
    json_put_text(d, "status", "restricted");
}
static void no_status(json_t *d)
{
    (void)json_object_del(d, "status");
}
static void no_actor(json_t *d)
{
    (void)json_object_del(d, "actor");
}
static void actor_of_another_type(json_t *d)
{
    json_put_int(d, "actor", 7);
}
static void empty_purpose(json_t *d)
{
    json_put_text(d, "purpose", "");
}
static void expired(json_t *d)
{
    json_put_time(d, "time", clock_now() - (WORLD_SESSION_S + 5) * MICROS_PER_SECOND);
}
static void nearly_expired(json_t *d)
{
    json_put_time(d, "time", clock_now() - (WORLD_SESSION_S - 60) * MICROS_PER_SECOND);
}
static void of_the_future(json_t *d)
{
    json_put_time(d, "time", clock_now() + 120 * MICROS_PER_SECOND);
}
static void a_little_fast(json_t *d)
{
    json_put_time(d, "time", clock_now() + 20 * MICROS_PER_SECOND);
}
static void no_time(json_t *d)
{
    (void)json_object_del(d, "time");
}
static void odd_extras(json_t *d)
{
    json_put_int(d, "to", 5);
    json_put_text(
        d, "scope",
        "a scope that is far longer than any that would mean something to the keeper");
    json_put_text(d, "recipient", "somebody");
}

static const struct {
    const char *name;
    void (*change)(json_t *details);
    enum err wanted;
} cases[] = {
    {"good", as_it_is, ERR_OK},
    {"other artefact", other_artefact, ERR_DENIED},
    {"no artefact", no_artefact, ERR_DENIED},
    {"other action", other_action, ERR_DENIED},
    {"restricted", restricted, ERR_DENIED},
    {"no status", no_status, ERR_DENIED},
    {"no actor", no_actor, ERR_DENIED},
    {"actor of another type", actor_of_another_type, ERR_DENIED},
    {"empty purpose", empty_purpose, ERR_DENIED},
    {"expired", expired, ERR_EXPIRED},
    {"nearly expired", nearly_expired, ERR_OK},
    {"of the future", of_the_future, ERR_DENIED},
    {"a little fast", a_little_fast, ERR_OK},
    {"no time", no_time, ERR_DENIED},
    {"odd extras", odd_extras, ERR_OK},
};

START_TEST(what_the_entry_says)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {0}, wanted[AGE_PAYLOAD_KEY_SIZE] = {0};
        json_t *details = opened_details(&a.id);
        enum err e;

        cases[i].change(details);
        world_entry(&w, details, &receipt);
        for (int turn = 0; turn < 2;
             turn++) { /* a receipt that was seen before fares the same */
            e = world_open(&w, &a, &receipt, key);
            ck_assert_msg(e == cases[i].wanted, "%s: %s", cases[i].name, err_message(e));
        }
        if (e == ERR_OK)
            ck_ok(age_payload_key(a.file_key, a.nonce, wanted));
        ck_assert_mem_eq(key, wanted, sizeof(key)); /* nothing leaks with a refusal */
    }
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* Each sort of opening, with each status that an artefact can have. */
START_TEST(what_is_opened_for_whom)
{
    static const char *const actions[] = {"read.opened", "view.opened", "inspection.opened",
                                          "upload.committed"};
    static const char *const statuses[] = {
        "receiving",  "quarantined", "available", "could_not_scan",
        "restricted", "refused",     "disposed",  ""};
    static const unsigned good[] = {1 << 2, 1 << 2 | 1 << 4, 1 << 1 | 1 << 2 | 1 << 3, 0};
    AUTO_CLEAR(buf_clear) struct buf receipt;
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    for (size_t i = 0; i < ARRAY_LEN(actions) * ARRAY_LEN(statuses); i++) {
        size_t action = i / ARRAY_LEN(statuses), status = i % ARRAY_LEN(statuses);
        uint8_t key[AGE_PAYLOAD_KEY_SIZE];
        json_t *details = opened_details(&a.id);

        json_put_text(details, "action", actions[action]);
        json_put_text(details, "status", statuses[status]);
        world_entry(&w, details, &receipt);
        enum err e = world_open(&w, &a, &receipt, key);
        ck_assert_msg(e == ((good[action] >> status & 1) != 0 ? ERR_OK : ERR_DENIED),
                      "%s %s: %s", actions[action], statuses[status], err_message(e));
    }
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* --- the receipt itself ---------------------------------------------------------------------
 */
START_TEST(any_change_of_the_receipt)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    world_append(&w, 5); /* a tree with an inclusion proof */
    {
        AUTO_CLEAR(buf_clear) struct buf note;
        uint64_t size;

        buf_init(&note, NOTE_MAX);
        ck_ok(world_sign(&w, 0, 5, &note, &size));
    }
    world_entry(&w, opened_details(&a.id), &receipt);
    for (size_t at = 0; at < receipt.len; at++) {
        enum err e;

        receipt.data[at] ^= 1;
        e = world_open(&w, &a, &receipt, key);
        ck_assert_msg(e == ERR_DENIED, "byte %zu: %s", at, err_name(e));
        receipt.data[at] ^= 1;
    }
    for (size_t cut = 1; cut <= receipt.len; cut += 7) {
        receipt.len -= cut;
        ck_err(world_open(&w, &a, &receipt, key), ERR_DENIED);
        receipt.len += cut;
    }
    ck_ok(world_open(&w, &a, &receipt, key));
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* The same tree and the same words, signed by another key of the same name. */
START_TEST(forged_signature)
{
    AUTO_CLEAR(buf_clear) struct buf receipt, forged, note;
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct note_signer forger = {0};
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    buf_init(&forged, RECEIPT_MAX);
    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    world_entry(&w, opened_details(&a.id), &receipt);
    ck_ok(receipt_parse(buf_text(&receipt), receipt.len, &r));
    ck_ok(note_signer_generate(WORLD_LOG, &forger));
    ck_ok(checkpoint_sign(&forger, &r.checkpoint, &note));
    ck_ok(receipt_format(&r.leaf, r.salt, r.details, r.details_len, r.index, &r.proof,
                         buf_text(&note), note.len, &forged));
    ck_err(world_open(&w, &a, &forged, key), ERR_DENIED);
    ck_ok(world_open(&w, &a, &receipt, key));
    note_signer_clear(&forger);
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* Signed by our key, but by a keeper whose state was set back since. */
START_TEST(larger_than_known)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    world_entry(&w, opened_details(&a.id), &receipt);
    keeper_stop(TAKE(w.keeper));
    ck_assert_int_eq(unlink(w.state), 0);
    ck_ok(keeper_state_create(w.state));
    world_start(&w);
    ck_err(world_open(&w, &a, &receipt, key), ERR_DENIED);
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

START_TEST(signed_by_the_other_keeper)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct keeper *other = NULL, *mine;
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    mine = w.keeper;
    ck_ok(keeper_start(&w.config, &other));
    w.keeper = other;
    world_entry(&w, opened_details(&a.id), &receipt);
    w.keeper = mine;
    ck_ok(world_open(&w, &a, &receipt, key));
    keeper_stop(other);
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* --- the header -----------------------------------------------------------------------------
 */
START_TEST(wrong_headers)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    AUTO(secret_free) struct secret *foreign = NULL;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct age_recipient stranger;
    struct sealed a, b, c;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    sealed_make(&w, &b);
    world_entry(&w, opened_details(&a.id), &receipt);
    b.id = a.id; /* the other artefact's header under this one's name */
    ck_err(world_open(&w, &b, &receipt, key), ERR_CRYPTO);
    for (size_t back = 2; back < 40; back++) { /* the MAC, 43 characters before the end */
        a.header.data[a.header.len - back] ^= 1;
        ck_err(world_open(&w, &a, &receipt, key), ERR_CRYPTO);
        a.header.data[a.header.len - back] ^= 1;
    }
    ck_ok(buf_append_str(&a.header, "more"));
    ck_err(world_open(&w, &a, &receipt, key), ERR_CRYPTO);
    a.header.len = 0;
    ck_err(world_open(&w, &a, &receipt, key), ERR_CRYPTO);
    c = a;
    buf_init(&c.header, AGE_HEADER_MAX);
    ck_ok(age_identity_generate(&foreign, &stranger));
    ck_ok(age_header_seal(a.file_key, &a.id, &stranger, &w.recovery, &c.header));
    ck_err(world_open(&w, &c, &receipt, key), ERR_NOT_FOUND);
    buf_reset(&c.header);
    ck_ok(
        age_header_seal_plain(a.file_key, &w.service, &c.header)); /* no stanza of ours in it */
    ck_err(world_open(&w, &c, &receipt, key), ERR_NOT_FOUND);
    sealed_clear(&a), sealed_clear(&b), sealed_clear(&c);
    world_end(&w);
}
END_TEST

START_TEST(several_identities)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    struct age_recipient more[3];
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    char id[KEY_ID_SIZE];
    struct keeper_info info;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        ck_ok(keeper_identity_create(w.keys, id, &more[i]));
    world_start(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert_uint_eq(info.n_identities, 4);
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        struct sealed a;

        w.service = more[i];
        sealed_make(&w, &a);
        world_entry(&w, opened_details(&a.id), &receipt);
        ck_ok(world_open(&w, &a, &receipt, key));
        sealed_clear(&a);
    }
    world_end(&w);
}
END_TEST

START_TEST(intake_only)
{
    AUTO_CLEAR(buf_clear) struct buf receipt, header;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct keeper_rewrap order = {0};
    struct keeper_info info;
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    buf_init(&header, AGE_HEADER_MAX);
    world_make(&w);
    sealed_make(&w, &a);
    w.config.intake_only = true;
    w.config.keys_dir = "/nonexistent"; /* not even looked at */
    world_start(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert(info.intake_only);
    ck_assert_uint_eq(info.n_identities, 0);
    world_entry(&w, opened_details(&a.id), &receipt); /* it signs */
    ck_err(world_open(&w, &a, &receipt, key), ERR_UNAVAILABLE);
    order = (struct keeper_rewrap){.receipt = buf_text(&receipt),
                                   .receipt_len = receipt.len,
                                   .header = a.header.data,
                                   .header_len = a.header.len,
                                   .artefact = a.id,
                                   .plain = &w.recovery};
    ck_err(keeper_rewrap(w.keeper, &order, &header), ERR_UNAVAILABLE);
    ck_ok(keeper_info(w.keeper, &info)); /* that was an answer, not its end */
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

START_TEST(rate_limit)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    unsigned busy = 0, good = 0;
    struct sealed a;
    struct world w;

    buf_init(&receipt, RECEIPT_MAX);
    world_make(&w);
    w.config.opens_per_second = 1;
    world_start(&w);
    sealed_make(&w, &a);
    world_entry(&w, opened_details(&a.id), &receipt);
    for (int i = 0; i < 100; i++) {
        enum err e = world_open(&w, &a, &receipt, key);

        ck_assert(e == ERR_OK || e == ERR_BUSY);
        busy += e == ERR_BUSY;
        good += e == ERR_OK;
    }
    ck_assert_uint_ge(good, 1);
    ck_assert_uint_ge(busy, 1);
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* --- re-wrapping ----------------------------------------------------------------------------
 */
struct rotation { /* a world with a second service key to go to */
    struct world w;
    struct age_recipient next;
    char next_id[KEY_ID_SIZE];
    struct sealed a;
    struct buf receipt, header;
};

static void rotation_make(struct rotation *t)
{
    world_make(&t->w);
    ck_ok(keeper_identity_create(t->w.keys, t->next_id, &t->next));
    t->w.config.admin = true;
    world_start(&t->w);
    sealed_make(&t->w, &t->a);
    buf_init(&t->receipt, RECEIPT_MAX);
    buf_init(&t->header, AGE_HEADER_MAX);
}

static void rotation_end(struct rotation *t)
{
    buf_clear(&t->receipt);
    buf_clear(&t->header);
    sealed_clear(&t->a);
    world_end(&t->w);
}

static json_t *order_details(const struct rotation *t)
{
    char recovery[AGE_RECIPIENT_TEXT_SIZE];
    json_t *d = json_object();

    age_recipient_format(&t->w.recovery, recovery);
    json_put_text(d, "action", "key.rewrap");
    json_put_text(d, "scope", "all");
    json_put_text(d, "to", t->next_id);
    json_put_text(d, "recovery", recovery);
    json_put_time(d, "time", clock_now());
    return d;
}

static json_t *order_for_one(const struct rotation *t)
{
    json_t *d = order_details(t);
    char id[UUID_TEXT_SIZE];

    uuid_format(&t->a.id, id);
    (void)json_object_del(d, "scope");
    json_put_text(d, "artefact", id);
    return d;
}

static enum err ask_rewrap(struct rotation *t, json_t *details,
                           const struct age_recipient *service,
                           const struct age_recipient *recovery,
                           const struct age_recipient *plain)
{
    struct keeper_rewrap o = {.header = t->a.header.data,
                              .header_len = t->a.header.len,
                              .artefact = t->a.id,
                              .service = service,
                              .recovery = recovery,
                              .plain = plain};

    world_entry(&t->w, details, &t->receipt);
    o.receipt = buf_text(&t->receipt);
    o.receipt_len = t->receipt.len;
    buf_reset(&t->header);
    return keeper_rewrap(t->w.keeper, &o, &t->header);
}

START_TEST(rotates)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    uint8_t key[AGE_PAYLOAD_KEY_SIZE], wanted[AGE_PAYLOAD_KEY_SIZE],
        file_key[AGE_FILE_KEY_SIZE];
    char id[KEY_ID_SIZE];
    struct rotation t;

    rotation_make(&t);
    ck_ok(ask_rewrap(&t, order_details(&t), &t.next, &t.w.recovery, NULL));
    ck_ok(age_header_parse(t.header.data, t.header.len, &h));
    ck_ok(age_header_key_id(&h, id));
    ck_assert_str_eq(id, t.next_id);
    ck_ok(age_header_open_plain(&h, t.w.recovery_identity, file_key));
    ck_assert_mem_eq(file_key, t.a.file_key, sizeof(file_key));
    buf_reset(&t.a.header);
    ck_ok(buf_append(&t.a.header, t.header.data, t.header.len));
    world_entry(&t.w, opened_details(&t.a.id), &t.receipt);
    ck_ok(world_open(&t.w, &t.a, &t.receipt, key));
    ck_ok(age_payload_key(t.a.file_key, t.a.nonce, wanted));
    ck_assert_mem_eq(key, wanted, sizeof(key));
    rotation_end(&t);
}
END_TEST

START_TEST(rotation_refused)
{
    AUTO(secret_free) struct secret *foreign = NULL;
    struct age_recipient stranger;
    char stranger_id[KEY_ID_SIZE];
    struct rotation t;
    json_t *d;

    rotation_make(&t);
    ck_ok(age_identity_generate(&foreign, &stranger));
    service_key_id(&stranger, stranger_id);
    d = order_details(&t);
    json_put_text(d, "to", t.w.key_id);
    ck_err(ask_rewrap(&t, d, &t.next, NULL, NULL), ERR_DENIED);
    d = order_details(&t);
    json_put_text(d, "to", stranger_id); /* ordered, but not a key held here */
    ck_err(ask_rewrap(&t, d, &stranger, NULL, NULL), ERR_DENIED);
    ck_err(ask_rewrap(&t, order_details(&t), &t.next, &stranger, NULL), ERR_DENIED);
    d = order_details(&t);
    (void)json_object_del(d, "recovery");
    ck_err(ask_rewrap(&t, d, &t.next, &t.w.recovery, NULL), ERR_DENIED);
    d = order_details(&t);
    (void)json_object_del(d, "scope");
    ck_err(ask_rewrap(&t, d, &t.next, NULL, NULL), ERR_DENIED);
    d = order_details(&t);
    (void)json_object_del(d, "scope");
    other_artefact(d);
    ck_err(ask_rewrap(&t, d, &t.next, NULL, NULL), ERR_DENIED);
    d = order_details(&t);
    json_put_text(d, "action", "key.added");
    ck_err(ask_rewrap(&t, d, &t.next, NULL, NULL), ERR_DENIED);
    d = order_details(&t);
    json_put_time(d, "time", clock_now() - 2 * 86400 * MICROS_PER_SECOND);
    ck_err(ask_rewrap(&t, d, &t.next, NULL, NULL), ERR_EXPIRED);
    ck_err(ask_rewrap(&t, opened_details(&t.a.id), &t.next, NULL, NULL), ERR_DENIED);
    ck_assert_uint_eq(t.header.len, 0);
    t.a.id = uuid_new(); /* another artefact's header */
    ck_err(ask_rewrap(&t, order_details(&t), &t.next, NULL, NULL), ERR_CRYPTO);
    rotation_end(&t);
}
END_TEST

/* Neither both kinds nor none: the client sends it, the keeper answers. */
START_TEST(rewrap_of_no_kind)
{
    struct rotation t;

    rotation_make(&t);
    ck_err(ask_rewrap(&t, order_details(&t), NULL, NULL, NULL), ERR_INVALID);
    ck_err(ask_rewrap(&t, order_details(&t), NULL, &t.w.recovery, NULL), ERR_INVALID);
    ck_err(ask_rewrap(&t, order_details(&t), &t.next, NULL, &t.w.recovery), ERR_INVALID);
    ck_ok(ask_rewrap(&t, order_details(&t), &t.next, NULL, NULL));
    rotation_end(&t);
}
END_TEST

static json_t *export_details(const struct rotation *t, const struct age_recipient *to)
{
    json_t *d = json_object();
    char text[AGE_RECIPIENT_TEXT_SIZE], id[UUID_TEXT_SIZE];

    age_recipient_format(to, text);
    uuid_format(&t->a.id, id);
    json_put_text(d, "action", "artefact.exported");
    json_put_text(d, "artefact", id);
    json_put_text(d, "recipient", text);
    json_put_time(d, "time", clock_now());
    return d;
}

START_TEST(exports)
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    AUTO(secret_free) struct secret *person = NULL;
    uint8_t file_key[AGE_FILE_KEY_SIZE];
    struct age_recipient to;
    struct rotation t;
    json_t *d;

    rotation_make(&t);
    ck_ok(age_identity_generate(&person, &to));
    ck_err(ask_rewrap(&t, export_details(&t, &t.w.recovery), NULL, NULL, &to), ERR_DENIED);
    ck_err(ask_rewrap(&t, order_details(&t), NULL, NULL, &to), ERR_DENIED);
    d = export_details(&t, &to);
    other_artefact(d);
    ck_err(ask_rewrap(&t, d, NULL, NULL, &to), ERR_DENIED);
    d = export_details(&t, &to);
    expired(d);
    ck_err(ask_rewrap(&t, d, NULL, NULL, &to), ERR_EXPIRED);
    ck_ok(ask_rewrap(&t, export_details(&t, &to), NULL, NULL, &to));
    ck_ok(age_header_parse(t.header.data, t.header.len, &h));
    ck_assert_uint_eq(h.n_stanzas, 1);
    ck_ok(age_header_open_plain(&h, person, file_key));
    ck_assert_mem_eq(file_key, t.a.file_key, sizeof(file_key));
    rotation_end(&t);
}
END_TEST

/* The front's own keeper re-wraps what is named, artefact by artefact, and at its rate. */
START_TEST(the_fronts_keeper_takes_no_order_for_all)
{
    unsigned busy = 0;
    struct rotation t;

    rotation_make(&t);
    for (int i = 0; i < 30; i++)
        ck_ok(ask_rewrap(&t, order_details(&t), &t.next, NULL, NULL));
    t.w.config.admin = false;
    world_restart(&t.w);
    ck_err(ask_rewrap(&t, order_details(&t), &t.next, NULL, NULL), ERR_DENIED);
    ck_ok(ask_rewrap(&t, order_for_one(&t), &t.next, &t.w.recovery, NULL));
    t.w.config.opens_per_second = 1;
    world_restart(&t.w);
    for (int i = 0; i < 30; i++)
        busy += ask_rewrap(&t, order_for_one(&t), &t.next, NULL, NULL) == ERR_BUSY;
    ck_assert_uint_ge(busy, 1);
    t.w.config.admin = true;
    world_restart(&t.w);
    for (int i = 0; i < 30; i++)
        ck_ok(ask_rewrap(&t, order_for_one(&t), &t.next, NULL, NULL));
    rotation_end(&t);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/open", what_the_entry_says, what_is_opened_for_whom,
                     any_change_of_the_receipt, forged_signature, larger_than_known,
                     signed_by_the_other_keeper, wrong_headers, several_identities, intake_only,
                     rate_limit, rotates, rotation_refused, rewrap_of_no_kind, exports,
                     the_fronts_keeper_takes_no_order_for_all);
}
