#include "tests/unit/config/config_file.h"

START_TEST(an_empty_file_is_the_defaults)
{
    AUTO(config_free) struct config *c = NULL;
    struct config_file f = config_file_make("");
    char expected[128];

    ck_assert_int_eq(config_load(f.path, &c), ERR_OK);
    ck_assert_str_eq(c->server.listen, "127.0.0.1:8443");
    ck_assert(c->policy.inspection);
    ck_assert(!c->policy.assessors_any_claim);
    ck_assert_uint_eq(c->policy.read_session_s, 900);
    ck_assert_uint_eq(c->limits.head_ms, 10000);
    ck_assert_uint_eq(c->storage.reserve, 256 * 1024 * 1024);
    ck_assert_str_eq(c->server.client_ca_file, "");
    (void)snprintf(expected, sizeof(expected), "%s/data/gateway.db", f.folder);
    ck_assert_str_eq(c->storage.database_file, expected);
    ck_assert_str_eq(c->folder, f.folder);
    config_file_remove(&f);
}
END_TEST

START_TEST(values_of_every_type_are_read)
{
    AUTO(config_free) struct config *c = NULL;
    struct config_file f = config_file_make(
        "server: { listen = \"[::1]:0\"; log_level = \"debug\"; drain_on_stop = \"2 min\";\n"
        "  client_ca_file = \"ca.pem\"; private_key_file = \"/etc/key.pem\"; };\n"
        "storage = { reserve = 1048576; db_readers = 3; };\n"
        "limits = { head = \"2500 ms\"; drain_bytes = \"8589934592 B\"; body_min_rate = 0L; "
        "};\n"
        "policy = { inspection = false; };\n"
        "issuers = ( { issuer = \"a\"; audience = \"b\"; jwks_file = \"k.json\"; leeway = \"1 "
        "min\";\n"
        "  allowed_roles = [\"claimant\", \"assessor\"]; },\n"
        " { issuer = \"c\"; audience = \"d\"; jwks_url = \"https://x.example/k\"; algorithms = "
        "(\"ES384\");\n"
        "  allowed_roles = (\"auditor\"); } );\n"
        "certificates = ( { match = \"san-dns:x.example\"; subject = \"x\"; roles = "
        "[\"claims_system\"]; } );\n"
        "witnesses = ( { url = \"https://w.example/p\"; vkey = \"a\"; ca_file = \"w.pem\"; },\n"
        " { url = \"http://[::1]:8/\"; vkey = \"b\"; allow_plain_http = true; } );\n");
    char expected[128];

    ck_assert_msg(config_load(f.path, &c) == ERR_OK, "%s", err_message(ERR_INVALID));
    ck_assert_str_eq(c->server.listen, "[::1]:0");
    ck_assert_str_eq(c->server.log_level, "debug");
    ck_assert_uint_eq(c->server.drain_on_stop_s, 120);
    ck_assert_str_eq(c->server.private_key_file, "/etc/key.pem");
    (void)snprintf(expected, sizeof(expected), "%s/ca.pem", f.folder);
    ck_assert_str_eq(c->server.client_ca_file, expected);
    ck_assert_uint_eq(c->storage.reserve, 1048576);
    ck_assert_uint_eq(c->storage.db_readers, 3);
    ck_assert_uint_eq(c->limits.head_ms, 2500);
    ck_assert_uint_eq(c->limits.drain_bytes, UINT64_C(8589934592));
    ck_assert_uint_eq(c->limits.body_min_rate, 0);
    ck_assert(!c->policy.inspection);
    ck_assert_uint_eq(c->n_issuers, 2);
    ck_assert_str_eq(c->issuers[0].allowed_roles, "claimant assessor");
    ck_assert_uint_eq(c->issuers[0].leeway_s, 60);
    ck_assert_str_eq(c->issuers[0].role_claim, "roles");
    (void)snprintf(expected, sizeof(expected), "%s/k.json", f.folder);
    ck_assert_str_eq(c->issuers[0].jwks_file, expected);
    ck_assert_str_eq(c->issuers[1].jwks_file, "");
    ck_assert_str_eq(c->issuers[1].algorithms, "ES384");
    ck_assert_uint_eq(c->n_certificates, 1);
    ck_assert_str_eq(c->certificates[0].roles, "claims_system");
    ck_assert_uint_eq(c->n_witnesses, 2);
    ck_assert_str_eq(c->witnesses[0].url, "https://w.example/p");
    (void)snprintf(expected, sizeof(expected), "%s/w.pem", f.folder);
    ck_assert_str_eq(c->witnesses[0].ca_file, expected);
    ck_assert_str_eq(c->witnesses[1].vkey, "b");
    ck_assert(c->witnesses[1].allow_plain_http && !c->witnesses[0].allow_plain_http);
    ck_assert_str_eq(c->policy.party_issuer, "a");
    ck_assert_ptr_eq(config_issuer_find(c, "c"), &c->issuers[1]);
    ck_assert_ptr_null(config_issuer_find(c, "e"));
    config_file_remove(&f);
}
END_TEST

#define ISSUER                                                                                 \
    "issuer = \"a\"; audience = \"b\"; jwks_file = \"k\"; allowed_roles = [\"claimant\"];"

#define ORIGIN(text) "server = { cors_origins = [ \"" text "\" ]; };"
#define ORIGIN_SAYS "server.cors_origins: wants origins as a browser names them"

START_TEST(origins_are_as_a_browser_names_them)
{
    static const char file[] =
        "server = { cors_origins = [ \"https://a.example\", \"https://b.example:8443\",\n"
        "  \"https://[2001:db8::7]\", \"http://localhost:5173\", \"http://127.0.0.1\" ]; };";
    AUTO(config_free) struct config *c = NULL;
    char longest[400];

    ck_assert_msg(config_of(file, &c) == ERR_OK, "%s", err_message(ERR_INVALID));
    ck_assert_str_eq(c->server.cors_origins,
                     "https://a.example https://b.example:8443 https://[2001:db8::7] "
                     "http://localhost:5173 http://127.0.0.1");
    config_free(TAKE(c));
    ck_assert_int_eq(config_of("server = { cors_origins = []; };", &c), ERR_OK);
    ck_assert_str_eq(c->server.cors_origins, "");
    config_free(TAKE(c));
    (void)snprintf(longest, sizeof(longest), ORIGIN("https://%0300d"), 1);
    ck_assert_int_eq(config_of(longest, &c), ERR_INVALID);
}
END_TEST

START_TEST(what_does_not_fit_names_file_line_and_setting)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"servers = {};", ":1: servers: there is no such setting"},
        {"server = {\n\n port = 1; };", ":3: server.port: there is no such setting"},
        {"server = 5;", ":1: server: wants a group"},
        {"server = { listen = 8443; };", ":1: server.listen: wants a text"},
        {"server = { listen = \"8443\"; };", "server.listen: wants a numeric address"},
        {"server = { listen = \"localhost:1\"; };", "server.listen: wants a numeric address"},
        {"server = { ops_listen = \"127.0.0.1:70000\"; };",
         "server.ops_listen: wants a numeric"},
        {"server = { log_level = \"loud\"; };", "server.log_level: wants one of: debug info"},
        {"server = { session_tickets = 1; };", "wants true or false"},
        {"server = { drain_on_stop = 30; };", "wants a duration from 0 s to 1 h"},
        {"server = { drain_on_stop = \"1500 ms\"; };", "wants a duration"},
        {"server = { drain_on_stop = \"2 d\"; };", "wants a duration"},
        {"server = { cors_origins = \"https://a.example\"; };", "cors_origins: wants a list"},
        {ORIGIN("*"), ORIGIN_SAYS},
        {ORIGIN("null"), ORIGIN_SAYS},
        {ORIGIN("a.example"), ORIGIN_SAYS},
        {ORIGIN("https://"), ORIGIN_SAYS},
        {ORIGIN("https://a.example/"), ORIGIN_SAYS},
        {ORIGIN("https://a.example/page"), ORIGIN_SAYS},
        {ORIGIN("https://A.example"), ORIGIN_SAYS},
        {ORIGIN("HTTPS://a.example"), ORIGIN_SAYS},
        {ORIGIN("https://*.example"), ORIGIN_SAYS},
        {ORIGIN("https://me@a.example"), ORIGIN_SAYS},
        {ORIGIN("https://a.example:443"), ORIGIN_SAYS},
        {ORIGIN("https://a.example:"), ORIGIN_SAYS},
        {ORIGIN("https://a.example:0443"), ORIGIN_SAYS},
        {ORIGIN("https://a.example:65536"), ORIGIN_SAYS},
        {ORIGIN("https://[]"), ORIGIN_SAYS},
        {ORIGIN("https://[::1"), ORIGIN_SAYS},
        {ORIGIN("http://a.example"), ORIGIN_SAYS},
        {ORIGIN("http://localhost:80"), ORIGIN_SAYS},
        {ORIGIN("https://b.example\", \"https://a.example "), "wants a list"},
        {"server = { listen = \"a\"; listen = \"b\"; };", ":1: duplicate setting name"},
        {"storage = { db_readers = 0; };", "wants a whole number from 1 to 64"},
        {"storage = { db_readers = -1; };", "wants a whole number"},
        {"storage = { db_readers = 1.5; };", "wants a whole number"},
        {"storage = { db_readers = \"8\"; };", "wants a whole number"},
        {"storage = { reserve = -5L; };", "wants a size from 0 B to 16 TiB"},
        {"storage = { reserve = \"5 apples\"; };", "wants a size"},
        {"limits = { head_bytes = \"40 KiB\"; };", "head_bytes: must be less than connection"},
        {"limits = { target_bytes = \"24 KiB\"; };", "target_bytes: more than head_bytes"},
        {"keeper = { log_name = \"a b\"; };", "keeper.log_name: wants a name"},
        {"keeper = { log_name = \"\"; };", "keeper.log_name: wants a name"},
        {"issuers = 1;", "issuers: wants a list"},
        {"issuers = ( 1 );", "issuers[0]: wants a group"},
        {"issuers = ( { } );", "issuers[0].issuer: must be set"},
        {"issuers = ( { " ISSUER " },\n { issuer = \"b\"; } );",
         ":2: issuers[1].audience: must be set"},
        {"issuers = ( { " ISSUER " jwks_url = \"u\"; } );",
         "issuers[0]: wants either jwks_file or"},
        {"issuers = ( { " ISSUER " cache_min = \"2 h\"; } );",
         "issuers[0].cache_min: more than"},
        {"issuers = ( { " ISSUER " colour = 1; } );",
         "issuers[0].colour: there is no such setting"},
        {"issuers = ( { " ISSUER " algorithms = [\"HS256\"]; } );",
         "algorithms: wants a list of: ES256"},
        {"issuers = ( { " ISSUER " algorithms = \"ES256\"; } );", "algorithms: wants a list"},
        {"issuers = ( { " ISSUER " }, { " ISSUER " } );", "issuers[1].issuer: it stands twice"},
        {"certificates = ( { match = \"x\"; subject = \"y\"; roles = [\"king\"]; } );",
         "roles: wants a list of: claimant"},
        {"certificates = ( { match = \"x\"; subject = \"y\"; roles = [\"auditor\"]; } );",
         "of no use without"},
        {"witnesses = ( { url = \"https://w\"; } );", "witnesses[0].vkey: must be set"},
        {"witnesses = ( { url = \"http://127.0.0.1/\"; vkey = \"v\"; } );",
         "witnesses[0].url: the URL is not https"},
        {"witnesses = ( { url = \"http://w\"; vkey = \"v\"; allow_plain_http = true; } );",
         "witnesses[0].url: plain http is for loopback only"},
        {"witnesses = ( { url = \"https://w\"; vkey = \"v\"; }, { url = \"https://x\"; "
         "vkey = \"v\"; } );",
         "witnesses[1].vkey: it stands twice"},
        {"server = { client_crl_file = \"x\"; };", "of no use without client_ca_file"},
        {"development_issuer = { enabled = true; };", "no row of `issuers` is called that"},
        {"server = {", ":1: syntax error"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(config_free) struct config *c = NULL;

        ck_assert_msg(config_of(rows[i].text, &c) == ERR_INVALID, "accepted: %s", rows[i].text);
        ck_assert_msg(strstr(err_message(ERR_INVALID), rows[i].says) != NULL, "%s: says: %s",
                      rows[i].text, err_message(ERR_INVALID));
        ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "gateway.conf"));
        ck_assert_ptr_null(c);
    }
}
END_TEST

START_TEST(a_missing_file_is_not_found)
{
    struct config *c = NULL;

    ck_assert_int_eq(config_load("/nowhere/gateway.conf", &c), ERR_NOT_FOUND);
    ck_assert_int_eq(config_load("/tmp/eg-there-is-no-such-file.conf", &c), ERR_NOT_FOUND);
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(the_development_issuer_stays_on_loopback)
{
    static const char *const refused[] = {"0.0.0.0:8443", "192.0.2.1:1", "[::]:8443",
                                          "[2001:db8::1]:1"};
    static const char *const names[] = {"listen", "ops_listen"};
    static const char file[] = "server = { %s = \"%s\"; };\ndevelopment_issuer = { enabled = "
                               "true; issuer = \"a\"; };\n"
                               "issuers = ( { " ISSUER " } );\n";
    char text[512];

    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
            AUTO(config_free) struct config *c = NULL;
            (void)snprintf(text, sizeof(text), file, names[n], refused[i]);
            ck_assert_int_eq(config_of(text, &c), ERR_DENIED);
        }
        AUTO(config_free) struct config *c = NULL;
        (void)snprintf(text, sizeof(text), file, names[n], n ? "127.8.9.1:0" : "[::1]:0");
        ck_assert_int_eq(config_of(text, &c), ERR_OK);
    }
}
END_TEST

START_TEST(addresses_are_taken_apart)
{
    static const struct {
        const char *text, *host;
        unsigned port;
        bool loopback;
    } good[] = {{"127.0.0.1:8443", "127.0.0.1", 8443, true},
                {"[::1]:0", "::1", 0, true},
                {"[2001:db8::7]:65535", "2001:db8::7", 65535, false},
                {"0.0.0.0:1", "0.0.0.0", 1, false}};
    static const char *const bad[] = {"",
                                      ":1",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:000001",
                                      "::1:80",
                                      "[127.0.0.1]:80",
                                      "[::1]",
                                      "[]:1",
                                      "host:1",
                                      "127.0.0.1:+1",
                                      "1.2.3:4"};
    char host[CONFIG_HOST_SIZE];
    unsigned port;
    bool loopback;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_int_eq(config_address_parse(good[i].text, host, &port, &loopback), ERR_OK);
        ck_assert_str_eq(host, good[i].host);
        ck_assert_uint_eq(port, good[i].port);
        ck_assert(loopback == good[i].loopback);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(config_address_parse(bad[i], host, &port, &loopback) == ERR_INVALID, "%s",
                      bad[i]);
}
END_TEST

static void count_warning(void *ctx, const char *name, const char *text)
{
    char *names = ctx;

    ck_assert(*text);
    ck_assert_uint_lt(strlen(names) + strlen(name) + 2, 256);
    (void)snprintf(names + strlen(names), 256 - strlen(names), "%s ", name);
}

START_TEST(what_is_not_for_production_is_warned_of)
{
    AUTO(config_free) struct config *c = NULL;
    char names[256] = "";

    ck_assert_int_eq(config_of("policy = { inspection = false; assessors_any_claim = true; };\n"
                               "server = { ops_listen = \"192.0.2.1:1\"; };\n"
                               "keeper = { require_mlock = false; };\n",
                               &c),
                     ERR_OK);
    config_warnings(c, count_warning, names);
    ck_assert_str_eq(names, "inspection-off assessors-any-claim ops-listener-open "
                            "log-name-reserved nobody-can-call "
                            "mlock-optional ");
    config_free(TAKE(c));
    names[0] = '\0';
    ck_assert_int_eq(config_of("keeper = { log_name = \"example.gov.uk/log\"; };\n"
                               "development_issuer = { enabled = true; issuer = \"a\"; };\n"
                               "issuers = ( { " ISSUER " allow_plain_http = true; } );",
                               &c),
                     ERR_OK);
    config_warnings(c, count_warning, names);
    ck_assert_str_eq(names, "development-issuer plain-http ");
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "config/load", an_empty_file_is_the_defaults, values_of_every_type_are_read,
        what_does_not_fit_names_file_line_and_setting, a_missing_file_is_not_found,
        the_development_issuer_stays_on_loopback, addresses_are_taken_apart,
        what_is_not_for_production_is_warned_of, origins_are_as_a_browser_names_them);
}
