#include "gateway/base/file.h"
#include "gateway/send/state.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[32], path[64];

static void folder_make(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/eg-state-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/letter.pdf.upload", folder);
}

static void folder_remove(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left in it */
}

static struct state some_state(void)
{
    struct state s = {.service = "https://gateway.example",
                      .key = "0193d2a4-0000-7000-8000-000000000001",
                      .upload = "https://gateway.example/v1/uploads/1",
                      .size = UINT64_C(9000000000),
                      .mtime_ns = INT64_C(1795323789123456789),
                      .hashed = UINT64_C(8000000000)};

    memset(s.request, 0xa5, sizeof(s.request));
    memset(s.sha256, 0x5a, sizeof(s.sha256));
    return s;
}

START_TEST(what_is_saved_is_loaded)
{
    struct state s = some_state(), read;
    struct stat st;

    folder_make();
    ck_assert_int_eq(state_load(path, &read), ERR_NOT_FOUND);
    ck_assert_int_eq(state_save(path, &s), ERR_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(state_load(path, &read), ERR_OK);
    ck_assert_str_eq(read.service, s.service);
    ck_assert_str_eq(read.key, s.key);
    ck_assert_str_eq(read.upload, s.upload);
    ck_assert_uint_eq(read.size, s.size);
    ck_assert_int_eq(read.mtime_ns, s.mtime_ns);
    ck_assert_uint_eq(read.hashed, s.hashed);
    ck_assert_mem_eq(read.request, s.request, SHA256_SIZE);
    ck_assert_mem_eq(read.sha256, s.sha256, SHA256_SIZE);
    s.upload[0] = '\0'; /* before the creation was answered */
    ck_assert_int_eq(state_save(path, &s), ERR_OK);
    ck_assert_int_eq(state_load(path, &read), ERR_OK);
    ck_assert_str_eq(read.upload, "");
    ck_assert_int_eq(state_remove(path), ERR_OK);
    ck_assert_int_eq(state_remove(path), ERR_OK);
    folder_remove();
}
END_TEST

START_TEST(every_cut_and_every_changed_member_is_no_state)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"v\":1", "\"v\":2"},
        {"\"size\":9000000000", "\"size\":7000000000"}, /* less than was hashed */
        {"\"size\":9000000000", "\"size\":-1"},
        {"\"hashed\"", "\"hasht\""},
        {"a5a5", "A5a5"},
        {"0193d2a4-", "0193d2a4+"},
        {"https://gateway.example/v1", "https://another.example/v1"},
        {"https://gateway.example/v1", "http://gateway.example/v1"},
        {"/v1/uploads/1", "/v1/artefacts/1"},
        {"/v1/uploads/1", "/v1/uploads/"},
        {"/v1/uploads/1", "/v1/uploads/../claims/1"},
        {"/v1/uploads/1", "/v1/uploads/%2e%2e/claims"},
        {"/v1/uploads/1", "/v1/uploads/1?to=2"},
        {"/v1/uploads/1", "/other/v1/uploads/1"},
        {"https://gateway.example/v1", "https://a:b@gateway.example/v1"},
        {"{", "{\"more\":1,"},
    };
    struct state s = some_state(), read;
    AUTO_CLEAR(buf_clear) struct buf good, bad;
    size_t body;

    folder_make();
    ck_assert_int_eq(state_save(path, &s), ERR_OK);
    buf_init(&good, STATE_FILE_MAX);
    buf_init(&bad, STATE_FILE_MAX);
    ck_assert_int_eq(file_read(path, &good), ERR_OK);
    body = good.len - 1; /* the line's end may go */
    for (size_t len = 0; len < body; len++) {
        ck_assert_int_eq(file_replace(path, 0600, good.data, len), ERR_OK);
        ck_assert_int_eq(state_load(path, &read), ERR_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        const char *at = strstr(buf_text(&good), changes[i].from);
        ck_assert_ptr_nonnull(at);
        buf_reset(&bad);
        ck_assert_int_eq(buf_printf(&bad, "%.*s%s%s", (int)(at - buf_text(&good)),
                                    buf_text(&good), changes[i].to,
                                    at + strlen(changes[i].from)),
                         ERR_OK);
        ck_assert_int_eq(file_replace(path, 0600, bad.data, bad.len), ERR_OK);
        ck_assert_msg(state_load(path, &read) == ERR_INVALID, "%s", changes[i].to);
    }
    buf_clear(&bad);
    folder_remove();
}
END_TEST

START_TEST(a_state_fits_its_file_and_its_request)
{
    struct state wanted = some_state(), found = wanted;

    ck_assert_int_eq(state_fits(&found, &wanted), STATE_FITS);
    found.upload[0] = '\0';
    found.hashed = 1;
    found.sha256[0] ^= 1;
    found.key[0] = '1';
    ck_assert_int_eq(state_fits(&found, &wanted), STATE_FITS);
    found.mtime_ns++;
    ck_assert_int_eq(state_fits(&found, &wanted), STATE_OTHER_FILE);
    found = wanted;
    found.size--;
    ck_assert_int_eq(state_fits(&found, &wanted), STATE_OTHER_FILE);
    found.request[31] ^= 1;
    ck_assert_int_eq(state_fits(&found, &wanted), STATE_OTHER_REQUEST);
    (void)snprintf(found.service, sizeof(found.service), "https://other.example");
    ck_assert_int_eq(state_fits(&found, &wanted), STATE_OTHER_SERVICE);
}
END_TEST

START_TEST(what_cannot_be_written_is_said)
{
    struct state s = some_state();

    ck_assert_int_eq(state_save("/tmp/eg-no-such-folder/x.upload", &s), ERR_NOT_FOUND);
}
END_TEST

int main(void)
{
    return SUITE_RUN("send/state", what_is_saved_is_loaded,
                     every_cut_and_every_changed_member_is_no_state,
                     a_state_fits_its_file_and_its_request, what_cannot_be_written_is_said);
}
