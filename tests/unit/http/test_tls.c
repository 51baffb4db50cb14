/* Handshakes, TLS policy and the reload of certificates. Time is only ever waited for with wide
 * margins. */
#include "tests/unit/http/limits.h"

/* ---- handshakes ---- */

START_TEST(stalled_handshakes_cost_nothing)
{
    /* The head of a ClientHello of 512 bytes, and silence. */
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    enum { STALLED = 50 };
    struct http_server_config config = front_config();
    int fds[STALLED];
    int64_t before;
    char *reply;

    config.limits.head_ms = 60000;
    front_start_tls(&config);
    for (int i = 0; i < STALLED; i++) {
        fds[i] = front_connect();
        ck_assert(send_all(fds[i], hello, sizeof(hello) - 1));
    }
    (void)poll(NULL, 0, 200);
    before = cpu_ms();
    (void)poll(NULL, 0, 2000);
    ck_assert_int_lt(cpu_ms() - before, 1000); /* one spinning core: 2,000 */
    reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    AWAIT(stats().connections_now <= STALLED);
    ck_assert_uint_eq(stats().connections_now, STALLED);
    for (int i = 0; i < STALLED; i++)
        close(fds[i]);
    AWAIT(stats().connections_now == 0);
    ck_assert_uint_eq(stats().handshake_failures, STALLED);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(stalled_handshakes_are_ended)
{
    struct http_server_config config = front_config();
    int fd;

    config.limits.head_ms = 300;
    front_start_tls(&config);
    fd = front_connect();
    ck_assert(send_all(fd, "\x16\x03\x01\x02\x00\x01", 6));
    ck_assert(closed(fd));
    close(fd);
    front_stop();
    certificate_remove();
}
END_TEST

static bool handshake(const char *priority)
{
    struct secure c;
    bool ok = secure_open(&c, priority, false, NULL);

    secure_close(&c);
    return ok;
}

START_TEST(only_modern_tls_is_spoken)
{
    static const char *const refused[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT",
        "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC:-MAC-ALL:+SHA1:+"
        "SHA256",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE2048",
    };
    static const char *const accepted[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.3",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305",
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP256R1",
    };
    struct http_server_config config = front_config();

    front_start_tls(&config);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        ck_assert_msg(!handshake(refused[i]), "%s", refused[i]);
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        ck_assert_msg(handshake(accepted[i]), "%s", accepted[i]);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(aes_comes_before_chacha)
{
    struct http_server_config config = front_config();
    struct secure c;

    front_start_tls(&config);
    ck_assert(
        secure_open(&c, "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM", false, NULL));
    ck_assert_int_eq(gnutls_cipher_get(c.session), GNUTLS_CIPHER_AES_256_GCM);
    secure_close(&c);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(noise_on_the_tls_port_is_closed)
{
    static const char record[] = "\x16\x03\x03\x00\x05\x01\x00\x00\x01\x00";
    struct http_server_config config = front_config();
    uint8_t noise[512];
    char *reply;

    config.limits.head_ms = 300; /* some of it looks like the beginning of a handshake */
    front_start_tls(&config);
    reply = ask_text(HELLO);
    ck_assert_int_eq(status_of(reply), 0);
    ck_assert_ptr_null(strstr(reply, "hello"));
    free(reply);
    free(ask(record, sizeof(record) - 1));
    srandom(7);
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)random();
        memcpy(noise, "\x16\x03\x01\x01\xfb", round % 2 == 0 ? 5 : 0);
        free(ask(noise, sizeof(noise)));
    }
    reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    front_stop();
    ck_assert_int_eq(atomic_load(&seen.done), 1);
    certificate_remove();
}
END_TEST

START_TEST(renegotiation_is_refused)
{
    struct http_server_config config = front_config();
    struct secure c;

    front_start_tls(&config);
    ck_assert(secure_open(&c, "NORMAL:-VERS-ALL:+VERS-TLS1.2", false, NULL));
    ck_assert_int_ne(gnutls_handshake(c.session), 0);
    secure_close(&c);
    front_stop();
    certificate_remove();
}
END_TEST

static const char *chain_told(bool with_pair, const gnutls_datum_t *ticket,
                              gnutls_datum_t *next, bool *resumed)
{
    static char told[8];
    struct secure c;
    char *reply;

    ck_assert(secure_open(&c, NULL, with_pair, ticket));
    ck_assert(secure_send(&c, "GET /chain HTTP/1.1\r\n" HOST "\r\n", 23 + strlen(HOST)));
    reply = secure_receive(&c, true, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    (void)snprintf(told, sizeof(told), "%s", strstr(reply, "\r\n\r\n") + 4);
    free(reply);
    *resumed = gnutls_session_is_resumed(c.session);
    if (next != NULL)
        ck_assert_int_eq(gnutls_session_get_data2(c.session, next), 0);
    secure_close(&c);
    return told;
}

START_TEST(client_certificates_are_passed_on)
{
    struct http_server_config config = front_config();
    gnutls_datum_t ticket;
    bool resumed;

    config.request_client_certificate = true;
    config.client_ca_file = certificate_file;
    config.session_tickets = true;
    front_start_tls(&config);
    ck_assert_str_eq(chain_told(false, NULL, NULL, &resumed), "0");
    ck_assert_str_eq(chain_told(true, NULL, &ticket, &resumed), "1");
    ck_assert(!resumed);
    /* The chain belongs to the session, also when that is taken up again. */
    ck_assert_str_eq(chain_told(false, &ticket, NULL, &resumed), "1");
    ck_assert(resumed);
    gnutls_free(ticket.data);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(tickets_are_off_unless_asked_for)
{
    struct http_server_config config = front_config();
    gnutls_datum_t ticket;
    bool resumed;

    front_start_tls(&config);
    ck_assert_str_eq(chain_told(false, NULL, &ticket, &resumed), "0");
    ck_assert_str_eq(chain_told(false, &ticket, NULL, &resumed), "0");
    ck_assert(!resumed);
    gnutls_free(ticket.data);
    front_stop();
    certificate_remove();
}
END_TEST

/* ---- reload ---- */

static _Atomic bool enough;
static _Atomic int failures, successes;

static void *hammer(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        char *reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);

        atomic_fetch_add(status_of(reply) == 200 ? &successes : &failures, 1);
        free(reply);
    }
    return NULL;
}

START_TEST(certificates_change_under_load)
{
    enum { CLIENTS = 4, RELOADS = 25 };
    struct http_server_config config = front_config();
    pthread_t clients[CLIENTS];
    int64_t first;
    struct secure old;
    char *reply;

    config.session_tickets = true;
    front_start_tls(&config);
    first = http_server_certificate_expiry(server);
    ck_assert(secure_open(&old, NULL, false, NULL)); /* lives through all of it */
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_create(&clients[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < RELOADS; i++) {
        certificate_make(31 + i);
        ck_assert_int_eq(http_server_reload(server), ERR_OK);
        (void)poll(NULL, 0, 20);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    ck_assert_int_eq(atomic_load(&failures), 0);
    ck_assert_int_gt(atomic_load(&successes), RELOADS);
    ck_assert_int_ge(http_server_certificate_expiry(server) - first,
                     (int64_t)RELOADS * 86400 - 60);
    ck_assert(secure_send(&old, HELLO, strlen(HELLO)));
    reply = secure_receive(&old, true, NULL);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    secure_close(&old);
    front_stop();
    certificate_remove();
}
END_TEST

START_TEST(a_bad_pair_leaves_the_old_one)
{
    struct http_server_config config = front_config();
    gnutls_datum_t junk = {.data = (unsigned char *)"junk", .size = 4};
    int64_t expiry;
    char *reply;

    front_start_tls(&config);
    expiry = http_server_certificate_expiry(server);
    file_write(certificate_file, &junk);
    ck_assert_int_eq(http_server_reload(server), ERR_CRYPTO);
    ck_assert_int_eq(unlink(key_file), 0);
    ck_assert_int_ne(http_server_reload(server), ERR_OK);
    ck_assert_int_eq(http_server_certificate_expiry(server), expiry);
    reply = secure_ask("GET /hello HTTP/1.1\r\n" HOST CLOSE);
    ck_assert_int_eq(status_of(reply), 200);
    free(reply);
    front_stop();
    certificate_remove();
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/tls", stalled_handshakes_cost_nothing, stalled_handshakes_are_ended,
                     only_modern_tls_is_spoken, aes_comes_before_chacha,
                     noise_on_the_tls_port_is_closed, renegotiation_is_refused,
                     client_certificates_are_passed_on, tickets_are_off_unless_asked_for,
                     certificates_change_under_load, a_bad_pair_leaves_the_old_one);
}
