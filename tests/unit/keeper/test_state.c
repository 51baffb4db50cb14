/* The state file: torn, rolled back, replaced, another log's, shared, not writable. */
#include "gateway/keeper/state.h"
#include "tests/unit/keeper/keeper_world.h"

#include <errno.h>
#include <sys/file.h>

static void flip(const char *path, off_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t byte;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    ck_assert_int_eq(close(fd), 0);
}

static void copy_state(const char *path, uint8_t out[STATE_FILE_SIZE])
{
    int fd = open(path, O_RDONLY);

    ck_assert_int_eq(read(fd, out, STATE_FILE_SIZE), STATE_FILE_SIZE);
    ck_assert_int_eq(close(fd), 0);
}

static void put_state(const char *path, const uint8_t in[STATE_FILE_SIZE])
{
    int fd = open(path, O_WRONLY);

    ck_assert_int_eq(pwrite(fd, in, STATE_FILE_SIZE, 0), STATE_FILE_SIZE);
    ck_assert_int_eq(close(fd), 0);
}

/* Which slot has the newer state, by the generation at its byte 8. */
static unsigned newer_slot(const char *path)
{
    uint8_t bytes[STATE_FILE_SIZE];

    copy_state(path, bytes);
    return memcmp(bytes + 8, bytes + STATE_SLOT_SIZE + 8, 8) > 0 ? 0 : 1;
}

static void sign_all(struct world *w, size_t n, struct buf *note)
{
    uint64_t size;

    world_append(w, n);
    buf_reset(note);
    ck_ok(world_sign(w, w->n - n, n, note, &size));
    ck_assert_uint_eq(size, w->n);
}

START_TEST(created_once)
{
    struct world w;
    struct stat st;

    world_make(&w);
    ck_err(keeper_state_create(w.state), ERR_EXISTS);
    ck_assert_int_eq(stat(w.state, &st), 0);
    ck_assert_int_eq(st.st_size, STATE_FILE_SIZE);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_err(keeper_state_create("/nonexistent/state"), ERR_NOT_FOUND);
    world_end(&w);
}
END_TEST

/* A torn newest slot is a write that was never acknowledged: the older one counts, and asking
 * again gives the same note. */
START_TEST(torn_newest)
{
    AUTO_CLEAR(buf_clear) struct buf note, again;
    struct keeper_info info;
    struct world w;
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    buf_init(&again, NOTE_MAX);
    world_reader(&w);
    sign_all(&w, 4, &note);
    sign_all(&w, 3, &note);
    keeper_stop(TAKE(w.keeper));
    flip(w.state, (off_t)newer_slot(w.state) * STATE_SLOT_SIZE + 100);
    world_start(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert_uint_eq(info.signed_size, 4);
    ck_ok(world_sign(&w, 4, 3, &again, &size));
    ck_assert_str_eq(buf_text(&note), buf_text(&again));
    world_end(&w);
}
END_TEST

START_TEST(torn_older)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct keeper_info info;
    struct world w;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    sign_all(&w, 4, &note);
    sign_all(&w, 3, &note);
    keeper_stop(TAKE(w.keeper));
    flip(w.state, (off_t)(1 - newer_slot(w.state)) * STATE_SLOT_SIZE + 2000);
    world_start(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert_uint_eq(info.signed_size, 7);
    world_end(&w);
}
END_TEST

START_TEST(torn_both)
{
    struct world w;

    world_make(&w);
    flip(w.state, 60);
    flip(w.state, STATE_SLOT_SIZE + 60);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_CORRUPT);
    ck_assert_int_eq(truncate(w.state, STATE_SLOT_SIZE), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_CORRUPT);
    world_end(&w);
}
END_TEST

/* Every byte of a slot is under its digest. */
START_TEST(any_flip_is_seen)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct state_file f;
    struct world w;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    sign_all(&w, 5, &note);
    keeper_stop(TAKE(w.keeper));
    for (off_t at = 0; at < STATE_SLOT_SIZE; at += at < STATE_MARK_SIZE + 16 ? 1 : 97) {
        uint8_t before[STATE_FILE_SIZE];
        off_t newest = (off_t)newer_slot(w.state) * STATE_SLOT_SIZE;

        copy_state(w.state, before);
        flip(w.state, newest + at);
        flip(w.state, STATE_SLOT_SIZE - newest + at);
        ck_err(state_open(w.state, &w.log, &f), ERR_CORRUPT);
        put_state(w.state, before);
    }
    ck_ok(state_open(w.state, &w.log, &f));
    ck_assert_uint_eq(f.now.frontier.size, 5);
    state_close(&f);
    world_end(&w);
}
END_TEST

START_TEST(another_logs)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    char vkey[NOTE_VKEY_MAX];
    struct world w;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    sign_all(&w, 2, &note);
    keeper_stop(TAKE(w.keeper));
    ck_assert_int_eq(unlink(w.log_key), 0);
    ck_ok(keeper_log_key_create(w.log_key, WORLD_LOG, vkey));
    ck_err(keeper_start(&w.config, &w.keeper), ERR_CONFLICT);
    world_end(&w);
}
END_TEST

START_TEST(rolled_back_under_it)
{
    AUTO_CLEAR(buf_clear) struct buf note, receipt;
    uint8_t old[STATE_FILE_SIZE], rolled[STATE_FILE_SIZE], key[AGE_PAYLOAD_KEY_SIZE];
    struct keeper_info info;
    struct sealed a;
    struct world w;
    uint64_t size;

    buf_init(&note, NOTE_MAX);
    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    sign_all(&w, 4, &note);
    copy_state(w.state, old);
    world_entry(&w, opened_details(&a.id), &receipt);
    put_state(w.state, old);
    world_append(&w, 1);
    ck_err(world_sign(&w, w.n - 1, 1, &note, &size), ERR_CORRUPT);
    ck_err(world_sign(&w, 4, 2, &note, &size), ERR_CORRUPT); /* and stays so */
    ck_err(keeper_info(w.keeper, &info), ERR_CORRUPT);
    ck_ok(world_open(&w, &a, &receipt, key)); /* reading goes on */
    copy_state(w.state, rolled);
    ck_assert_mem_eq(old, rolled, sizeof(old));
    sealed_clear(&a);
    world_end(&w);
}
END_TEST

/* A file of the same content under the same name is not the one we hold open, and another
 * keeper would lock that one. */
START_TEST(replaced_under_it)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint8_t bytes[STATE_FILE_SIZE];
    char fresh[2 * WORLD_PATH];
    struct world w;
    uint64_t size;
    int fd;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    sign_all(&w, 4, &note);
    copy_state(w.state, bytes);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", w.state);
    fd = open(fresh, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(rename(fresh, w.state), 0);
    world_append(&w, 1);
    ck_err(world_sign(&w, 4, 1, &note, &size), ERR_CORRUPT);
    world_restart(&w);
    ck_ok(world_sign(&w, 4, 1, &note, &size));
    world_end(&w);
}
END_TEST

/* After a restart the keeper only knows what the file says: it tells where it stands and takes
 * the same leaves again. */
START_TEST(rolled_back_between_runs)
{
    AUTO_CLEAR(buf_clear) struct buf first, note;
    uint8_t old[STATE_FILE_SIZE];
    struct world w;
    uint64_t size;

    buf_init(&first, NOTE_MAX);
    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    sign_all(&w, 4, &first);
    copy_state(w.state, old);
    sign_all(&w, 6, &first);
    keeper_stop(TAKE(w.keeper));
    put_state(w.state, old);
    world_start(&w);
    world_append(&w, 1);
    ck_err(world_sign(&w, 10, 1, &note, &size), ERR_CONFLICT);
    ck_assert_uint_eq(size, 4);
    ck_ok(world_sign(&w, 4, 6, &note, &size));
    ck_assert_str_eq(buf_text(&first), buf_text(&note));
    world_end(&w);
}
END_TEST

START_TEST(strict_file)
{
    char other[2 * WORLD_PATH];
    struct world w;

    world_make(&w);
    ck_assert_int_eq(chmod(w.state, 0640), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(chmod(w.state, 0600), 0);
    (void)snprintf(other, sizeof(other), "%s.link", w.state);
    ck_assert_int_eq(symlink(w.state, other), 0);
    w.config.state_file = other;
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    w.config.state_file = w.keys; /* a folder */
    ck_assert_int_ne(keeper_start(&w.config, &w.keeper), ERR_OK);
    w.config.state_file = "/nonexistent/state";
    ck_err(keeper_start(&w.config, &w.keeper), ERR_NOT_FOUND);
    world_end(&w);
}
END_TEST

START_TEST(lock_is_waited_for_and_given_up)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct world w;
    uint64_t size;
    int fd;

    buf_init(&note, NOTE_MAX);
    world_reader(&w);
    world_append(&w, 1);
    fd = open(w.state, O_RDONLY);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_err(world_sign(&w, 0, 1, &note, &size), ERR_BUSY);
    ck_assert_int_eq(close(fd), 0);
    ck_ok(world_sign(&w, 0, 1, &note, &size));
    world_end(&w);
}
END_TEST

/* What could not be written is not signed on: the object refuses from then on. */
START_TEST(unwritable)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    struct merkle_frontier f;
    struct merkle_hash leaf = some_leaf(0);
    struct state_file file;
    struct world w;
    int readable;

    buf_init(&note, NOTE_MAX);
    world_make(&w);
    readable = open(w.state, O_RDONLY);
    ck_assert_int_ne(state_open_fd(readable, &w.log, &file),
                     ERR_OK); /* it must be able to store from the start */
    ck_ok(state_open(w.state, &w.log, &file));
    ck_ok(state_begin(&file));
    readable = open(w.state, O_RDONLY);
    ck_assert_int_eq(dup2(readable, file.fd), file.fd);
    ck_assert_int_eq(close(readable), 0);
    f = file.now.frontier;
    ck_ok(merkle_frontier_append(&f, &leaf));
    ck_assert_int_ne(state_store(&file, &f, &note), ERR_OK);
    ck_assert(file.failed);
    ck_assert_uint_eq(file.now.frontier.size, 0);
    state_end(&file);
    ck_err(state_begin(&file), ERR_CORRUPT);
    state_close(&file);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/state", created_once, torn_newest, torn_older, torn_both,
                     any_flip_is_seen, another_logs, rolled_back_under_it, replaced_under_it,
                     rolled_back_between_runs, strict_file, lock_is_waited_for_and_given_up,
                     unwritable);
}
