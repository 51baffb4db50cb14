/* The master keys of the columns: made, handed over to who was told so, replaced, removed; and
 * their public side in the keyring. */
#include "gateway/keeper/keyring.h"
#include "gateway/keeper/protocol.h"
#include "tests/unit/keeper/keeper_world.h"

static void make_key(struct world *w, uint8_t id[COLUMN_ID_SIZE])
{
    AUTO(column_keys_free) struct column_keys *made = NULL;

    ck_ok(column_keys_new(&made));
    ck_ok(keeper_column_key_create(w->keys, made));
    ck_assert_uint_eq(column_keys_count(made), 1);
    column_keys_id(made, 0, id);
}

static struct column_keys *ask(struct world *w)
{
    struct column_keys *keys = NULL;

    ck_ok(keeper_column_keys(w->keeper, &keys));
    return keys;
}

static const char *file_of(const struct world *w, const char *name)
{
    static char path[2 * WORLD_PATH];

    (void)snprintf(path, sizeof(path), "%s/%s", w->keys, name);
    return path;
}

START_TEST(the_newest_is_active_and_the_others_open)
{
    uint8_t first[COLUMN_ID_SIZE], second[COLUMN_ID_SIZE], got[COLUMN_ID_SIZE];
    struct world w;

    world_make(&w);
    w.config.columns = true;
    world_start(&w);
    {
        struct column_keys *none = NULL;

        ck_err(keeper_column_keys(w.keeper, &none), ERR_NOT_FOUND);
    }
    make_key(&w, first);
    make_key(&w, second);
    ck_assert_mem_ne(first, second, sizeof(first));
    ck_ok(keeper_reload(w.keeper));
    {
        AUTO(column_keys_free) struct column_keys *keys = ask(&w);

        ck_assert_uint_eq(column_keys_count(keys), 2);
        column_keys_id(keys, 0, got);
        ck_assert_mem_eq(got, first, sizeof(got));
        column_keys_id(keys, 1, got);
        ck_assert_mem_eq(got, second, sizeof(got));
        ck_assert(column_keys_can_open(keys));
    }
    world_end(&w);
}
END_TEST

START_TEST(who_was_not_told_gets_none)
{
    uint8_t id[COLUMN_ID_SIZE];
    struct column_keys *none = NULL;
    struct world w;

    world_make(&w);
    make_key(&w, id);
    w.config.intake_only = true;
    world_start(&w);
    ck_err(keeper_column_keys(w.keeper, &none), ERR_UNAVAILABLE);
    ck_assert_ptr_null(none);
    world_end(&w);
}
END_TEST

START_TEST(a_key_is_removed_unless_it_is_active)
{
    uint8_t first[COLUMN_ID_SIZE], second[COLUMN_ID_SIZE], third[COLUMN_ID_SIZE];
    struct world w;

    world_make(&w);
    make_key(&w, first);
    ck_err(keeper_column_key_remove(w.keys, first), ERR_CONFLICT);
    make_key(&w, second);
    ck_err(keeper_column_key_remove(w.keys, second), ERR_CONFLICT);
    ck_ok(keeper_column_key_remove(w.keys, first));
    ck_err(keeper_column_key_remove(w.keys, first), ERR_NOT_FOUND);
    ck_assert_int_ne(access(file_of(&w, "column-1.key"), F_OK), 0);
    make_key(&w, third); /* its number is not used again */
    ck_assert_int_eq(access(file_of(&w, "column-3.key"), F_OK), 0);
    world_start(&w);
    world_end(&w);
}
END_TEST

START_TEST(there_is_an_end_to_them)
{
    AUTO(column_keys_free) struct column_keys *made = NULL;
    uint8_t id[COLUMN_ID_SIZE];
    struct world w;

    world_make(&w);
    for (unsigned i = 0; i < COLUMN_KEYS_MAX; i++)
        make_key(&w, id);
    ck_ok(column_keys_new(&made));
    ck_err(keeper_column_key_create(w.keys, made), ERR_TOO_LARGE);
    ck_err(keeper_column_key_create("", made), ERR_INVALID);
    w.config.columns = true;
    world_start(&w);
    {
        AUTO(column_keys_free) struct column_keys *keys = ask(&w);

        ck_assert_uint_eq(column_keys_count(keys), COLUMN_KEYS_MAX);
    }
    world_end(&w);
}
END_TEST

static void check_refused(struct world *w, mode_t mode, const char *text, enum err wanted)
{
    FILE *f;

    (void)unlink(file_of(w, "column-7.key"));
    f = fopen(file_of(w, "column-7.key"), "w");
    ck_assert_ptr_nonnull(f);
    ck_assert(fputs(text, f) >= 0);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(file_of(w, "column-7.key"), mode), 0);
    ck_err(keeper_start(&w->config, &w->keeper), wanted);
}

START_TEST(a_file_that_is_no_private_key_keeps_it_from_starting)
{
    static const char good[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    struct world w;

    world_make(&w);
    w.config.columns = true;
    check_refused(&w, 0400, "", ERR_DENIED);
    check_refused(&w, 0400, "AAAA\n", ERR_INVALID);
    check_refused(&w, 0440, good, ERR_DENIED);
    check_refused(&w, 0600, "nonsense", ERR_INVALID);
    w.config.columns = false; /* it does not look at them */
    world_start(&w);
    world_end(&w);
}
END_TEST

START_TEST(other_names_are_not_keys)
{
    static const char *const names[] = {"column-0.key", "column-01.key",    "column-1.key.old",
                                        "column-.key",  "column-99999.key", "column-a.key"};
    struct column_keys *none = NULL;
    struct world w;

    world_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        FILE *f = fopen(file_of(&w, names[i]), "w");

        ck_assert_ptr_nonnull(f);
        (void)fclose(f);
    }
    w.config.columns = true;
    world_start(&w);
    ck_err(keeper_column_keys(w.keeper, &none), ERR_NOT_FOUND);
    world_end(&w);
}
END_TEST

START_TEST(the_public_side_stands_in_the_keyring)
{
    struct keyring k = {.n = 1}, back;
    char path[2 * WORLD_PATH];
    struct world w;

    world_make(&w);
    (void)snprintf(path, sizeof(path), "%s/keyring.json", w.dir);
    k.keys[0].recipient = w.service;
    memcpy(k.keys[0].id, w.key_id, sizeof(w.key_id));
    ck_ok(keyring_write(path, &k));
    ck_ok(keyring_read(path, &back));
    ck_assert_uint_eq(back.n_columns, 0); /* as older ones are */
    for (unsigned i = 0; i < 2; i++) {
        AUTO(column_keys_free) struct column_keys *made = NULL;

        ck_ok(column_keys_new(&made));
        ck_ok(keeper_column_key_create(w.keys, made));
        column_keys_public(made, k.columns[i].id, k.columns[i].recipient.point);
        k.columns[i].created_at = clock_now();
        k.n_columns++;
    }
    ck_ok(keyring_write(path, &k));
    ck_ok(keyring_read(path, &back));
    ck_assert_uint_eq(back.n_columns, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_mem_eq(back.columns[i].id, k.columns[i].id, COLUMN_ID_SIZE);
        ck_assert_mem_eq(back.columns[i].recipient.point, k.columns[i].recipient.point,
                         COLUMN_POINT_SIZE);
    }
    world_start(&w);
    world_end(&w);
}
END_TEST

START_TEST(an_answer_is_taken_apart_strictly)
{
    AUTO_CLEAR(buf_clear) struct buf body;
    uint8_t masters[2 * COLUMN_MASTER_SIZE] = {1, 2, 3};
    struct columns_answer a = {.masters = masters, .n = 2};
    struct reader r;

    buf_init(&body, 1024);
    ck_ok(columns_encode(&a, &body));
    ck_assert_uint_eq(body.len, 1 + sizeof(masters));
    for (size_t len = 0; len <= body.len; len++) {
        reader_init(&r, body.data, len);
        ck_err(columns_decode(&r, &a), len == body.len ? ERR_OK : ERR_INVALID);
    }
    ck_assert_mem_eq(a.masters, masters, sizeof(masters));
    ck_ok(buf_append_byte(&body, 0));
    reader_init(&r, body.data, body.len);
    ck_err(columns_decode(&r, &a), ERR_INVALID);
    body.data[0] = COLUMN_KEYS_MAX + 1;
    reader_init(&r, body.data, body.len);
    ck_err(columns_decode(&r, &a), ERR_INVALID);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/column_keys", the_newest_is_active_and_the_others_open,
                     who_was_not_told_gets_none, a_key_is_removed_unless_it_is_active,
                     there_is_an_end_to_them,
                     a_file_that_is_no_private_key_keeps_it_from_starting,
                     other_names_are_not_keys, the_public_side_stands_in_the_keyring,
                     an_answer_is_taken_apart_strictly);
}
