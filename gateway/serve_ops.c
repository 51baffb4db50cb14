#include "gateway/serve_ops.h"

#include "gateway/base/clock.h"

#include <stdatomic.h>

enum { CERTIFICATE_WARN_DAYS = 7, SECONDS_A_DAY = 86400 };

/* --- readiness ---------------------------------------------------------------------------- */

static enum err check_database(void *ctx)
{
    struct serve_sources *s = ctx;
    AUTO(db_read_end) struct db *db = NULL;
    struct uuid none = {{0}};
    bool found = false;
    TRY(db_read_begin(s->db, &db));
    return artefact_exists(db, &none, &found);
}

static enum err check_storage(void *ctx)
{
    struct serve_sources *s = ctx;
    return evidence_health(s->evidence);
}

static enum err check_keeper(void *ctx)
{
    struct serve_sources *s = ctx;
    struct keeper_info info;
    return keeper_info(s->keeper, &info);
}

static enum err check_log(void *ctx)
{
    struct serve_sources *s = ctx;
    return ledger_health(s->ledger);
}

static enum err check_authentication(void *ctx)
{
    struct serve_sources *s = ctx;
    return authenticator_health(s->auth);
}

static enum err check_certificate(void *ctx)
{
    struct serve_sources *s = ctx;
    int64_t left = http_server_certificate_expiry(s->server) - clock_now_seconds();
    if (left < (int64_t)CERTIFICATE_WARN_DAYS * SECONDS_A_DAY)
        return err_set(ERR_EXPIRED, "the certificate expires in %lld days",
                       (long long)(left / SECONDS_A_DAY));
    return ERR_OK;
}

/* --- figures ------------------------------------------------------------------------------ */

#define EVIDENCE_GAUGE(field)                                                                  \
    static double read_##field(void *ctx)                                                      \
    {                                                                                          \
        struct evidence_stats stats;                                                           \
        evidence_stats(((struct serve_sources *)ctx)->evidence, &stats);                       \
        return (double)stats.field;                                                            \
    }
#define COMMIT_GAUGE(field)                                                                    \
    static double read_##field(void *ctx)                                                      \
    {                                                                                          \
        struct committer_stats stats;                                                          \
        committer_stats(((struct serve_sources *)ctx)->committer, &stats);                     \
        return (double)stats.field;                                                            \
    }
#define HTTP_GAUGE(field)                                                                      \
    static double read_##field(void *ctx)                                                      \
    {                                                                                          \
        struct http_stats stats;                                                               \
        http_server_stats(((struct serve_sources *)ctx)->server, &stats);                      \
        return (double)stats.field;                                                            \
    }

EVIDENCE_GAUGE(uploads_now)
EVIDENCE_GAUGE(read_sessions_now)
EVIDENCE_GAUGE(uploads_accepted)
EVIDENCE_GAUGE(uploads_refused)
EVIDENCE_GAUGE(bytes_in)
EVIDENCE_GAUGE(bytes_out)
EVIDENCE_GAUGE(scribe_dropped)
COMMIT_GAUGE(jobs)
COMMIT_GAUGE(batches)
COMMIT_GAUGE(failures)
HTTP_GAUGE(connections_now)
HTTP_GAUGE(connections_total)
HTTP_GAUGE(refused_connections)
HTTP_GAUGE(reaped)
HTTP_GAUGE(handshake_failures)
HTTP_GAUGE(bad_heads)

static double read_log_size(void *ctx)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint64_t size = 0;
    buf_init(&note, NOTE_MAX);
    return ledger_checkpoint(((struct serve_sources *)ctx)->ledger, &note, &size) == ERR_OK
               ? (double)size
               : 0;
}

static double read_certificate_expiry(void *ctx)
{
    return (double)http_server_certificate_expiry(((struct serve_sources *)ctx)->server);
}

void serve_ops_fill(struct ops *ops, struct serve_sources *s, struct request_metrics *requests)
{
    const struct ops_check checks[] = {
        {"database", check_database, s},
        {"storage", check_storage, s},
        {"keeper", check_keeper, s},
        {"log", check_log, s},
        {"authentication", check_authentication, s},
        {"certificate", check_certificate, s},
    };
    const struct ops_gauge gauges[] = {
        {"evidence_uploads_now", "Uploads running.", false, read_uploads_now, s},
        {"evidence_read_sessions_now", "Read sessions open.", false, read_read_sessions_now, s},
        {"evidence_uploads_accepted_total", "Uploads committed.", true, read_uploads_accepted,
         s},
        {"evidence_uploads_refused_total", "Uploads refused.", true, read_uploads_refused, s},
        {"evidence_bytes_in_total", "Plaintext bytes taken in.", true, read_bytes_in, s},
        {"evidence_bytes_out_total", "Plaintext bytes given out.", true, read_bytes_out, s},
        {"evidence_scribe_dropped_total",
         "Log entries lost because nothing could be written: look into it.", true,
         read_scribe_dropped, s},
        {"evidence_commit_jobs_total", "Commit jobs.", true, read_jobs, s},
        {"evidence_commit_batches_total", "Commit batches, one flush and one signature each.",
         true, read_batches, s},
        {"evidence_commit_failures_total", "Commit jobs that failed.", true, read_failures, s},
        {"evidence_connections_now", "Connections.", false, read_connections_now, s},
        {"evidence_connections_total", "Connections since the start.", true,
         read_connections_total, s},
        {"evidence_connections_refused_total", "Connections over a limit.", true,
         read_refused_connections, s},
        {"evidence_connections_reaped_total", "Connections cut at a deadline.", true,
         read_reaped, s},
        {"evidence_handshake_failures_total", "TLS handshakes that failed.", true,
         read_handshake_failures, s},
        {"evidence_bad_heads_total", "Requests refused by the head check.", true,
         read_bad_heads, s},
        {"evidence_log_size", "Entries covered by the newest checkpoint.", false, read_log_size,
         s},
        {"evidence_certificate_expiry_seconds",
         "When the served certificate expires, Unix time.", false, read_certificate_expiry, s},
    };
    _Static_assert(ARRAY_LEN(checks) <= OPS_CHECKS_MAX && ARRAY_LEN(gauges) <= OPS_GAUGES_MAX,
                   "room for all");
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        ops->checks[ops->n_checks++] = checks[i];
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        ops->gauges[ops->n_gauges++] = gauges[i];
    ops->requests = requests;
}
