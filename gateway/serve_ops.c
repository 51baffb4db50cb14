#include "gateway/serve_ops.h"

#include "gateway/base/clock.h"
#include "gateway/inspect/inspection.h"

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

/* Without it uploads are still taken in: they wait in quarantine. */
static enum err check_inspection(void *ctx)
{
    struct serve_sources *s = ctx;
    struct inspectors_health health;
    inspectors_health(s->inspectors, &health);
    if (!health.clamd_reachable)
        return err_set(ERR_UNAVAILABLE, "clamd does not answer: uploads wait in quarantine");
    if (!health.detects)
        return err_set(ERR_UNAVAILABLE, "clamd finds nothing: has it any signatures?");
    if (!health.tells_limits)
        return err_set(ERR_UNAVAILABLE, "clamd hides its limits: set AlertExceedsMax yes");
    if (!health.reaches)
        return err_set(ERR_UNAVAILABLE, "clamd gives up too early: raise its size limits");
    return health.good ? ERR_OK : err_set(ERR_UNAVAILABLE, "clamd is being tried");
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
#define INSPECT_GAUGE(name, field)                                                             \
    static double read_inspect_##name(void *ctx)                                               \
    {                                                                                          \
        struct inspectors_stats stats = {.begun = 0};                                          \
        struct serve_sources *s = ctx;                                                         \
        if (s->inspectors)                                                                     \
            inspectors_stats(s->inspectors, &stats);                                           \
        return (double)stats.field;                                                            \
    }
#define MESSAGE_GAUGE(field)                                                                   \
    static double read_message_##field(void *ctx)                                              \
    {                                                                                          \
        struct notify_stats stats;                                                             \
        notify_stats(((struct serve_sources *)ctx)->notify, &stats);                           \
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
EVIDENCE_GAUGE(inspections_due)
EVIDENCE_GAUGE(inspected_later)
EVIDENCE_GAUGE(rescanned)
EVIDENCE_GAUGE(rescan_found)
INSPECT_GAUGE(active, active)
INSPECT_GAUGE(clean, outcomes[INSPECT_CLEAN])
INSPECT_GAUGE(virus, outcomes[INSPECT_VIRUS])
INSPECT_GAUGE(password, outcomes[INSPECT_PASSWORD])
INSPECT_GAUGE(unreadable, outcomes[INSPECT_UNREADABLE])
INSPECT_GAUGE(type_mismatch, outcomes[INSPECT_TYPE_MISMATCH])
INSPECT_GAUGE(could_not_scan, outcomes[INSPECT_COULD_NOT_SCAN])
INSPECT_GAUGE(unreachable, reasons[REASON_SCANNER_UNREACHABLE])
INSPECT_GAUGE(killed, killed)
MESSAGE_GAUGE(sent)
MESSAGE_GAUGE(delivered)
MESSAGE_GAUGE(retried)
MESSAGE_GAUGE(failed)
MESSAGE_GAUGE(dropped)
MESSAGE_GAUGE(waiting)
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

static double read_due_seconds(void *ctx)
{
    struct evidence_stats stats;
    evidence_stats(((struct serve_sources *)ctx)->evidence, &stats);
    return stats.inspections_due_since == 0
               ? 0
               : (double)((clock_now() - stats.inspections_due_since) / MICROS_PER_SECOND);
}

static double read_message_seconds(void *ctx)
{
    struct notify_stats stats;
    notify_stats(((struct serve_sources *)ctx)->notify, &stats);
    return stats.oldest == 0 ? 0 : (double)((clock_now() - stats.oldest) / MICROS_PER_SECOND);
}

static double read_scanner_good(void *ctx)
{
    struct serve_sources *s = ctx;
    return s->inspectors && check_inspection(s) == ERR_OK ? 1 : 0;
}

void serve_ops_fill(struct ops *ops, struct serve_sources *s, struct request_metrics *requests)
{
    const struct ops_check checks[] = {
        {"database", check_database, s, false},
        {"storage", check_storage, s, false},
        {"keeper", check_keeper, s, false},
        {"log", check_log, s, false},
        {"authentication", check_authentication, s, false},
        {"certificate", check_certificate, s, false},
        {"inspection", check_inspection, s, true},
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
        {"evidence_scanner_good", "Whether what is inspected now can come out clean.", false,
         read_scanner_good, s},
        {"evidence_inspections_now", "Inspections running.", false, read_inspect_active, s},
        {"evidence_inspections_due", "Artefacts that wait for their inspection.", false,
         read_inspections_due, s},
        {"evidence_inspections_due_seconds", "How long the first of them has waited.", false,
         read_due_seconds, s},
        {"evidence_inspected_later_total", "Of those that waited, done.", true,
         read_inspected_later, s},
        {"evidence_rescanned_total", "Artefacts looked at again.", true, read_rescanned, s},
        {"evidence_rescan_found_total", "Infected ones found after they were taken in.", true,
         read_rescan_found, s},
        {"evidence_inspected_clean_total", "Verdicts: clean.", true, read_inspect_clean, s},
        {"evidence_inspected_virus_total", "Verdicts: a virus.", true, read_inspect_virus, s},
        {"evidence_inspected_password_total", "Verdicts: password protected.", true,
         read_inspect_password, s},
        {"evidence_inspected_unreadable_total", "Verdicts: unreadable.", true,
         read_inspect_unreadable, s},
        {"evidence_inspected_type_mismatch_total", "Verdicts: of another type.", true,
         read_inspect_type_mismatch, s},
        {"evidence_inspected_could_not_scan_total", "Verdicts: could not be scanned.", true,
         read_inspect_could_not_scan, s},
        {"evidence_scanner_unreachable_total", "Of these, because clamd did not answer.", true,
         read_inspect_unreachable, s},
        {"evidence_inspectors_killed_total", "Inspectors that were killed.", true,
         read_inspect_killed, s},
        {"evidence_messages_waiting", "Messages that are not sent yet.", false,
         read_message_waiting, s},
        {"evidence_messages_waiting_seconds", "How long the first of them has waited.", false,
         read_message_seconds, s},
        {"evidence_messages_sent_total", "Messages sent.", true, read_message_sent, s},
        {"evidence_messages_delivered_total", "Messages known as delivered.", true,
         read_message_delivered, s},
        {"evidence_messages_retried_total", "Attempts that did not get through.", true,
         read_message_retried, s},
        {"evidence_messages_failed_total", "Messages refused, undeliverable or given up.", true,
         read_message_failed, s},
        {"evidence_messages_dropped_total",
         "Messages whose receiver may not be told any more, or has no address.", true,
         read_message_dropped, s},
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
    size_t n_checks = ARRAY_LEN(checks) - (s->inspectors ? 0 : 1); /* the last one */
    for (size_t i = 0; i < n_checks; i++)
        ops->checks[ops->n_checks++] = checks[i];
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        ops->gauges[ops->n_gauges++] = gauges[i];
    ops->requests = requests;
}
