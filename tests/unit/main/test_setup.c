#include "gateway/setup.h"

#include "gateway/inspect/inspection.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

START_TEST(the_settings_know_every_role)
{
    uint32_t bits = 0;

    ck_assert_int_eq(setup_roles(CONFIG_ROLES, &bits), ERR_OK);
    ck_assert_uint_eq(bits, (1u << ROLE_COUNT) - 1);
    ck_assert_int_eq(setup_roles("", &bits), ERR_OK);
    ck_assert_uint_eq(bits, 0);
    ck_assert_int_eq(setup_roles("auditor claimant", &bits), ERR_OK);
    ck_assert_uint_eq(bits, 1u << ROLE_AUDITOR | 1u << ROLE_CLAIMANT);
    ck_assert_int_eq(setup_roles("auditor king", &bits), ERR_INVALID);
}
END_TEST

static struct config *config_of(const char *text)
{
    char path[] = "/tmp/eg-setup-XXXXXX";
    int fd = mkstemp(path);
    struct config *c = NULL;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(close(fd), 0);
    ck_assert_msg(config_load(path, &c) == ERR_OK, "%s", err_message(ERR_INVALID));
    ck_assert_int_eq(unlink(path), 0);
    return c;
}

START_TEST(issuers_and_certificates_reach_the_authenticator)
{
    AUTO(config_free)
    struct config *c = config_of(
        "server = { client_ca_file = \"/ca.pem\"; };\n"
        "issuers = ( { issuer = \"i\"; audience = \"a\"; jwks_url = \"https://k.example/\";\n"
        "  allowed_roles = [\"assessor\"]; required_scope = \"evidence\"; outage_max = \"1 "
        "h\"; } );\n"
        "certificates = ( { match = \"san-dns:x\"; subject = \"x\"; roles = "
        "[\"claims_system\"]; } );\n");
    AUTO(setup_free) struct setup *s = NULL;
    struct auth_config auth;

    ck_assert_int_eq(setup_new(c, &s), ERR_OK);
    setup_auth(s, &auth);
    ck_assert_uint_eq(auth.n_issuers, 1);
    ck_assert_ptr_null(auth.issuers[0].jwks_file);
    ck_assert_str_eq(auth.issuers[0].jwks_url, "https://k.example/");
    ck_assert_uint_eq(auth.issuers[0].allowed_roles, 1u << ROLE_ASSESSOR);
    ck_assert_str_eq(auth.issuers[0].required_scope, "evidence");
    ck_assert_uint_eq(auth.issuers[0].outage_max_s, 3600);
    ck_assert_str_eq(auth.issuers[0].algorithms, "ES256 PS256");
    ck_assert_uint_eq(auth.n_mappings, 1);
    ck_assert_uint_eq(auth.mappings[0].roles, 1u << ROLE_CLAIMS_SYSTEM);
    ck_assert_str_eq(auth.client_ca_file, "/ca.pem");
    ck_assert_ptr_null(auth.crl_file);
}
END_TEST

START_TEST(every_layer_gets_its_own)
{
    AUTO(config_free)
    struct config *c = config_of(
        "server = { listen = \"[::1]:7\"; ops_listen = \"127.0.0.1:8\"; log_level = \"error\"; "
        "};\n"
        "limits = { head = \"3 s\"; drain_bytes = \"5 MiB\"; connections_per_address = 9; };\n"
        "policy = { party_issuer = \"p\"; read_session = \"20 s\"; intake_only = true;\n"
        "quota_person_bytes = \"3 MiB\"; quota_person_artefacts = 4; quota_claim_bytes = 0;\n"
        "quota_claim_artefacts = 6; };\n"
        "inspection = { infected = \"restrict\"; retry = \"9 s\"; wait = \"3 s\"; };\n"
        "storage = { reserve = \"7 MiB\"; };\nkeeper = { opens_per_second = 11; };\n");
    struct http_server_config public, operations;
    struct evidence_config evidence;
    struct keeper_config keeper;
    struct inspectors_config inspectors;

    setup_inspectors(c, "/beside", 77, &inspectors);
    setup_server(c, &public);
    setup_ops_server(c, &operations);
    setup_evidence(c, &evidence);
    setup_keeper(c, true, &keeper);
    ck_assert(public.tls && !public.request_client_certificate && public.session_tickets);
    ck_assert_ptr_null(public.client_ca_file);
    ck_assert_uint_eq(public.limits.head_ms, 3000);
    ck_assert_uint_eq(public.limits.drain_bytes, 5u << 20);
    ck_assert_uint_eq(public.limits.connections_per_address, 9);
    ck_assert(!operations.tls);
    ck_assert_str_eq(operations.listen, "127.0.0.1:8");
    ck_assert_str_eq(evidence.party_issuer, "p");
    ck_assert(evidence.inspection && evidence.intake_only);
    ck_assert_uint_eq(evidence.reserve_bytes, 7u << 20);
    ck_assert(evidence.inspecting.restrict_infected);
    ck_assert_uint_eq(evidence.inspecting.retry_s, 9);
    ck_assert_str_eq(inspectors.program, "/beside");
    ck_assert_str_eq(inspectors.clamd_socket, "/run/clamav/clamd.ctl");
    ck_assert_ptr_null(inspectors.user);
    ck_assert_uint_eq(inspectors.finish_ms, 3000);
    ck_assert_uint_eq(inspectors.largest, 77);
    ck_assert_uint_eq(evidence.quota.person_bytes, 3u << 20);
    ck_assert_uint_eq(evidence.quota.person_artefacts, 4);
    ck_assert_uint_eq(evidence.quota.claim_bytes, 0);
    ck_assert_uint_eq(evidence.quota.claim_artefacts, 6);
    ck_assert_uint_eq(keeper.read_session_s, 20);
    ck_assert_uint_eq(keeper.opens_per_second, 11);
    ck_assert(keeper.admin && keeper.intake_only && keeper.require_mlock);
    ck_assert_int_eq(setup_log_level(c), LOG_ERROR);
}
END_TEST

int main(void)
{
    return SUITE_RUN("main/setup", the_settings_know_every_role,
                     issuers_and_certificates_reach_the_authenticator,
                     every_layer_gets_its_own);
}
