/* The one place where names of settings meet names of the layers' structs. */
#include "gateway/setup.h"

#include "gateway/inspect/inspection.h"

#include <stdlib.h>
#include <string.h>

enum { ROLE_NAME_MAX = 64 };

enum err setup_roles(const char *words, uint32_t *out)
{
    *out = 0;
    while (*words) {
        size_t len = strcspn(words, " ");
        char name[ROLE_NAME_MAX] = "";
        enum role role;

        if (len >= sizeof(name))
            return err_set(ERR_INVALID, "there is no such role");
        memcpy(name, words, len);
        TRY(role_parse(name, &role));
        *out |= 1u << role;
        words += len;
        words += *words == ' ';
    }
    return ERR_OK;
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static enum err issuer_of(const struct config_issuer *from, struct issuer_config *to)
{
    *to = (struct issuer_config){
        .issuer = from->issuer,
        .audience = from->audience,
        .jwks_file = or_null(from->jwks_file),
        .jwks_url = or_null(from->jwks_url),
        .ca_file = or_null(from->ca_file),
        .allow_plain_http = from->allow_plain_http,
        .role_claim = from->role_claim,
        .required_scope = or_null(from->required_scope),
        .algorithms = from->algorithms,
        .leeway_s = from->leeway_s,
        .max_lifetime_s = from->max_lifetime_s,
        .cache_min_s = from->cache_min_s,
        .cache_max_s = from->cache_max_s,
        .refetch_min_s = from->refetch_min_s,
        .outage_max_s = from->outage_max_s,
    };
    return setup_roles(from->allowed_roles, &to->allowed_roles);
}

enum err setup_new(const struct config *c, struct setup **out)
{
    AUTO(setup_free) struct setup *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(ERR_NOMEM, "the settings");
    s->config = c;
    s->issuers = calloc(c->n_issuers + 1, sizeof(*s->issuers));
    s->mappings = calloc(c->n_certificates + 1, sizeof(*s->mappings));
    if (!s->issuers || !s->mappings)
        return err_set(ERR_NOMEM, "the settings");
    for (size_t i = 0; i < c->n_issuers; i++)
        TRY(issuer_of(&c->issuers[i], &s->issuers[i]));
    for (size_t i = 0; i < c->n_certificates; i++) {
        s->mappings[i].match = c->certificates[i].match;
        s->mappings[i].subject = c->certificates[i].subject;
        TRY(setup_roles(c->certificates[i].roles, &s->mappings[i].roles));
    }
    *out = TAKE(s);
    return ERR_OK;
}

void setup_free(struct setup *s)
{
    if (!s)
        return;
    free(s->issuers);
    free(s->mappings);
    free(s);
}

void setup_auth(const struct setup *s, struct auth_config *out)
{
    *out = (struct auth_config){
        .issuers = s->issuers,
        .n_issuers = s->config->n_issuers,
        .client_ca_file = or_null(s->config->server.client_ca_file),
        .crl_file = or_null(s->config->server.client_crl_file),
        .mappings = s->mappings,
        .n_mappings = s->config->n_certificates,
        .token_cache = s->config->policy.token_cache,
        .conflicts_allowed = strcmp(s->config->policy.conflicting_roles, "log") == 0,
    };
}

void setup_evidence(const struct config *c, struct evidence_config *out)
{
    enum nation nation = NATION_ENGLAND_AND_WALES;
    enum err e = nation_parse(c->deadlines.nation, &nation);
    assert(e == ERR_OK); /* the setting has no other words */
    *out = (struct evidence_config){
        .inspection = c->policy.inspection,
        .intake_only = c->policy.intake_only,
        .party_issuer = c->policy.party_issuer,
        .keyring_file = c->keeper.keyring_file,
        .read_session_s = c->policy.read_session_s,
        .read_sessions = c->policy.read_sessions_max,
        .uploads = c->policy.uploads_max,
        .recheck_bytes_mib = c->policy.recheck_mib,
        .reserve_bytes = c->storage.reserve,
        .idempotency_ttl_s = c->policy.idempotency_ttl_s,
        .upload_expiry_s = c->policy.upload_expiry_s,
        .upload_memory_s = c->policy.upload_memory_s,
        .open_uploads_per_person = c->policy.open_uploads_per_person,
        .upload_records_per_person = c->policy.upload_records_per_person,
        .audit_notice_s = c->policy.audit_notice_s,
        .audit_reading_s = c->policy.audit_reading_s,
        .uploads_warm = c->policy.uploads_warm,
        .report_overdue_s = c->policy.report_overdue_s,
        .quota = {.person_bytes = c->policy.quota_person_bytes,
                  .person_artefacts = c->policy.quota_person_artefacts,
                  .claim_bytes = c->policy.quota_claim_bytes,
                  .claim_artefacts = c->policy.quota_claim_artefacts},
        .inspecting = {.restrict_infected = strcmp(c->inspection.infected, "restrict") == 0,
                       .keep_locked = strcmp(c->inspection.locked, "wait") == 0,
                       .password_wait_s = c->inspection.password_wait_s,
                       .password_tries = c->inspection.password_tries,
                       .interval_tolerance_s = c->inspection.interval_tolerance_s,
                       .interval_shortfall_s = c->inspection.interval_shortfall_s,
                       .retry_s = c->inspection.retry_s,
                       .retry_max_s = c->inspection.retry_max_s,
                       .rescan_recent_s = c->inspection.rescan_recent_s},
        .deadlines = {.nation = nation,
                      .aim_s = c->deadlines.report_aim_s,
                      .contract_days = (unsigned)c->deadlines.contract_days,
                      .ageing_days = (unsigned)c->deadlines.ageing_days,
                      .ageing_working = strcmp(c->deadlines.ageing_unit, "working") == 0,
                      .ended_stages = c->deadlines.ended_stages,
                      .lease_max_s = c->deadlines.lease_max_s,
                      .soon_days = (unsigned)c->deadlines.due_soon_days},
        .keeping = {.grace_s = c->policy.disposal_grace_s,
                    .backups_kept_s = c->policy.backups_kept_s,
                    .closed_stage = c->policy.closed_stage},
    };
}

void setup_inspectors(const struct config *c, const char *program, uint64_t largest,
                      struct inspectors_config *out)
{
    *out = (struct inspectors_config){
        .program = *c->inspection.program != '\0' ? c->inspection.program : program,
        .clamd_socket = c->inspection.clamd_socket,
        .clamd_conf = or_null(c->inspection.clamd_conf),
        .user = or_null(c->inspection.user),
        .pool_size = c->inspection.inspections_max,
        .begin_wait_ms = c->inspection.begin_wait_ms,
        .stall_ms = c->inspection.stall_ms,
        .finish_ms = c->inspection.wait_ms,
        .memory_max = c->inspection.memory,
        .largest = largest,
        .sandbox_required = c->inspection.sandbox_required,
    };
}

void setup_keeper(const struct config *c, bool admin, struct keeper_config *out)
{
    *out = (struct keeper_config){
        .keys_dir = c->keeper.keys_dir,
        .log_key_file = c->keeper.log_key_file,
        .log_name = c->keeper.log_name,
        .state_file = c->keeper.state_file,
        .user = c->keeper.user,
        .intake_only = c->policy.intake_only,
        .require_mlock = c->keeper.require_mlock,
        .read_session_s = c->policy.read_session_s,
        .opens_per_second = c->keeper.opens_per_second,
        .columns = !c->policy.intake_only,
        .admin = admin,
    };
}

void setup_permissions(const struct config *c)
{
    permission_configure(
        &(struct permission_options){.assessors_any_claim = c->policy.assessors_any_claim});
}

static void limits_of(const struct config *c, struct http_limits *out)
{
    *out = (struct http_limits){
        .connections = c->limits.connections,
        .connections_per_address = c->limits.connections_per_address,
        .head_ms = c->limits.head_ms,
        .idle_ms = c->limits.idle_ms,
        .request_ms = c->limits.request_ms,
        .body_min_rate = c->limits.body_min_rate,
        .body_rate_window_ms = c->limits.body_rate_window_ms,
        .drain_bytes = c->limits.drain_bytes,
        .drain_ms = c->limits.drain_ms,
        .head_bytes = c->limits.head_bytes,
        .target_bytes = c->limits.target_bytes,
        .connection_memory = c->limits.connection_memory,
        .thread_stack = c->limits.thread_stack,
    };
}

void setup_server(const struct config *c, struct http_server_config *out)
{
    *out = (struct http_server_config){
        .listen = c->server.listen,
        .tls = true,
        .certificate_file = c->server.certificate_file,
        .private_key_file = c->server.private_key_file,
        .request_client_certificate = *c->server.client_ca_file != '\0',
        .client_ca_file = or_null(c->server.client_ca_file),
        .session_tickets = c->server.session_tickets,
        .cors_origins = c->server.cors_origins,
    };
    limits_of(c, &out->limits);
}

void setup_ops_server(const struct config *c, struct http_server_config *out)
{
    *out = (struct http_server_config){.listen = c->server.ops_listen, .tls = false};
    limits_of(c, &out->limits);
}

enum log_level setup_log_level(const struct config *c)
{
    static const char *const names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], c->server.log_level) == 0)
            return (enum log_level)i;
    }
    return LOG_INFO;
}
