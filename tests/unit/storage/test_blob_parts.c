/* Objects that are written over a longer time: they outlive writers, stores and failures, and
 * are never written over. */
#include "storage/blob.h"

#include "storage/blob_folder.h"
#include "storage/blob_fs.h"
#include "tests/unit/storage/scratch.h"

#include <sys/wait.h>

static struct scratch dir;
static struct blob_store *store;

static void open_store(void)
{
    dir = scratch_new();
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
}

static void close_store(void)
{
    blob_store_free(store);
    scratch_remove(&dir);
}

static void reopen_store(void)
{
    blob_store_free(store);
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
}

static const char *part_file(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE], name[128];

    uuid_format(id, text);
    (void)snprintf(name, sizeof(name), "store/parts/%s.part", text);
    return scratch_path(&dir, name);
}

static const char *object_file(const struct uuid *id)
{
    char path[OBJECT_PATH_SIZE], name[128];

    object_path(id, path);
    (void)snprintf(name, sizeof(name), "store/objects/%s", path);
    return scratch_path(&dir, name);
}

static struct stat stat_of(const char *path)
{
    struct stat st;

    ck_assert_int_eq(lstat(path, &st), 0);
    return st;
}

static size_t parts(void)
{
    return scratch_count(&dir, "store/parts");
}

static void read_all(struct blob_reader *r, const char *text)
{
    char out[256] = "";

    ck_assert_uint_eq(blob_size(r), strlen(text));
    ok(blob_read(r, 0, out, strlen(text)));
    ck_assert_str_eq(out, text);
    blob_reader_free(r);
}

static void part_reads(const struct uuid *id, const char *text)
{
    struct blob_reader *r;

    ok(blob_part_open(store, id, &r));
    read_all(r, text);
}

static void object_reads(const struct uuid *id, const char *text)
{
    struct blob_reader *r;

    ok(blob_open(store, id, &r));
    read_all(r, text);
}

static void no_object(const struct uuid *id)
{
    struct blob_reader *r = NULL;

    fails(ERR_NOT_FOUND, blob_open(store, id, &r));
}

static void no_part(const struct uuid *id)
{
    struct blob_reader *r = NULL;
    struct blob_writer *w = NULL;

    fails(ERR_NOT_FOUND, blob_part_open(store, id, &r));
    fails(ERR_NOT_FOUND, blob_part_resume(store, id, 0, &w));
    fails(ERR_NOT_FOUND, blob_part_remove(store, id));
}

static struct uuid put(const char *text)
{
    struct uuid id = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;

    ok(blob_part_begin(store, &id, &w));
    ok(blob_append(w, text, strlen(text)));
    ok(blob_flush(w));
    return id;
}

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
    id = put("text");
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
    id = put("mine");
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
    id = put("four");
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
    id = put("--");
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
    id = put("text");
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
    first = put("first");
    ok(blob_part_resume(store, &first, 5, &w));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    ok(blob_publish(w));
    blob_writer_free(w);
    second = put("text");
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
    id = put("text");
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
    id = put("text");
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

static enum err remove_it(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    (void)ctx, (void)size, (void)mtime;
    return blob_part_remove(store, id);
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
    a = put("aaaa");
    b = put("bbbb");
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
    ok(blob_part_each(store, remove_it, NULL));
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

/* --- no room, and calls that fail --------------------------------------------------------- */
START_TEST(a_full_disk_leaves_what_was_flushed)
{
    static uint8_t piece[64 << 10];
    struct rlimit limit = {.rlim_cur = 100 << 10, .rlim_max = RLIM_INFINITY};
    struct blob_reader *r;
    struct blob_writer *w = NULL;
    struct uuid id = uuid_new();

    open_store();
    ok(blob_part_begin(store, &id, &w));
    ok(blob_append(w, piece, sizeof(piece)));
    ok(blob_flush(w));
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fails(ERR_NO_SPACE, blob_append(w, piece, sizeof(piece)));
    fails(ERR_IO, blob_append(w, piece, 1)); /* not to be mended by this writer */
    fails(ERR_IO, blob_flush(w));
    fails(ERR_IO, blob_publish(w));
    blob_writer_free(w);
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* A piece of the second write stands behind what was flushed: nothing goes on over it. */
    fails(ERR_CORRUPT, blob_part_resume(store, &id, sizeof(piece), &w));
    ok(blob_part_open(store, &id, &r));
    ck_assert_uint_ge(blob_size(r), sizeof(piece));
    ok(blob_read(r, 0, piece, sizeof(piece)));
    blob_reader_free(r);
    close_store();
}
END_TEST

START_TEST(exhausted_descriptors_are_busy_and_pass)
{
    struct rlimit limit;
    struct uuid id, other = uuid_new();
    struct blob_writer *w = NULL;
    struct blob_reader *r = NULL;

    open_store();
    id = put("text");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    {
        struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};

        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        fails(ERR_BUSY, blob_part_begin(store, &other, &w));
        fails(ERR_BUSY, blob_part_resume(store, &id, 4, &w));
        fails(ERR_BUSY, blob_part_open(store, &id, &r));
        fails(ERR_BUSY, blob_part_each(store, remove_it, NULL));
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    part_reads(&id, "text");
    ck_assert_uint_eq(parts(), 1);
    close_store();
}
END_TEST

START_TEST(a_flush_that_fails_is_final)
{
    struct uuid id = uuid_new();
    struct blob_writer *w;

    open_store();
    ok(blob_part_begin(store, &id, &w));
    ok(blob_append(w, "x", 1));
    scratch_fail_call(SYS_fsync, ENOSPC);
    fails(ERR_IO, blob_flush(w));
    fails(ERR_IO, blob_flush(w));
    fails(ERR_IO, blob_append(w, "y", 1));
    fails(ERR_IO, blob_publish(w));
    fails(ERR_IO, blob_part_remove(store, &id)); /* gone, but not believed */
    blob_writer_free(w);
    close_store();
}
END_TEST

/* Every fsync fails but that of these two descriptors. */
static void fail_fsync_but(int a, int b)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsync, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)a, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)b, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(filter), .filter = filter};

    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The descriptor that the next open will get. */
static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    return fd;
}

START_TEST(a_name_that_cannot_be_made_durable_is_not_believed)
{
    struct uuid id = uuid_new();
    struct blob_writer *w, *resumed;
    int of_first, of_second;

    open_store();
    of_first = next_descriptor();
    ok(blob_part_begin(store, &id, &w));
    ok(blob_append(w, "x", 1));
    of_second = next_descriptor();
    ok(blob_part_resume(store, &id, 1, &resumed));
    fail_fsync_but(of_first, of_second);
    ck_assert_int_eq(fsync(of_first), 0); /* the files can be flushed, their folder cannot */
    ck_assert_int_eq(fsync(of_second), 0);
    fails(ERR_IO, blob_flush(w));
    fails(ERR_IO, blob_flush(resumed)); /* who made the name may have died before */
    fails(ERR_IO, blob_publish(w));
    blob_writer_free(w);
    blob_writer_free(resumed);
    ck_assert_uint_eq(parts(), 1);
    close_store();
}
END_TEST

static void publish_fails(const struct uuid *id)
{
    struct uuid object = uuid_new();
    struct blob_writer *w;

    ok(blob_part_resume(store, id, 4, &w));
    ok(blob_flush(w));
    blob_publish_as(w, &object);
    fails(ERR_IO, blob_publish(w));
    blob_discard(w); /* as the committer does */
    blob_writer_free(w);
    no_object(&object);
    part_reads(id, "text");
    ck_assert_uint_eq(stat_of(part_file(id)).st_mode & 07777, 0600);
}

START_TEST(a_link_that_fails_leaves_the_part)
{
    struct uuid id;

    open_store();
    id = put("text");
    scratch_fail_call(SYS_linkat, EIO);
    publish_fails(&id);
    close_store();
}
END_TEST

START_TEST(a_time_that_cannot_be_set_leaves_the_part)
{
    struct uuid id;

    open_store();
    id = put("text");
    scratch_fail_call(SYS_utimensat, EIO);
    publish_fails(&id);
    close_store();
}
END_TEST

START_TEST(a_part_that_cannot_be_removed_says_so)
{
    struct uuid id;

    open_store();
    id = put("text");
    scratch_fail_call(SYS_unlinkat, EIO);
    fails(ERR_IO, blob_part_remove(store, &id));
    part_reads(&id, "text");
    close_store();
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
        a_store_whose_folder_of_parts_is_a_link_is_refused, a_full_disk_leaves_what_was_flushed,
        exhausted_descriptors_are_busy_and_pass, a_flush_that_fails_is_final,
        a_name_that_cannot_be_made_durable_is_not_believed, a_link_that_fails_leaves_the_part,
        a_time_that_cannot_be_set_leaves_the_part, a_part_that_cannot_be_removed_says_so);
}
