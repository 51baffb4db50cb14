/* A store of objects that is damaged, was left in the middle, has no room, or whose calls fail.
 */
#include "tests/unit/storage/blob_world.h"

/* --- damage ------------------------------------------------------------------------------- */
START_TEST(a_truncated_object_is_corrupt_and_not_short)
{
    struct blob_reader *r;
    struct uuid id;
    char out[16];

    open_store();
    id = put_object("0123456789");
    ok(blob_open(store, &id, &r));
    ck_assert_int_eq(truncate(object_file(&id), 4), 0);
    fails(ERR_CORRUPT, blob_read(r, 0, out, 10));
    fails(ERR_CORRUPT, blob_read(r, 6, out, 4));
    ok(blob_read(r, 0, out, 4));
    blob_reader_free(r);
    ok(blob_open(store, &id, &r));
    ck_assert_uint_eq(blob_size(r), 4);
    fails(ERR_CORRUPT, blob_read(r, 0, out, 10));
    blob_reader_free(r);
    close_store();
}
END_TEST

/* --- leftovers ---------------------------------------------------------------------------- */
START_TEST(a_start_sweeps_the_leftovers_of_the_dead)
{
    struct uuid id = uuid_new();
    pid_t child;
    int status;

    open_store();
    child = fork();
    if (child == 0) { /* dies in the middle of an upload */
        struct blob_writer *w;

        blob_fs_pretend(store, BLOB_FS_NO_TMPFILE);
        _exit(blob_begin(store, &id, &w) == ERR_OK && blob_append(w, "half", 4) == ERR_OK ? 0
                                                                                          : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(symlink("/etc/passwd", scratch_path(&dir, "store/partial/link.part")), 0);
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), 2);
    blob_store_free(store);
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), 0);
    ck_assert_int_eq(access("/etc/passwd", F_OK), 0);
    close_store();
}
END_TEST

START_TEST(a_start_spares_the_unfinished_of_the_living)
{
    struct blob_store *second;
    struct uuid id = uuid_new();
    struct blob_writer *w;

    open_store();
    blob_fs_pretend(store, BLOB_FS_NO_TMPFILE);
    ok(blob_begin(store, &id, &w));
    ok(blob_append(w, "alive", 5));
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &second));
    blob_store_free(second);
    ok(blob_flush(w));
    ok(blob_publish(w));
    blob_writer_free(w);
    object_reads(&id, "alive");
    close_store();
}
END_TEST

/* --- no room ------------------------------------------------------------------------------ */
static enum err fill(const struct uuid *id, size_t pieces)
{
    static uint8_t piece[64 << 10];
    AUTO(blob_writer_free) struct blob_writer *w = NULL;

    TRY(blob_begin(store, id, &w));
    for (size_t i = 0; i < pieces; i++) {
        enum err e = blob_append(w, piece, sizeof(piece));

        if (e != ERR_OK) {
            ck_assert_int_eq(blob_append(w, piece, 1), ERR_IO); /* not to be mended */
            ck_assert_int_eq(blob_flush(w), ERR_IO);
            ck_assert_int_eq(blob_publish(w), ERR_IO);
            return e == ERR_IO ? ERR_INTERNAL : e;
        }
    }
    TRY(blob_flush(w));
    TRY(blob_publish(w));
    return blob_sync_folders(store, &w, 1);
}

static void full_and_back(unsigned lacks)
{
    struct uuid big = uuid_new(), small = uuid_new();
    AUTO(blob_reader_free) struct blob_reader *r = NULL;
    uint64_t bytes, bytes_after, inodes;

    blob_fs_pretend(store, lacks);
    ok(blob_space(store, &bytes, &inodes));
    ck_assert_uint_gt(bytes, 512 << 10);
    ck_assert_uint_le(bytes, 1 << 20);
    ck_assert_uint_gt(inodes, 0);
    fails(ERR_NO_SPACE, fill(&big, 32));
    fails(ERR_NOT_FOUND, blob_open(store, &big, &r));
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), 0);
    ok(blob_space(store, &bytes_after, &inodes));
    ck_assert_uint_eq(bytes_after, bytes);
    ok(fill(&small, 4)); /* and in service again */
    ok(blob_remove(store, &small));
}

START_TEST(a_full_disk_is_no_space_and_leaves_nothing)
{
    dir = scratch_new();
    if (!scratch_mount_tiny(&dir, "size=1m,nr_inodes=64"))
        return; /* the limit of file size below stands in for it */
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
    {
        struct uuid first = put_object("makes the folders");

        ok(blob_remove(store, &first));
    }
    full_and_back(0);
    full_and_back(BLOB_FS_NO_TMPFILE);
    blob_store_free(store);
}
END_TEST

START_TEST(exhausted_inodes_are_no_space)
{
    struct uuid id = uuid_new();
    struct blob_writer *w = NULL;
    char name[32];

    dir = scratch_new();
    if (!scratch_mount_tiny(&dir, "size=1m,nr_inodes=16"))
        return;
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
    for (int i = 0; i < 16; i++) {
        int fd;

        (void)snprintf(name, sizeof(name), "filler%d", i);
        fd = open(scratch_path(&dir, name), O_CREAT | O_WRONLY, 0600);
        if (fd >= 0)
            (void)close(fd);
    }
    fails(ERR_NO_SPACE, blob_begin(store, &id, &w));
    blob_fs_pretend(store, BLOB_FS_NO_TMPFILE);
    fails(ERR_NO_SPACE, blob_begin(store, &id, &w));
    ck_assert_ptr_null(w);
    blob_store_free(store);
}
END_TEST

START_TEST(a_limit_of_file_size_is_no_space)
{
    struct rlimit limit = {.rlim_cur = 256 << 10, .rlim_max = RLIM_INFINITY};
    struct uuid id = uuid_new();

    open_store();
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fails(ERR_NO_SPACE, fill(&id, 8));
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ok(fill(&id, 8));
    close_store();
}
END_TEST

START_TEST(exhausted_descriptors_are_busy_and_pass)
{
    struct rlimit limit;
    struct uuid id;
    struct blob_writer *w = NULL;
    struct blob_reader *r = NULL;

    open_store();
    id = put_object("x");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    {
        struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};

        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        fails(ERR_BUSY, blob_begin(store, &id, &w));
        fails(ERR_BUSY, blob_open(store, &id, &r));
        fails(ERR_BUSY, blob_each(store, object_remove, NULL));
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    object_reads(&id, "x");
    close_store();
}
END_TEST

/* --- calls that fail ---------------------------------------------------------------------- */
START_TEST(a_flush_that_fails_is_final)
{
    struct uuid id = uuid_new();
    AUTO(blob_reader_free) struct blob_reader *r = NULL;
    struct blob_writer *w;

    open_store();
    ok(blob_begin(store, &id, &w));
    ok(blob_append(w, "x", 1));
    scratch_fail_call(SYS_fsync, ENOSPC); /* whatever it says, it is not to be tried again */
    fails(ERR_IO, blob_flush(w));
    fails(ERR_IO, blob_flush(w));
    fails(ERR_IO, blob_publish(w));
    blob_writer_free(w);
    fails(ERR_NOT_FOUND, blob_open(store, &id, &r));
    close_store();
}
END_TEST

START_TEST(names_that_cannot_be_made_durable_are_not_believed)
{
    struct uuid id = uuid_new(), known;
    struct blob_writer *w;

    open_store();
    known = put_object("before");
    ok(blob_begin(store, &id, &w));
    ok(blob_flush(w));
    ok(blob_publish(w));
    scratch_fail_call(SYS_fsync, EIO);
    fails(ERR_IO, blob_sync_folders(store, &w, 1));
    fails(ERR_IO, blob_remove(store, &known));
    blob_discard(w);
    blob_writer_free(w);
    fails(ERR_IO,
          blob_store_open_fs(scratch_path(&dir, "other"), &(struct blob_store *){NULL}));
    close_store();
}
END_TEST

START_TEST(a_link_that_fails_leaves_nothing)
{
    struct uuid id = uuid_new();
    struct blob_writer *w;

    open_store();
    ok(blob_begin(store, &id, &w));
    ok(blob_flush(w));
    scratch_fail_call(SYS_linkat, EIO);
    fails(ERR_IO, blob_publish(w));
    blob_writer_free(w);
    ck_assert_uint_eq(objects(), 0);
    close_store();
}
END_TEST

START_TEST(a_read_that_fails_is_an_error)
{
    struct blob_reader *r;
    struct uuid id;
    char out[8];

    open_store();
    id = put_object("12345678");
    ok(blob_open(store, &id, &r));
    scratch_fail_call(SYS_pread64, EIO);
    fails(ERR_IO, blob_read(r, 0, out, 8));
    blob_reader_free(r);
    close_store();
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "storage/blob_failures", a_truncated_object_is_corrupt_and_not_short,
        a_start_sweeps_the_leftovers_of_the_dead, a_start_spares_the_unfinished_of_the_living,
        a_full_disk_is_no_space_and_leaves_nothing, exhausted_inodes_are_no_space,
        a_limit_of_file_size_is_no_space, exhausted_descriptors_are_busy_and_pass,
        a_flush_that_fails_is_final, names_that_cannot_be_made_durable_are_not_believed,
        a_link_that_fails_leaves_nothing, a_read_that_fails_is_an_error);
}
