/* Frames and their bodies: round trips, and what is refused. */
#include "gateway/keeper/protocol.h"
#include "tests/unit/keeper/keeper_world.h"

#include <sys/socket.h>

enum { WAIT_MS = 5000 };

static void pair_make(int pair[2])
{
    ck_ok(frame_socketpair(pair));
}

static void pair_end(int pair[2])
{
    (void)close(pair[0]);
    (void)close(pair[1]);
}

START_TEST(frame_round_trip)
{
    AUTO_FREE uint8_t *packet = malloc(FRAME_MAX);
    AUTO_FREE uint8_t *body = calloc(1, FRAME_BODY_MAX);
    const size_t sizes[] = {0, 1, 1000, FRAME_BODY_MAX};
    struct frame f;
    int pair[2];
    size_t len;

    pair_make(pair);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        randombytes_buf(body, sizes[i]);
        ck_ok(frame_send(pair[0], FRAME_SIGN, 0x1122334455667788 + i, body, sizes[i], -1));
        ck_ok(frame_recv(pair[1], packet, FRAME_MAX, WAIT_MS, &len, NULL));
        ck_ok(frame_decode(packet, len, &f));
        ck_assert_uint_eq(f.type, FRAME_SIGN);
        ck_assert_uint_eq(f.id, 0x1122334455667788 + i);
        ck_assert_uint_eq(f.len, sizes[i]);
        ck_assert(memcmp(f.body, body, f.len) == 0);
    }
    pair_end(pair);
}
END_TEST

START_TEST(descriptors_travel_when_asked_for)
{
    uint8_t packet[64];
    int pair[2], pipes[2], got = -1;
    size_t len;
    char byte = 0;

    pair_make(pair);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_ok(frame_send(pair[0], FRAME_SPAWN, 1, NULL, 0, pipes[1]));
    ck_ok(frame_recv(pair[1], packet, sizeof(packet), WAIT_MS, &len, &got));
    ck_assert_int_ge(got, 0);
    ck_assert_int_ne(fcntl(got, F_GETFD) & FD_CLOEXEC, 0);
    ck_ok(frame_send(pair[0], FRAME_SPAWN, 1, NULL, 0, pipes[1]));
    ck_ok(
        frame_recv(pair[1], packet, sizeof(packet), WAIT_MS, &len, NULL)); /* closed at once */
    ck_assert_int_eq(close(pipes[1]), 0);
    ck_assert_int_eq(close(got), 0);
    ck_assert_int_eq(read(pipes[0], &byte, 1), 0); /* nobody holds the other end any more */
    ck_assert_int_eq(close(pipes[0]), 0);
    pair_end(pair);
}
END_TEST

START_TEST(ends_and_empties)
{
    uint8_t packet[64];
    size_t len = 9;
    int pair[2];

    pair_make(pair);
    ck_err(frame_recv(pair[1], packet, sizeof(packet), 0, &len, NULL), ERR_TIMEOUT);
    ck_assert_int_eq(send(pair[0], "", 0, 0), 0);
    ck_ok(frame_recv(pair[1], packet, sizeof(packet), WAIT_MS, &len, NULL));
    ck_assert_uint_eq(len, 0);
    ck_assert_int_eq(send(pair[0], packet, sizeof(packet), 0), sizeof(packet));
    ck_ok(frame_recv(pair[1], packet, 10, WAIT_MS, &len, NULL));
    ck_assert_uint_eq(len, sizeof(packet)); /* cut, and known to be */
    ck_assert_int_eq(close(pair[0]), 0);
    ck_err(frame_recv(pair[1], packet, sizeof(packet), WAIT_MS, &len, NULL), ERR_UNAVAILABLE);
    ck_err(frame_send(pair[1], FRAME_INFO, 1, NULL, 0, -1), ERR_UNAVAILABLE);
    ck_assert_int_eq(close(pair[1]), 0);
}
END_TEST

START_TEST(heads_refused)
{
    const uint8_t good[FRAME_HEAD_SIZE + 1] = {
        'E', 'G', 'K', 'P', 1, FRAME_INFO, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 'x'};
    struct frame f;

    ck_ok(frame_decode(good, sizeof(good), &f));
    ck_assert_uint_eq(f.id, 7);
    for (size_t at = 0; at < FRAME_HEAD_SIZE; at++) {
        uint8_t bad[sizeof(good)];

        if (at == 5 || (at >= 8 && at < 16))
            continue; /* type and id: anything */
        memcpy(bad, good, sizeof(bad));
        bad[at] ^= 0x40;
        ck_err(frame_decode(bad, sizeof(bad), &f), ERR_INVALID);
    }
    for (size_t len = 0; len < sizeof(good); len++)
        ck_err(frame_decode(good, len, &f), ERR_INVALID);
}
END_TEST

START_TEST(settings_travel)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    struct keeper_config in = {.keys_dir = "/keys",
                               .log_key_file = "/log.key",
                               .log_name = WORLD_LOG,
                               .state_file = "/state",
                               .intake_only = true,
                               .admin = true,
                               .read_session_s = 900,
                               .opens_per_second = 77};
    struct keeper_settings out;
    char longer[KEEPER_PATH_MAX + 1];

    buf_init(&b, CONFIG_BODY_MAX);
    ck_ok(settings_encode(&in, &b));
    ck_ok(settings_decode(b.data, b.len, &out));
    ck_assert_str_eq(out.keys_dir, "/keys");
    ck_assert_str_eq(out.user, "");
    ck_assert(out.intake_only && out.admin && !out.require_mlock);
    ck_assert_uint_eq(out.opens_per_second, 77);
    for (size_t len = 0; len < b.len; len++)
        ck_err(settings_decode(b.data, len, &out), ERR_INVALID);
    ck_ok(buf_append_byte(&b, 0));
    ck_err(settings_decode(b.data, b.len, &out), ERR_INVALID);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    in.keys_dir = longer;
    buf_reset(&b);
    ck_ok(settings_encode(&in, &b));
    ck_err(settings_decode(b.data, b.len, &out), ERR_INVALID);
}
END_TEST

START_TEST(requests_travel)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    struct age_recipient one = {.point = {1}}, two = {.point = {2}};
    struct keeper_rewrap in = {.receipt = "receipt",
                               .receipt_len = 7,
                               .header = "header",
                               .header_len = 6,
                               .service = &one,
                               .recovery = &two};
    struct rewrap_request out;
    struct keeper_opening o;

    buf_init(&b, FRAME_BODY_MAX);
    in.artefact = uuid_new();
    ck_ok(rewrap_encode(&in, &b));
    ck_ok(rewrap_decode(b.data, b.len, &out));
    ck_assert(out.order.plain == NULL && out.order.service->point[0] == 1 &&
              out.order.recovery->point[0] == 2);
    ck_assert_mem_eq(out.order.header, "header", 6);
    for (size_t len = 0; len < b.len; len++)
        ck_err(rewrap_decode(b.data, len, &out), ERR_INVALID);
    b.data[16] = REWRAP_SERVICE | REWRAP_PLAIN;
    ck_err(rewrap_decode(b.data, b.len, &out), ERR_INVALID);
    b.data[16] = REWRAP_RECOVERY;
    ck_err(rewrap_decode(b.data, b.len, &out), ERR_INVALID);
    buf_reset(&b);
    in.receipt_len = RECEIPT_MAX + 1;
    ck_err(rewrap_encode(&in, &b), ERR_TOO_LARGE);
    o = (struct keeper_opening){
        .receipt = "r", .receipt_len = 1, .header = "h", .header_len = AGE_HEADER_MAX + 1};
    ck_err(open_encode(&o, &b), ERR_TOO_LARGE);
}
END_TEST

/* A count of leaves that the bytes do not hold, up to what would overflow. */
START_TEST(leaf_counts)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    const uint32_t counts[] = {1, KEEPER_LEAVES_MAX, KEEPER_LEAVES_MAX + 1, 0x08000000,
                               UINT32_MAX};
    struct sign_request q = {.first = 3};

    buf_init(&b, FRAME_BODY_MAX);
    ck_ok(sign_encode(&q, &b));
    ck_ok(sign_decode(b.data, b.len, &q));
    for (size_t len = 0; len < b.len; len++)
        ck_err(sign_decode(b.data, len, &q), ERR_INVALID);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        for (int byte = 0; byte < 4; byte++)
            b.data[40 + byte] = (uint8_t)(counts[i] >> (24 - 8 * byte));
        ck_err(sign_decode(b.data, b.len, &q), ERR_INVALID);
    }
}
END_TEST

START_TEST(replies_travel)
{
    AUTO_CLEAR(buf_clear) struct buf b;
    struct reply reply;
    struct reader r;

    buf_init(&b, REPLY_BODY_MAX);
    ck_ok(reply_begin(&b, err_set(ERR_CONFLICT, "a reason"), 42));
    reader_init(&r, b.data, b.len);
    ck_ok(reply_take(&r, &reply));
    ck_assert_int_eq(reply.status, ERR_CONFLICT);
    ck_assert_str_eq(reply.message, "a reason");
    ck_assert_uint_eq(reply.value, 42);
    b.data[0] = 1; /* no such status */
    reader_init(&r, b.data, b.len);
    ck_err(reply_take(&r, &reply), ERR_INVALID);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/protocol", frame_round_trip, descriptors_travel_when_asked_for,
                     ends_and_empties, heads_refused, settings_travel, requests_travel,
                     leaf_counts, replies_travel);
}
