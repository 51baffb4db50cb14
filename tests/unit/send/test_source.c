#include "gateway/send/source.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 600000 };
static char path[32];
static uint8_t data[SIZE], piece[SIZE];

static void file_make(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/eg-source-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    ck_assert_int_eq(write(fd, data, SIZE), SIZE);
    (void)close(fd);
}

static void digest_is(const struct source *s, size_t len)
{
    uint8_t digest[SHA256_SIZE], expected[SHA256_SIZE];

    ck_assert_uint_eq(s->hashed, len);
    ck_assert_int_eq(source_digest(s, digest), ERR_OK);
    ck_assert_int_eq(sha256_once(data, len, expected), ERR_OK);
    ck_assert_mem_eq(digest, expected, SHA256_SIZE);
}

START_TEST(bytes_are_hashed_once_however_often_they_go)
{
    AUTO_CLEAR(source_close) struct source s;
    size_t got = 0;

    file_make();
    ck_assert_int_eq(source_open(path, &s), ERR_OK);
    ck_assert_uint_eq(s.size, SIZE);
    digest_is(&s, 0);
    ck_assert_int_eq(source_read(&s, 0, piece, 1000, &got), ERR_OK);
    ck_assert_uint_eq(got, 1000);
    ck_assert_mem_eq(piece, data, 1000);
    digest_is(&s, 1000);
    ck_assert_int_eq(source_read(&s, 400, piece, 100, &got), ERR_OK); /* all known */
    ck_assert_mem_eq(piece, data + 400, 100);
    digest_is(&s, 1000);
    ck_assert_int_eq(source_read(&s, 700, piece, 900, &got), ERR_OK); /* half known */
    ck_assert_mem_eq(piece, data + 700, 900);
    digest_is(&s, 1600);
    ck_assert_int_eq(source_hash_to(&s, 100), ERR_OK);
    digest_is(&s, 1600);
    ck_assert_int_eq(source_hash_to(&s, SIZE - 10), ERR_OK);
    digest_is(&s, SIZE - 10);
    ck_assert_int_eq(source_read(&s, SIZE - 10, piece, 100, &got), ERR_OK);
    ck_assert_uint_eq(got, 10);
    digest_is(&s, SIZE);
    ck_assert_int_eq(source_read(&s, SIZE, piece, 100, &got), ERR_OK);
    ck_assert_uint_eq(got, 0);
    ck_assert_int_eq(source_unchanged(&s), ERR_OK);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(one_sender_at_a_time)
{
    AUTO_CLEAR(source_close) struct source s;
    AUTO_CLEAR(source_close) struct source other;

    file_make();
    ck_assert_int_eq(source_open(path, &s), ERR_OK);
    ck_assert_int_eq(source_open(path, &other), ERR_BUSY);
    source_close(&other);
    source_close(&s);
    ck_assert_int_eq(source_open(path, &other), ERR_OK);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(only_a_file_with_something_in_it_is_sent)
{
    struct source s;

    file_make();
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(source_open(path, &s), ERR_INVALID);
    source_close(&s);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(source_open(path, &s), ERR_NOT_FOUND);
    source_close(&s);
    ck_assert_int_eq(source_open("/tmp", &s), ERR_INVALID);
    source_close(&s);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* and a pipe is not waited for */
    ck_assert_int_eq(source_open(path, &s), ERR_INVALID);
    source_close(&s);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(changes_are_seen)
{
    struct source s;
    size_t got = 0;

    file_make();
    ck_assert_int_eq(source_open(path, &s), ERR_OK);
    int fd = open(path, O_WRONLY | O_APPEND);
    ck_assert_int_eq(write(fd, "more", 4), 4);
    (void)close(fd);
    ck_assert_int_eq(source_unchanged(&s), ERR_CONFLICT);
    ck_assert_int_eq(source_hash_to(&s, SIZE), ERR_OK);
    ck_assert_int_eq(source_read(&s, SIZE, piece, 100, &got), ERR_OK);
    ck_assert_uint_eq(got, 0); /* what was added is not read */
    source_close(&s);

    ck_assert_int_eq(source_open(path, &s), ERR_OK);
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert_int_eq(source_hash_to(&s, SIZE), ERR_CONFLICT);
    source_close(&s);

    ck_assert_int_eq(source_open(path, &s), ERR_OK);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(source_unchanged(&s), ERR_CONFLICT);
    source_close(&s);
}
END_TEST

START_TEST(a_change_that_keeps_size_and_name_is_seen)
{
    AUTO_CLEAR(source_close) struct source s;
    const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 1}, {.tv_sec = 1, .tv_nsec = 1}};

    file_make();
    ck_assert_int_eq(source_open(path, &s), ERR_OK);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    ck_assert_int_eq(source_unchanged(&s), ERR_CONFLICT);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/source", bytes_are_hashed_once_however_often_they_go,
                     one_sender_at_a_time, only_a_file_with_something_in_it_is_sent,
                     changes_are_seen, a_change_that_keeps_size_and_name_is_seen);
}
