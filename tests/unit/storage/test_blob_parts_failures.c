/* Parts without room, and under calls that fail. */
#include "tests/unit/storage/blob_world.h"

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
    id = put_part("text");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    {
        struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};

        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        fails(ERR_BUSY, blob_part_begin(store, &other, &w));
        fails(ERR_BUSY, blob_part_resume(store, &id, 4, &w));
        fails(ERR_BUSY, blob_part_open(store, &id, &r));
        fails(ERR_BUSY, blob_part_each(store, part_remove, NULL));
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
    id = put_part("text");
    scratch_fail_call(SYS_linkat, EIO);
    publish_fails(&id);
    close_store();
}
END_TEST

START_TEST(a_time_that_cannot_be_set_leaves_the_part)
{
    struct uuid id;

    open_store();
    id = put_part("text");
    scratch_fail_call(SYS_utimensat, EIO);
    publish_fails(&id);
    close_store();
}
END_TEST

START_TEST(a_part_that_cannot_be_removed_says_so)
{
    struct uuid id;

    open_store();
    id = put_part("text");
    scratch_fail_call(SYS_unlinkat, EIO);
    fails(ERR_IO, blob_part_remove(store, &id));
    part_reads(&id, "text");
    close_store();
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "storage/blob_parts_failures", a_full_disk_leaves_what_was_flushed,
        exhausted_descriptors_are_busy_and_pass, a_flush_that_fails_is_final,
        a_name_that_cannot_be_made_durable_is_not_believed, a_link_that_fails_leaves_the_part,
        a_time_that_cannot_be_set_leaves_the_part, a_part_that_cannot_be_removed_says_so);
}
