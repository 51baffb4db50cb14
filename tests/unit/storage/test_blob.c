/* Objects: written once, read, walked and removed, with and without what a kernel may lack. */
#include "tests/unit/storage/blob_world.h"

#include <pthread.h>

/* --- the way of an object, with and without what a kernel may lack ------------------------ */
static void a_whole_life(unsigned lacks)
{
    struct uuid id = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;
    AUTO(blob_reader_free) struct blob_reader *r = NULL;
    struct stat st;
    char out[8];

    blob_fs_pretend(store, lacks);
    ok(blob_begin(store, &id, &w));
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), (lacks & BLOB_FS_NO_TMPFILE) != 0);
    ok(blob_append(w, "sealed ", 7));
    ok(blob_append(w, "", 0));
    ok(blob_append(w, "bytes", 5));
    ck_assert_uint_eq(blob_written(w), 12);
    ok(blob_flush(w));
    fails(ERR_NOT_FOUND, blob_open(store, &id, &r));
    ok(blob_publish(w));
    ok(blob_sync_folders(store, &w, 1));
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), 0);

    ok(blob_open(store, &id, &r));
    ck_assert_uint_eq(blob_size(r), 12);
    ok(blob_read(r, 7, out, 5));
    ck_assert_mem_eq(out, "bytes", 5);
    ok(blob_read(r, 12, out, 0));
    fails(ERR_CORRUPT, blob_read(r, 8, out, 5));
    fails(ERR_CORRUPT, blob_read(r, UINT64_MAX, out, 2));
    ck_assert_int_eq(stat(object_file(&id), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0400);
    ck_assert_uint_eq(st.st_nlink, 1);

    ok(blob_remove(store, &id));
    fails(ERR_NOT_FOUND, blob_remove(store, &id));
    ok(blob_read(r, 0, out, 6)); /* who reads it reads on */
}

START_TEST(an_object_is_written_published_read_and_removed)
{
    open_store();
    a_whole_life(0);
    close_store();
}
END_TEST

START_TEST(every_lack_has_its_way_round)
{
    open_store();
    for (unsigned lacks = 0; lacks < 8; lacks++)
        a_whole_life(lacks);
    close_store();
}
END_TEST

START_TEST(an_empty_object_is_an_object)
{
    struct uuid id;

    open_store();
    id = put_object("");
    object_reads(&id, "");
    close_store();
}
END_TEST

START_TEST(a_large_object_passes_several_write_backs)
{
    enum { PIECE = 256 << 10, PIECES = 100 };
    static uint8_t piece[PIECE], back[PIECE];
    struct uuid id = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;
    AUTO(blob_reader_free) struct blob_reader *r = NULL;

    open_store();
    ok(blob_begin(store, &id, &w));
    for (int i = 0; i < PIECES; i++) {
        memset(piece, i, PIECE);
        ok(blob_append(w, piece, PIECE));
    }
    ok(blob_flush(w));
    ok(blob_publish(w));
    ok(blob_open(store, &id, &r));
    ck_assert_uint_eq(blob_size(r), (uint64_t)PIECE * PIECES);
    for (int i = 0; i < PIECES; i++) {
        memset(piece, i, PIECE);
        ok(blob_read(r, (uint64_t)PIECE * i, back, PIECE));
        ck_assert_mem_eq(piece, back, PIECE);
    }
    blob_reader_free(TAKE(r));
    blob_writer_free(TAKE(w));
    close_store();
}
END_TEST

/* --- write-once --------------------------------------------------------------------------- */
static void a_taken_name(unsigned lacks)
{
    struct uuid id;
    struct blob_writer *w;

    blob_fs_pretend(store, lacks);
    id = put_object("first");
    ok(blob_begin(store, &id, &w));
    ok(blob_append(w, "second", 6));
    ok(blob_flush(w));
    fails(ERR_EXISTS, blob_publish(w));
    blob_discard(w); /* must not take the first away */
    blob_discard(w); /* and may be repeated */
    blob_writer_free(w);
    object_reads(&id, "first");
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), 0);
}

START_TEST(a_taken_name_is_never_replaced)
{
    open_store();
    a_taken_name(0);
    a_taken_name(BLOB_FS_NO_TMPFILE);
    a_taken_name(BLOB_FS_NO_TMPFILE | BLOB_FS_NO_NOREPLACE);
    close_store();
}
END_TEST

static void unpublished(unsigned lacks)
{
    struct uuid id = uuid_new();
    struct blob_writer *w;

    blob_fs_pretend(store, lacks);
    ok(blob_begin(store, &id, &w));
    ok(blob_append(w, "half", 4));
    blob_writer_free(w);
    ok(blob_begin(store, &id, &w));
    ok(blob_flush(w));
    blob_discard(w);
    blob_writer_free(w);
    ck_assert_uint_eq(scratch_count(&dir, "store/partial"), 0);
    ck_assert_uint_eq(scratch_count(&dir, "store/objects"), 0);
}

START_TEST(what_is_not_published_leaves_nothing)
{
    open_store();
    unpublished(0);
    unpublished(BLOB_FS_NO_TMPFILE);
    blob_writer_free(NULL);
    blob_reader_free(NULL);
    blob_store_free(NULL);
    close_store();
}
END_TEST

START_TEST(a_published_object_goes_only_by_discard)
{
    struct uuid kept = uuid_new(), gone = uuid_new();
    struct blob_writer *w;

    open_store();
    ok(blob_begin(store, &kept, &w));
    ok(blob_append(w, "kept", 4));
    ok(blob_flush(w));
    ok(blob_publish(w));
    blob_writer_free(w);
    ok(blob_begin(store, &gone, &w));
    ok(blob_append(w, "gone", 4));
    ok(blob_flush(w));
    ok(blob_publish(w));
    blob_discard(w);
    blob_writer_free(w);
    object_reads(&kept, "kept");
    ck_assert_uint_eq(objects(), 1);
    close_store();
}
END_TEST

START_TEST(a_second_store_over_the_same_folder_sees_the_same)
{
    struct uuid id;

    open_store();
    id = put_object("durable");
    blob_store_free(store);
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
    object_reads(&id, "durable");
    close_store();
}
END_TEST

START_TEST(folders_are_ours_alone)
{
    static const char *const names[] = {"store", "store/objects", "store/partial",
                                        "store/parts"};
    struct stat st;

    (void)umask(0);
    open_store();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ck_assert_int_eq(stat(scratch_path(&dir, names[i]), &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0700);
    }
    close_store();
}
END_TEST

START_TEST(a_store_that_cannot_be_made_says_so)
{
    struct blob_store *none = NULL;
    FILE *f;

    dir = scratch_new();
    fails(ERR_NOT_FOUND, blob_store_open_fs(scratch_path(&dir, "a/b"), &none));
    f = fopen(scratch_path(&dir, "file"), "w");
    ck_assert_ptr_nonnull(f);
    (void)fclose(f);
    fails(ERR_IO, blob_store_open_fs(scratch_path(&dir, "file"), &none));
    ck_assert_ptr_null(none);
    scratch_remove(&dir);
}
END_TEST

/* --- many folders ------------------------------------------------------------------------- */
START_TEST(more_folders_than_are_kept_open)
{
    enum { N = 3 * FOLDERS_KEPT };
    struct blob_writer *w[2 * N];
    struct uuid ids[2 * N];

    open_store();
    for (int i = 0; i < 2 * N; i++) {
        ids[i] = uuid_new();
        ids[i].bytes[2] = (uint8_t)(i % 2);
        ids[i].bytes[3] = (uint8_t)(i % N);
        ok(blob_begin(store, &ids[i], &w[i]));
        ok(blob_append(w[i], "x", 1));
        ok(blob_flush(w[i]));
        ok(blob_publish(w[i]));
    }
    ok(blob_sync_folders(store, w, 2 * N));
    ok(blob_sync_folders(store, w, 0));
    for (int i = 0; i < 2 * N; i++) {
        blob_writer_free(w[i]);
        object_reads(&ids[i], "x");
    }
    ck_assert_uint_eq(objects(), 2 * N);
    close_store();
}
END_TEST

static enum err stop_at_two(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    size_t *n = ctx;

    (void)id, (void)size, (void)mtime;
    return ++*n == 2 ? err_set(ERR_EXPIRED, "enough") : ERR_OK;
}

START_TEST(a_walk_stops_at_the_first_error)
{
    size_t n = 0;

    open_store();
    for (int i = 0; i < 4; i++)
        (void)put_object("x");
    fails(ERR_EXPIRED, blob_each(store, stop_at_two, &n));
    ck_assert_uint_eq(n, 2);
    close_store();
}
END_TEST

START_TEST(a_walk_may_remove_what_it_sees)
{
    open_store();
    for (int i = 0; i < 300; i++)
        (void)put_object("x");
    ok(blob_each(store, object_remove, NULL));
    ck_assert_uint_eq(objects(), 0);
    close_store();
}
END_TEST

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

START_TEST(a_walk_passes_by_what_is_foreign)
{
    struct uuid id, other;
    char folder[PATH_MAX], path[PATH_MAX + 64];

    open_store();
    id = put_object("mine");
    (void)snprintf(folder, sizeof(folder), "%s", object_file(&id));
    *strrchr(folder, '/') = '\0';
    (void)snprintf(path, sizeof(path), "%s/notes.txt", folder);
    touch(path);
    (void)snprintf(path, sizeof(path), "%s/0193AB7C-0000-7000-8000-000000000000.age", folder);
    touch(path);
    other = id;
    other.bytes[3] ^= 1; /* belongs elsewhere */
    uuid_format(&other, path + strlen(folder) + 1);
    (void)strcat(path, ".age");
    touch(path);
    other = id;
    other.bytes[15] ^= 1;
    uuid_format(&other, path + strlen(folder) + 1);
    (void)strcat(path, ".age");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    touch(scratch_path(&dir, "store/objects/abcdef"));
    touch(scratch_path(&dir, "store/objects/README"));
    ck_assert_int_eq(symlink("/etc", scratch_path(&dir, "store/objects/fedcba")), 0);
    ck_assert_uint_eq(objects(), 1);
    close_store();
}
END_TEST

/* --- what somebody planted ---------------------------------------------------------------- */
static void replace_by_link(const char *path, const char *target)
{
    ck_assert_int_eq(remove(path), 0);
    ck_assert_int_eq(symlink(target, path), 0);
}

static void a_planted_object(unsigned lacks)
{
    struct blob_reader *r = NULL;
    struct uuid id;

    blob_fs_pretend(store, lacks);
    id = put_object("mine");
    replace_by_link(object_file(&id), "/etc/passwd");
    fails(ERR_CORRUPT, blob_open(store, &id, &r));
    ok(blob_remove(store, &id)); /* takes the link, not what it points at */
    ck_assert_int_eq(access("/etc/passwd", F_OK), 0);

    id = put_object("mine");
    ck_assert_int_eq(remove(object_file(&id)), 0);
    ck_assert_int_eq(mkfifo(object_file(&id), 0600), 0);
    fails(ERR_CORRUPT, blob_open(store, &id, &r)); /* and does not wait for a writer */
    ck_assert_int_eq(remove(object_file(&id)), 0);
    ck_assert_int_eq(mkdir(object_file(&id), 0700), 0);
    fails(ERR_CORRUPT, blob_open(store, &id, &r));
    ck_assert_int_eq(remove(object_file(&id)), 0);
    ck_assert_ptr_null(r);
}

START_TEST(a_planted_link_or_pipe_is_not_an_object)
{
    open_store();
    a_planted_object(0);
    a_planted_object(BLOB_FS_NO_OPENAT2);
    close_store();
}
END_TEST

/* A folder on the way is a link to a place outside: neither read, nor written, nor removed
 * through. */
static void a_planted_folder(unsigned lacks, const char *target, const char *link_name)
{
    struct uuid id = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;
    AUTO(blob_reader_free) struct blob_reader *r = NULL;

    blob_fs_pretend(store, lacks);
    memcpy(id.bytes, (const uint8_t[]){0x01, 0x02, 0x03, 0x04}, 4);
    ck_assert_int_eq(symlink(target, scratch_path(&dir, link_name)), 0);
    ok(blob_begin(store, &id, &w));
    ok(blob_flush(w));
    fails(ERR_CORRUPT, blob_publish(w));
    fails(ERR_IO, blob_publish(w)); /* failed once, failed for ever */
    fails(ERR_CORRUPT, blob_open(store, &id, &r));
    fails(ERR_CORRUPT, blob_remove(store, &id));
    ck_assert_uint_eq(scratch_count(&dir, "outside/04"), 0);
    ck_assert_int_eq(unlink(scratch_path(&dir, link_name)), 0);
}

START_TEST(a_planted_folder_is_not_entered)
{
    open_store();
    ck_assert_int_eq(mkdir(scratch_path(&dir, "outside"), 0700), 0);
    ck_assert_int_eq(mkdir(scratch_path(&dir, "outside/04"), 0700), 0);
    a_planted_folder(0, "../../outside", "store/objects/010203");
    a_planted_folder(BLOB_FS_NO_OPENAT2, "../../outside", "store/objects/010203");
    ck_assert_int_eq(mkdir(scratch_path(&dir, "store/objects/010203"), 0700), 0);
    a_planted_folder(0, "../../../outside/04", "store/objects/010203/04");
    a_planted_folder(BLOB_FS_NO_OPENAT2, "../../../outside/04", "store/objects/010203/04");
    close_store();
}
END_TEST

START_TEST(a_store_whose_own_folder_is_a_link_is_refused)
{
    struct blob_store *none = NULL;

    dir = scratch_new();
    ck_assert_int_eq(mkdir(scratch_path(&dir, "store"), 0700), 0);
    ck_assert_int_eq(symlink("/tmp", scratch_path(&dir, "store/objects")), 0);
    fails(ERR_CORRUPT, blob_store_open_fs(scratch_path(&dir, "store"), &none));
    ck_assert_ptr_null(none);
    scratch_remove(&dir);
}
END_TEST

START_TEST(a_kernel_without_openat2_is_found_out)
{
    open_store();
    scratch_fail_call(SYS_openat2, ENOSYS);
    a_whole_life(0);
    a_planted_object(0);
    close_store();
}
END_TEST

START_TEST(a_filter_that_forbids_openat2_is_found_out)
{
    open_store();
    scratch_fail_call(SYS_openat2, EPERM);
    a_whole_life(0);
    close_store();
}
END_TEST

START_TEST(a_file_system_without_noreplace_is_found_out)
{
    open_store();
    scratch_fail_call(SYS_renameat2, EINVAL);
    a_whole_life(BLOB_FS_NO_TMPFILE);
    a_taken_name(BLOB_FS_NO_TMPFILE);
    close_store();
}
END_TEST

/* --- threads ------------------------------------------------------------------------------ */
enum { THREADS = 8, EACH = 40 };

static void *upload_many(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < EACH; i++) {
        struct uuid id = uuid_new();
        AUTO(blob_writer_free) struct blob_writer *w = NULL;

        id.bytes[3] = (uint8_t)(rand_r(&seed) % (2 * FOLDERS_KEPT)); /* the cache turns over */
        ok(blob_begin(store, &id, &w));
        ok(blob_append(w, "threaded", 8));
        ok(blob_flush(w));
        ok(blob_publish(w));
        ok(blob_sync_folders(store, &w, 1));
        object_reads(&id, "threaded");
    }
    return NULL;
}

START_TEST(threads_share_a_store)
{
    pthread_t threads[THREADS];

    open_store();
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, upload_many, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(objects(), THREADS * EACH);
    close_store();
}
END_TEST

/* Of many who want one name exactly one gets it. */
static struct uuid contested;

static void *contend(void *arg)
{
    AUTO(blob_writer_free) struct blob_writer *w = NULL;
    enum err e;

    ok(blob_begin(store, &contested, &w));
    ok(blob_append(w, "one", 3));
    ok(blob_flush(w));
    e = blob_publish(w);
    ck_assert(e == ERR_OK || e == ERR_EXISTS);
    *(bool *)arg = e == ERR_OK;
    return NULL;
}

START_TEST(one_name_has_one_winner)
{
    pthread_t threads[THREADS];
    bool won[THREADS];
    int winners = 0;

    open_store();
    contested = uuid_new();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, contend, &won[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        winners += won[i];
    }
    ck_assert_int_eq(winners, 1);
    object_reads(&contested, "one");
    close_store();
}
END_TEST

START_TEST(names_follow_the_layout)
{
    char path[OBJECT_PATH_SIZE];
    struct uuid id, back;

    ok(uuid_parse("0193ab7c-1234-7abc-8def-0123456789ab", &id));
    object_path(&id, path);
    ck_assert_str_eq(path, "0193ab/7c/0193ab7c-1234-7abc-8def-0123456789ab.age");
    ck_assert(object_name_parse("0193ab7c-1234-7abc-8def-0123456789ab.age", &back));
    ck_assert(uuid_equal(&id, &back));
    ck_assert(!object_name_parse("0193AB7C-1234-7abc-8def-0123456789ab.age", &back));
    ck_assert(!object_name_parse("0193ab7c-1234-7abc-8def-0123456789ab.agf", &back));
    ck_assert(!object_name_parse("0193ab7c-1234-7abc-8def-0123456789a.age", &back));
    ck_assert(!object_name_parse("", &back));
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "storage/blob", an_object_is_written_published_read_and_removed,
        every_lack_has_its_way_round, an_empty_object_is_an_object,
        a_large_object_passes_several_write_backs, a_taken_name_is_never_replaced,
        what_is_not_published_leaves_nothing, a_published_object_goes_only_by_discard,
        a_second_store_over_the_same_folder_sees_the_same, folders_are_ours_alone,
        a_store_that_cannot_be_made_says_so, more_folders_than_are_kept_open,
        a_walk_stops_at_the_first_error, a_walk_may_remove_what_it_sees,
        a_walk_passes_by_what_is_foreign, a_planted_link_or_pipe_is_not_an_object,
        a_planted_folder_is_not_entered, a_store_whose_own_folder_is_a_link_is_refused,
        a_kernel_without_openat2_is_found_out, a_filter_that_forbids_openat2_is_found_out,
        a_file_system_without_noreplace_is_found_out, threads_share_a_store,
        one_name_has_one_winner, names_follow_the_layout);
}
