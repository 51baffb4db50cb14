/* Objects that are written over a longer time: they outlive writers, stores and failures, and
 * are never written over. */
#include "tests/unit/storage/blob_world.h"

/* --- the way of a part -------------------------------------------------------------------- */
static void a_whole_life(unsigned lacks)
{
    struct uuid id = uuid_new(), object = uuid_new();
    struct blob_writer *w = NULL;

    blob_fs_pretend(store, lacks);
    ok(blob_part_begin(store, &id, &w));
    ck_assert_uint_eq(stat_of(part_file(&id)).st_mode & 07777, 0600);
    ok(blob_append(w, "first ", 6));
    ok(blob_flush(w));
    ok(blob_flush(w)); /* nothing new */
    part_reads(&id, "first ");
    ok(blob_append(w, "second ", 7));
    ok(blob_append(w, "", 0));
    ok(blob_flush(w));
    blob_writer_free(w);
    part_reads(&id, "first second ");

    reopen_store(); /* sweeps partial/, not these */
    blob_fs_pretend(store, lacks);
    ok(blob_part_resume(store, &id, 13, &w));
    ck_assert_uint_eq(blob_written(w), 13);
    ok(blob_append(w, "third", 5));
    ck_assert_uint_eq(blob_written(w), 18);
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    no_object(&object);
    ok(blob_publish(w));
    ok(blob_sync_folders(store, &w, 1));
    object_reads(&object, "first second third");
    blob_writer_free(w);
    object_reads(&object, "first second third");
    ck_assert_uint_eq(stat_of(object_file(&object)).st_mode & 07777, 0400);
    ck_assert_uint_eq(stat_of(object_file(&object)).st_nlink, 1);
    no_part(&id);
    no_object(&id);
    ck_assert_uint_eq(parts(), 0);
    ok(blob_remove(store, &object));
}

START_TEST(a_part_goes_on_and_becomes_an_object)
{
    (void)umask(0);
    open_store();
    for (unsigned lacks = 0; lacks < 8; lacks++)
        a_whole_life(lacks);
    close_store();
}
END_TEST

START_TEST(a_part_without_another_name_is_published_under_its_own)
{
    struct uuid id;
    struct blob_writer *w;

    open_store();
    id = put_part("text");
    ok(blob_part_resume(store, &id, 4, &w));
    ok(blob_flush(w)); /* who publishes has flushed, also what it found */
    ok(blob_publish(w));
    blob_writer_free(w);
    object_reads(&id, "text");
    close_store();
}
END_TEST

START_TEST(another_object_may_be_published_under_another_name_too)
{
    struct uuid id = uuid_new(), object = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;

    open_store();
    ok(blob_begin(store, &id, &w));
    ok(blob_append(w, "x", 1));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    ok(blob_publish(w));
    object_reads(&object, "x");
    no_object(&id);
    blob_writer_free(TAKE(w));
    close_store();
}
END_TEST

START_TEST(a_part_is_begun_once)
{
    struct uuid id;
    struct blob_writer *w = NULL;

    open_store();
    id = put_part("mine");
    fails(ERR_EXISTS, blob_part_begin(store, &id, &w));
    ck_assert_ptr_null(w);
    part_reads(&id, "mine");
    ok(blob_part_remove(store, &id));
    no_part(&id);
    close_store();
}
END_TEST

START_TEST(only_who_knows_its_size_goes_on)
{
    static const uint64_t wrong[] = {0, 3, 5, UINT64_MAX};
    struct uuid id;
    struct blob_writer *w = NULL;

    open_store();
    id = put_part("four");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        fails(ERR_CORRUPT, blob_part_resume(store, &id, wrong[i], &w));
    ck_assert_ptr_null(w);
    part_reads(&id, "four");
    close_store();
}
END_TEST

START_TEST(two_writers_never_write_over_each_other)
{
    struct uuid id;
    struct blob_writer *a, *b;

    open_store();
    id = put_part("--");
    ok(blob_part_resume(store, &id, 2, &a));
    ok(blob_part_resume(store, &id, 2, &b));
    ok(blob_append(a, "aa", 2));
    ok(blob_append(b, "bb", 2));
    blob_writer_free(a);
    blob_writer_free(b);
    part_reads(&id, "--aabb");
    close_store();
}
END_TEST

START_TEST(free_keeps_and_discard_removes)
{
    struct uuid kept = uuid_new(), flushed = uuid_new(), gone = uuid_new();
    struct blob_writer *w;

    open_store();
    ok(blob_part_begin(store, &kept, &w));
    ok(blob_append(w, "kept", 4));
    blob_writer_free(w);
    part_reads(&kept, "kept");
    ok(blob_part_begin(store, &flushed, &w));
    ok(blob_flush(w));
    blob_discard(w);
    blob_discard(w);
    blob_writer_free(w);
    no_part(&flushed);
    ok(blob_part_begin(store, &gone, &w));
    ok(blob_append(w, "gone", 4));
    blob_discard(w);
    blob_writer_free(w);
    no_part(&gone);
    ck_assert_uint_eq(parts(), 1);
    close_store();
}
END_TEST

/* What lives no longer than its writer needs no name. */
START_TEST(a_reader_follows_a_part_that_lost_its_name)
{
    struct uuid id = uuid_new();
    struct blob_writer *w;
    struct blob_reader *r;
    char got[4];

    open_store();
    ok(blob_part_begin(store, &id, &w));
    ok(blob_part_open(store, &id, &r));
    ok(blob_part_remove(store, &id));
    ck_assert_uint_eq(parts(), 0);
    ok(blob_append(w, "abcd", 4));
    fails(ERR_CORRUPT, blob_read(r, 0, got, 4));
    blob_follow(r, w);
    ck_assert_uint_eq(blob_size(r), 4);
    ok(blob_read(r, 0, got, 4));
    ck_assert_mem_eq(got, "abcd", 4);
    blob_discard(w);
    blob_writer_free(w);
    ok(blob_read(r, 1, got, 3));
    blob_reader_free(r);
    close_store();
}
END_TEST

START_TEST(the_death_of_its_process_leaves_a_part)
{
    struct uuid id = uuid_new();
    struct blob_writer *w = NULL;
    pid_t child;
    int status;

    open_store();
    child = fork();
    if (child == 0)
        _exit(blob_part_begin(store, &id, &w) == ERR_OK && blob_append(w, "half", 4) == ERR_OK
                  ? 0
                  : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    reopen_store();
    part_reads(&id, "half");
    close_store();
}
END_TEST

/* --- publishing that comes to nothing ----------------------------------------------------- */
static void take_back(struct blob_writer *w, const struct uuid *id, const struct uuid *object)
{
    blob_discard(w);
    blob_writer_free(w);
    no_object(object);
    ck_assert_uint_eq(stat_of(part_file(id)).st_mode & 07777, 0600);
    ok(blob_part_resume(store, id, 4, &w)); /* and may go on, and be published */
    ok(blob_append(w, " more", 5));
    ok(blob_flush(w));
    blob_publish_as(w, object);
    ok(blob_publish(w));
    blob_writer_free(w);
    object_reads(object, "text more");
    no_part(id);
}

START_TEST(a_failed_commit_leaves_the_part)
{
    struct uuid id, object = uuid_new();
    struct blob_writer *w;

    open_store();
    id = put_part("text");
    ok(blob_part_resume(store, &id, 4, &w));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    ok(blob_publish(w));
    ok(blob_sync_folders(store, &w, 1));
    take_back(w, &id, &object);
    close_store();
}
END_TEST

/* What the committer does with a blob that cannot be published must not cost the bytes. */
START_TEST(a_taken_name_leaves_both)
{
    struct uuid first, second, object = uuid_new();
    struct blob_writer *w;

    open_store();
    first = put_part("first");
    ok(blob_part_resume(store, &first, 5, &w));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    ok(blob_publish(w));
    blob_writer_free(w);
    second = put_part("text");
    ok(blob_part_resume(store, &second, 4, &w));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    fails(ERR_EXISTS, blob_publish(w));
    fails(ERR_IO, blob_append(w, "x", 1));
    object_reads(&object, "first");
    ok(blob_remove(store, &object));
    take_back(w, &second, &object);
    close_store();
}
END_TEST

START_TEST(a_crash_before_the_commit_leaves_a_part_that_only_reads)
{
    struct uuid id, object = uuid_new();
    struct blob_writer *w = NULL;
    pid_t child;
    int status;

    open_store();
    id = put_part("text");
    child = fork();
    if (child == 0) {
        if (blob_part_resume(store, &id, 4, &w) != ERR_OK || blob_flush(w) != ERR_OK)
            _exit(1);
        blob_publish_as(w, &object);
        _exit(blob_publish(w) == ERR_OK ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    reopen_store();
    object_reads(&object, "text");
    part_reads(&id, "text");
    fails(ERR_CORRUPT, blob_part_resume(store, &id, 4, &w)); /* it would change the object */
    ok(blob_remove(store, &object));                         /* an orphan, swept */
    part_reads(&id, "text");
    ok(blob_part_remove(store, &id));
    close_store();
}
END_TEST

START_TEST(an_object_is_as_old_as_its_publishing)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    struct uuid id, object = uuid_new();
    struct blob_writer *w;

    open_store();
    id = put_part("text");
    ck_assert_int_eq(utimensat(AT_FDCWD, part_file(&id), long_ago, 0), 0);
    ok(blob_part_resume(store, &id, 4, &w));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    ok(blob_publish(w));
    ck_assert_int_gt(stat_of(object_file(&object)).st_mtim.tv_sec, 1500000000);
    blob_writer_free(w);
    close_store();
}
END_TEST

/* --- walking ------------------------------------------------------------------------------ */
static struct uuid seen[8];
static size_t n_seen;

static enum err see(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    ck_assert_ptr_eq(ctx, &n_seen);
    ck_assert_uint_eq(size, 4);
    ck_assert_int_gt(mtime, INT64_C(1500000000000000));
    ck_assert_uint_lt(n_seen, ARRAY_LEN(seen));
    seen[n_seen++] = *id;
    return ERR_OK;
}

static enum err stop(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    (void)id, (void)size, (void)mtime;
    ++*(size_t *)ctx;
    return ERR_TIMEOUT;
}

static void touch(const char *name)
{
    int fd = open(scratch_path(&dir, name), O_WRONLY | O_CREAT | O_EXCL, 0600);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

START_TEST(a_walk_sees_the_parts_and_nothing_else)
{
    struct uuid a, b, object = uuid_new();
    struct blob_writer *w;
    size_t calls = 0;

    open_store();
    ok(blob_part_each(store, see, &n_seen));
    ck_assert_uint_eq(n_seen, 0);
    a = put_part("aaaa");
    b = put_part("bbbb");
    ok(blob_begin(store, &object, &w));
    ok(blob_flush(w));
    ok(blob_publish(w));
    blob_writer_free(w);
    touch("store/parts/notes.txt");
    touch("store/parts/0193ab7c-1234-7abc-8def-0123456789ab.age");
    touch("store/parts/0193AB7C-1234-7ABC-8DEF-0123456789AB.part");
    touch("store/parts/0193ab7c-1234-7abc-8def-0123456789abc.part");
    ck_assert_int_eq(
        symlink("/etc/passwd",
                scratch_path(&dir, "store/parts/0193ab7c-1234-7abc-8def-000000000001.part")),
        0);
    ck_assert_int_eq(
        mkdir(scratch_path(&dir, "store/parts/0193ab7c-1234-7abc-8def-000000000002.part"),
              0700),
        0);
    ok(blob_part_each(store, see, &n_seen));
    ck_assert_uint_eq(n_seen, 2);
    ck_assert(uuid_equal(&seen[0], &a) || uuid_equal(&seen[0], &b));
    ck_assert(uuid_equal(&seen[1], &a) || uuid_equal(&seen[1], &b));
    ck_assert(!uuid_equal(&seen[0], &seen[1]));
    fails(ERR_TIMEOUT, blob_part_each(store, stop, &calls));
    ck_assert_uint_eq(calls, 1);
    ok(blob_part_each(store, part_remove, NULL));
    no_part(&a);
    no_part(&b);
    close_store();
}
END_TEST

/* --- what somebody planted ---------------------------------------------------------------- */
static void nothing_of_ours(const struct uuid *id)
{
    struct blob_reader *r = NULL;
    struct blob_writer *w = NULL;

    fails(ERR_CORRUPT, blob_part_open(store, id, &r));
    fails(ERR_CORRUPT, blob_part_resume(store, id, 0, &w));
    fails(ERR_EXISTS, blob_part_begin(store, id, &w));
    ck_assert_ptr_null(r);
    ck_assert_ptr_null(w);
}

START_TEST(a_planted_link_or_pipe_is_not_a_part)
{
    struct uuid id = uuid_new();
    struct blob_writer *w;

    open_store();
    touch("outside");
    ck_assert_int_eq(symlink("../../outside", part_file(&id)), 0);
    nothing_of_ours(&id);
    ok(blob_part_remove(store, &id)); /* takes the link, not what it points at */
    ck_assert_int_eq(access(scratch_path(&dir, "outside"), F_OK), 0);
    ck_assert_int_eq(symlink("nowhere", part_file(&id)), 0); /* nor made through a link */
    fails(ERR_EXISTS, blob_part_begin(store, &id, &w));
    ok(blob_part_remove(store, &id));
    ck_assert_int_eq(mkfifo(part_file(&id), 0600), 0);
    nothing_of_ours(&id); /* and does not wait */
    ok(blob_part_remove(store, &id));
    ck_assert_int_eq(mkdir(part_file(&id), 0700), 0);
    nothing_of_ours(&id);
    close_store();
}
END_TEST

START_TEST(a_store_whose_folder_of_parts_is_a_link_is_refused)
{
    struct blob_store *none = NULL;

    dir = scratch_new();
    ck_assert_int_eq(mkdir(scratch_path(&dir, "store"), 0700), 0);
    ck_assert_int_eq(symlink("/tmp", scratch_path(&dir, "store/parts")), 0);
    fails(ERR_CORRUPT, blob_store_open_fs(scratch_path(&dir, "store"), &none));
    ck_assert_ptr_null(none);
    scratch_remove(&dir);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "storage/blob_parts", a_part_goes_on_and_becomes_an_object,
        a_part_without_another_name_is_published_under_its_own,
        another_object_may_be_published_under_another_name_too, a_part_is_begun_once,
        only_who_knows_its_size_goes_on, two_writers_never_write_over_each_other,
        free_keeps_and_discard_removes, a_reader_follows_a_part_that_lost_its_name,
        the_death_of_its_process_leaves_a_part, a_failed_commit_leaves_the_part,
        a_taken_name_leaves_both, a_crash_before_the_commit_leaves_a_part_that_only_reads,
        an_object_is_as_old_as_its_publishing, a_walk_sees_the_parts_and_nothing_else,
        a_planted_link_or_pipe_is_not_a_part,
        a_store_whose_folder_of_parts_is_a_link_is_refused);
}
