/* The domain's context: what every part of it leans on. No HTTP, no SQL here.
 *
 * Its rooms, of which each may use those before it (tests/check-layers):
 *
 *     rules       what every act is held against: who stands how to a claim, the kinds, how
 *                 much, a call that is sent twice, what a refusal is called
 *     log         what the log is told, and what it tells auditors and everybody
 *     claims      claims, consents, histories; what is asked for, until when, who is told
 *     reading     artefacts and their links; their content, behind an entry of the log
 *     recording   the recording choice, and what follows from it
 *     inspection  what the bytes were found to be, when they came and later
 *     intake      the road by which all evidence comes in
 *     resumable   the same road in pieces, over days and restarts
 *     reports     medical reports under the special rules, which may come before their claim
 *     bundles     what a claim has, as one archive
 *     keeping     hiding, holding, keeping for so long, destroying
 */
#ifndef GATEWAY_EVIDENCE_EVIDENCE_H
#define GATEWAY_EVIDENCE_EVIDENCE_H

#include "gateway/auth/permission.h"
#include "gateway/evidence/claims/deadline.h"
#include "gateway/evidence/claims/telling.h"
#include "gateway/evidence/rules/kinds.h"
#include "gateway/evidence/rules/refusal.h"
#include "gateway/keeper/keeper.h"
#include "gateway/keeper/keyring.h"
#include "storage/committer.h"

struct quota_limits { /* rules/quota.h; 0: none */
    uint64_t person_bytes, person_artefacts, claim_bytes, claim_artefacts;
};

struct inspection_policy {
    bool restrict_infected;        /* what is infected is kept, sealed and restricted */
    bool keep_locked;              /* a PDF with a password waits for it: inspection/unlock.h */
    unsigned password_wait_s, password_tries;
    unsigned interval_tolerance_s; /* a recording may be longer than its stated times by this */
    unsigned interval_shortfall_s; /* or shorter by this */
    unsigned retry_s, retry_max_s; /* after which what could not be inspected is tried again */
    unsigned rescan_recent_s;      /* on new signatures: what came in so lately, again */
};

struct keeping_policy {
    unsigned grace_s;        /* from the approval of a disposal to its doing */
    unsigned backups_kept_s; /* the oldest backup that anybody keeps */
    const char *closed_stage; /* a claim's, at which live interest in it ends */
};

struct evidence_config {
    bool inspection; /* false: artefacts are available without having been looked at
                        (development) */
    bool intake_only;
    const char *party_issuer; /* issuer of parties that are named by subject alone */
    const char *keyring_file;
    unsigned read_session_s;
    unsigned read_sessions;     /* open at once */
    unsigned uploads;           /* running at once */
    unsigned recheck_bytes_mib; /* a running download re-checks the artefact's status after so
                                   many MiB */
    uint64_t reserve_bytes; /* free space kept: below it uploads are refused as storage-full */
    unsigned idempotency_ttl_s;
    unsigned upload_expiry_s; /* an unfinished upload that nobody goes on with */
    unsigned upload_memory_s; /* how long ended ones are known as ended */
    unsigned open_uploads_per_person;
    unsigned upload_records_per_person; /* those included that have ended */
    unsigned audit_notice_s, audit_reading_s; /* log/sample.h */
    unsigned uploads_warm; /* unfinished ones that go on without being read back */
    unsigned report_overdue_s; /* a medical report that waits for its claim longer is overdue */
    struct quota_limits quota;
    struct inspection_policy inspecting;
    struct deadline_policy deadlines;
    struct telling_policy telling;
    struct keeping_policy keeping;
};

struct evidence; /* opaque beyond gateway/evidence/ */
struct inspectors;

struct evidence_parts {
    struct db_pool *db;
    struct ledger *ledger;
    struct committer *committer;
    struct blob_store *blobs;
    struct keeper *keeper;
    const struct kinds *kinds; /* borrowed for the life */
    const struct calendar *calendar; /* the same; NULL: only weekends are known */
    struct inspectors *inspectors; /* NULL: nothing is inspected here */
};
/* Borrows the parts. Closes the read sessions that a crash left open (their entries say so). */
MUST_USE enum err evidence_new(const struct evidence_config *config,
                               const struct evidence_parts *parts, struct evidence **out);
void evidence_free(
    struct evidence *ev); /* closes read sessions, writes what the scribe still holds */
DEFINE_AUTO(struct evidence, evidence_free);
/* Tells the log that the gateway runs, and by which policy: "gateway.started" with version, the
 * SHA-256 of the kinds table as it was read, inspection, intake_only, the active service key.
 * Logged again by evidence_reload when the active key changed ("key.active"). */
MUST_USE enum err evidence_announce(struct evidence *ev, const uint8_t kinds_sha256[32]);
/* The keyring file is read again (after keys add|rotate). */
MUST_USE enum err evidence_reload(struct evidence *ev);
/* Sweeps: expired read sessions are closed, idempotency keys forgotten, unfinished uploads
 * expire. Called every few seconds by main. */
void evidence_tick(struct evidence *ev);
/* Removes objects without a record that are older than an hour (a crash between publishing and
 * commit). */
MUST_USE enum err evidence_sweep(struct evidence *ev, size_t *removed);

struct evidence_stats {
    uint64_t uploads_now, read_sessions_now, uploads_accepted, uploads_refused, bytes_in,
        bytes_out, scribe_dropped;
    uint64_t inspections_due, inspected_later, rescanned, rescan_found;
    int64_t inspections_due_since; /* micros; 0: none is due */
};
void evidence_stats(struct evidence *ev, struct evidence_stats *out);
/* readyz: space below the reserve, keyring trouble */
MUST_USE enum err evidence_health(struct evidence *ev);

#endif
