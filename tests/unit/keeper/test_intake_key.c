/* The key under which the front seals what unfinished uploads need: from its file, or made up.
 */
#include "gateway/keeper/protocol.h"
#include "tests/unit/keeper/keeper_world.h"

#include "gateway/base/encode.h"

#include <errno.h>
#include <signal.h>

enum { PATIENCE_MS = 30000, NAP_US = 20000 };

struct got {
    uint8_t key[KEEPER_INTAKE_KEY_SIZE];
    bool persistent;
};

static struct got ask(struct keeper *k)
{
    AUTO(secret_free) struct secret *key = NULL;
    struct got got = {.persistent = false};

    ck_ok(keeper_intake_key(k, &key, &got.persistent));
    ck_assert_uint_eq(key->len, KEEPER_INTAKE_KEY_SIZE);
    memcpy(got.key, key->bytes, sizeof(got.key));
    return got;
}

static bool same(const struct got *a, const struct got *b)
{
    return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

static const char *key_file(const struct world *w)
{
    static char path[2 * WORLD_PATH];

    (void)snprintf(path, sizeof(path), "%s/%s", w->keys, KEEPER_INTAKE_KEY_FILE);
    return path;
}

static void kill_keeper(struct world *w)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    struct keeper_info before, after;
    enum err e;

    ck_ok(keeper_info(w->keeper, &before));
    ck_assert_int_eq(kill((pid_t)before.pid, SIGKILL), 0);
    do {
        (void)usleep(NAP_US);
        e = keeper_info(w->keeper, &after);
    } while ((e != ERR_OK || after.pid == before.pid) && clock_steady_ms() < deadline);
    ck_ok(e);
    ck_assert_int_ne(after.pid, before.pid);
}

START_TEST(the_file_is_written_as_it_is_read)
{
    char line[128] = "";
    uint8_t key[KEEPER_INTAKE_KEY_SIZE];
    struct world w;
    struct stat st;
    size_t len;
    FILE *f;

    world_make(&w);
    ck_ok(keeper_intake_key_create(w.keys));
    ck_err(keeper_intake_key_create(w.keys), ERR_EXISTS);
    ck_err(keeper_intake_key_create(""), ERR_INVALID);
    ck_err(keeper_intake_key_create("/nonexistent"), ERR_NOT_FOUND);
    ck_assert_int_eq(lstat(key_file(&w), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0400);
    f = fopen(key_file(&w), "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
    ck_assert_int_eq(fgetc(f), EOF);
    (void)fclose(f);
    ck_assert_uint_eq(strlen(line), 45);
    ck_ok(base64_decode(BASE64_STANDARD, line, 44, key, sizeof(key), &len));
    world_start(&w);
    {
        struct got got = ask(w.keeper);

        ck_assert(got.persistent);
        ck_assert_mem_eq(got.key, key, sizeof(key));
    }
    world_end(&w);
}
END_TEST

START_TEST(the_files_key_survives_its_keeper)
{
    struct got first, again;
    struct world w;

    world_make(&w);
    ck_ok(keeper_intake_key_create(w.keys));
    world_start(&w);
    first = ask(w.keeper);
    again = ask(w.keeper);
    ck_assert(same(&first, &again));
    ck_ok(keeper_reload(w.keeper));
    again = ask(w.keeper);
    ck_assert(again.persistent && same(&first, &again));
    kill_keeper(&w);
    again = ask(w.keeper);
    ck_assert(again.persistent && same(&first, &again));
    world_restart(&w);
    again = ask(w.keeper);
    ck_assert(again.persistent && same(&first, &again));
    world_end(&w);
}
END_TEST

START_TEST(a_made_up_key_lives_as_long_as_its_keeper)
{
    static const uint8_t zeros[KEEPER_INTAKE_KEY_SIZE];
    struct got first, again;
    struct world w;

    world_reader(&w);
    first = ask(w.keeper);
    ck_assert(!first.persistent);
    ck_assert(memcmp(first.key, zeros, sizeof(zeros)) != 0);
    again = ask(w.keeper);
    ck_assert(!again.persistent && same(&first, &again));
    ck_ok(keeper_reload(w.keeper));
    again = ask(w.keeper);
    ck_assert(!again.persistent && !same(&first, &again));
    ck_ok(keeper_intake_key_create(w.keys)); /* made meanwhile: from the next start on */
    first = ask(w.keeper);
    ck_assert(!first.persistent && same(&first, &again));
    ck_ok(keeper_reload(w.keeper));
    again = ask(w.keeper);
    ck_assert(again.persistent && !same(&first, &again));
    world_end(&w);
}
END_TEST

START_TEST(a_keeper_for_intake_has_it)
{
    struct got file, intake;
    struct world w;

    world_make(&w);
    ck_ok(keeper_intake_key_create(w.keys));
    world_start(&w);
    file = ask(w.keeper);
    w.config.intake_only = true;
    world_restart(&w);
    intake = ask(w.keeper);
    ck_assert(intake.persistent && same(&file, &intake));
    w.config.keys_dir = "/nonexistent";
    world_restart(&w);
    intake = ask(w.keeper);
    ck_assert(!intake.persistent);
    world_end(&w);
}
END_TEST

START_TEST(it_comes_from_the_credentials_too)
{
    struct got got;
    struct world w;

    world_make(&w);
    ck_ok(keeper_intake_key_create(w.keys));
    w.config.keys_dir = "";
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", w.keys, 1), 0);
    world_start(&w);
    got = ask(w.keeper);
    ck_assert(got.persistent);
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    w.config.intake_only = true; /* which starts without any folder */
    world_restart(&w);
    got = ask(w.keeper);
    ck_assert(!got.persistent);
    world_end(&w);
}
END_TEST

static void write_file(const struct world *w, const char *content, mode_t mode)
{
    FILE *f;

    ck_assert(unlink(key_file(w)) == 0 || errno == ENOENT);
    f = fopen(key_file(w), "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(content, f), 0);
    ck_assert_int_eq(fchmod(fileno(f), mode), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(what_is_no_private_key_keeps_it_from_starting)
{
    static const char good[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    static const char *const wrong[] = {
        "not base64 at all",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",   /* 31 bytes */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",   /* 33 bytes */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n", /* two lines */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n", /* of another system */
        " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",  /* a space */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",   /* bits that are not there */
    };
    struct world w;

    world_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        write_file(&w, wrong[i], 0400);
        ck_err(keeper_start(&w.config, &w.keeper), ERR_INVALID);
    }
    write_file(&w, "", 0400);
    ck_assert_int_ne(keeper_start(&w.config, &w.keeper), ERR_OK);
    write_file(&w, good, 0440);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(unlink(key_file(&w)), 0);
    ck_assert_int_eq(symlink(w.log_key, key_file(&w)), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(unlink(key_file(&w)), 0);
    ck_assert_int_eq(mkdir(key_file(&w), 0700), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(rmdir(key_file(&w)), 0);
    write_file(&w, good, 0600);
    world_start(&w);
    {
        struct got got = ask(w.keeper);

        ck_assert(got.persistent);
        for (uint8_t i = 0; i < sizeof(got.key); i++)
            ck_assert_uint_eq(got.key[i], i);
    }
    world_end(&w);
}
END_TEST

START_TEST(the_answer_travels)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    uint8_t key[KEEPER_INTAKE_KEY_SIZE];
    struct intake_answer a = {.persistent = true, .key = key}, back;
    struct reader r;

    randombytes_buf(key, sizeof(key));
    buf_init_secret(&b, REPLY_BODY_MAX);
    ck_ok(intake_encode(&a, &b));
    reader_init(&r, b.data, b.len);
    ck_ok(intake_decode(&r, &back));
    ck_assert(back.persistent);
    ck_assert_mem_eq(back.key, key, sizeof(key));
    for (size_t len = 0; len < b.len; len++) {
        reader_init(&r, b.data, len);
        ck_err(intake_decode(&r, &back), ERR_INVALID);
    }
    b.data[0] = 0;
    reader_init(&r, b.data, b.len);
    ck_ok(intake_decode(&r, &back));
    ck_assert(!back.persistent);
    b.data[0] = 2;
    reader_init(&r, b.data, b.len);
    ck_err(intake_decode(&r, &back), ERR_INVALID);
    b.data[0] = 1;
    ck_ok(buf_append_byte(&b, 0));
    reader_init(&r, b.data, b.len);
    ck_err(intake_decode(&r, &back), ERR_INVALID);
}
END_TEST

START_TEST(a_gone_keeper_gives_none)
{
    struct secret *key = NULL;
    struct keeper_info info;
    bool persistent;
    struct world w;

    world_reader(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert_int_eq(kill((pid_t)info.pid, SIGKILL), 0);
    ck_err(keeper_intake_key(w.keeper, &key, &persistent), ERR_UNAVAILABLE);
    ck_assert_ptr_null(key);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/intake_key", the_file_is_written_as_it_is_read,
                     the_files_key_survives_its_keeper,
                     a_made_up_key_lives_as_long_as_its_keeper, a_keeper_for_intake_has_it,
                     it_comes_from_the_credentials_too,
                     what_is_no_private_key_keeps_it_from_starting, the_answer_travels,
                     a_gone_keeper_gives_none);
}
