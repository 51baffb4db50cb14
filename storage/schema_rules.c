#include "storage/schema_rules.h"

#include <stddef.h>

/* Who acts for whom, choices and recordings. */
const char *const SCHEMA_PEOPLE[] = {
    /* The claimant died: whose authority ends, and what is frozen, follows from the time. */
    "CREATE TABLE claim_deaths("
    "  claim       BLOB PRIMARY KEY REFERENCES claims(id),"
    "  died_at     INTEGER NOT NULL,"
    "  recorded_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* What stands behind an event of the choice: as what its actor acted, the notice that was
     * shown, and the policy in force (the hash of the kinds table). */
    "ALTER TABLE choice_events ADD COLUMN authority TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE choice_events ADD COLUMN notice_sha256 BLOB",
    "ALTER TABLE choice_events ADD COLUMN policy BLOB",

    /* Who has read an artefact; and the copies of a restricted recording that are to go. */
    "CREATE INDEX read_sessions_by_artefact ON read_sessions(artefact, id)",
    "CREATE TABLE copy_deletions("
    "  session      BLOB PRIMARY KEY REFERENCES read_sessions(id),"
    "  requested_at INTEGER NOT NULL,"
    "  confirmed_at INTEGER NOT NULL" /* by the retriever; 0: not yet */
    ") STRICT, WITHOUT ROWID",

    /* What must not have happened, until somebody has looked into it. */
    "CREATE TABLE incidents("
    "  id               BLOB PRIMARY KEY,"
    "  kind             TEXT NOT NULL,"
    "  claim            BLOB NOT NULL REFERENCES claims(id),"
    "  assessment       BLOB NOT NULL REFERENCES assessments(id),"
    "  artefact         BLOB NOT NULL REFERENCES artefacts(id),"
    "  event_id         TEXT NOT NULL," /* of the choice that brought it to light */
    "  raised_at        INTEGER NOT NULL,"
    "  ledger_index     INTEGER NOT NULL," /* of its first entry */
    "  reviewed_at      INTEGER NOT NULL,"
    "  reviewer_issuer  TEXT NOT NULL,"
    "  reviewer_subject TEXT NOT NULL,"
    "  outcome          BLOB" /* sealed */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX incidents_open ON incidents(id) WHERE reviewed_at = 0",
    "CREATE INDEX incidents_by_assessment ON incidents(assessment, id)",
    NULL,
};

/* Medical reports and the tray of those that belong to no claim yet. */
const char *const SCHEMA_REPORTS[] = {
    /* What is kept of a report beside its artefact. With a row number: what is sealed is large.
     */
    "CREATE TABLE medical_reports("
    "  artefact  BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  form      TEXT NOT NULL,"
    "  named     INTEGER NOT NULL," /* its sender named the claim */
    "  waiting   INTEGER NOT NULL," /* it is on the tray */
    "  unmatched INTEGER NOT NULL," /* nobody has looked for its claim yet */
    "  subject   BLOB,"             /* blind index; NULL: cannot be matched */
    "  details   BLOB"              /* sealed; NULL: forgotten */
    ") STRICT",
    "CREATE INDEX medical_reports_waiting ON medical_reports(artefact) WHERE waiting = 1",
    "CREATE INDEX medical_reports_by_subject ON medical_reports(subject, artefact)"
    " WHERE waiting = 1",
    "CREATE INDEX medical_reports_unmatched ON medical_reports(artefact) WHERE unmatched = 1",

    /* The blind index by which a report finds a claim. */
    "CREATE TABLE claim_subjects("
    "  claim   BLOB PRIMARY KEY REFERENCES claims(id),"
    "  subject BLOB" /* NULL: it cannot be found so */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX claim_subjects_by_subject ON claim_subjects(subject, claim)"
    " WHERE subject IS NOT NULL",
    NULL,
};

/* Restriction, holds, retention, disposal. */
const char *const SCHEMA_KEEPING[] = {
    /* Hidden by staff, while it is. */
    "CREATE TABLE restrictions("
    "  artefact      BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  before        TEXT NOT NULL," /* artefact_status_name() */
    "  before_reason TEXT NOT NULL,"
    "  reason        BLOB," /* sealed */
    "  by_issuer     TEXT NOT NULL,"
    "  by_subject    TEXT NOT NULL,"
    "  at            INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* Held by the law, while it is. */
    "CREATE TABLE holds("
    "  artefact   BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  reason     BLOB," /* sealed */
    "  by_issuer  TEXT NOT NULL,"
    "  by_subject TEXT NOT NULL,"
    "  at         INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* What is due by retention, drawn up as a list that two people sign. */
    "CREATE TABLE disposal_lists("
    "  id               BLOB PRIMARY KEY,"
    "  state            TEXT NOT NULL," /* 'drawn', 'proposed', 'approved', 'dropped' */
    "  policy           TEXT NOT NULL,"
    "  policy_sha256    BLOB NOT NULL,"
    "  items            INTEGER NOT NULL,"
    "  drawn_by         TEXT NOT NULL,"
    "  drawn_at         INTEGER NOT NULL,"
    "  proposed_issuer  TEXT NOT NULL,"
    "  proposed_subject TEXT NOT NULL,"
    "  proposed_at      INTEGER NOT NULL,"
    "  approved_issuer  TEXT NOT NULL,"
    "  approved_subject TEXT NOT NULL,"
    "  approved_at      INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE disposal_list_items("
    "  list     BLOB NOT NULL REFERENCES disposal_lists(id),"
    "  artefact BLOB NOT NULL REFERENCES artefacts(id),"
    "  due_since INTEGER NOT NULL,"
    "  PRIMARY KEY(list, artefact)"
    ") STRICT, WITHOUT ROWID",

    /* One artefact on its way to being destroyed; in the end its tombstone. */
    "CREATE TABLE disposals("
    "  artefact         BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  state            TEXT NOT NULL," /* disposal_state_name() */
    "  list             BLOB REFERENCES disposal_lists(id),"
    "  reason           BLOB," /* sealed */
    "  policy           TEXT NOT NULL,"
    "  proposed_issuer  TEXT NOT NULL,"
    "  proposed_subject TEXT NOT NULL,"
    "  proposed_at      INTEGER NOT NULL,"
    "  approved_issuer  TEXT NOT NULL,"
    "  approved_subject TEXT NOT NULL,"
    "  approved_at      INTEGER NOT NULL,"
    "  due_at           INTEGER NOT NULL,"
    "  shredded_at      INTEGER NOT NULL,"
    "  finished_at      INTEGER NOT NULL,"
    "  backups_until    INTEGER NOT NULL,"
    "  upload_entry     INTEGER NOT NULL,"
    "  commitment       BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX disposals_due ON disposals(due_at) WHERE state IN ('approved', 'shredding')",

    /* When live interest in a claim ended, as the claims system told us. No row: it has not. Of
     * those that were closed before this table was there: when they were last changed, which is
     * no earlier. */
    "CREATE TABLE live_interest("
    "  claim    BLOB PRIMARY KEY REFERENCES claims(id),"
    "  ended_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX live_interest_by_end ON live_interest(ended_at)",
    "INSERT INTO live_interest SELECT id, updated_at FROM claims WHERE stage = 'closed'",

    /* The retention in force, by kind: the longest that the policy file ever said, until two
     * people have agreed to a shorter one. 0: kept. */
    "CREATE TABLE retention("
    "  kind    TEXT PRIMARY KEY,"
    "  seconds INTEGER NOT NULL,"
    "  policy  TEXT NOT NULL,"
    "  sha256  BLOB NOT NULL,"
    "  since   INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    /* A shorter one that the policy file wants and one person has proposed. */
    "CREATE TABLE retention_shortenings("
    "  sha256           BLOB PRIMARY KEY," /* of the policy file */
    "  reason           TEXT NOT NULL,"
    "  proposed_issuer  TEXT NOT NULL,"
    "  proposed_subject TEXT NOT NULL,"
    "  proposed_at      INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

/* Evidence asked for, leases, deadlines. */
const char *const SCHEMA_REQUESTS[] = {
    "CREATE TABLE evidence_requests("
    "  id                BLOB PRIMARY KEY,"
    "  claim             BLOB NOT NULL REFERENCES claims(id),"
    "  what              BLOB," /* sealed */
    "  kind              TEXT NOT NULL," /* '': any */
    "  from_role         TEXT NOT NULL,"
    "  functional        INTEGER NOT NULL,"
    "  harmful           INTEGER NOT NULL,"
    "  due               INTEGER NOT NULL," /* 0: none */
    "  state             TEXT NOT NULL,"
    "  asked_at          INTEGER NOT NULL,"
    "  closed_at         INTEGER NOT NULL,"
    "  by_issuer         TEXT NOT NULL,"
    "  by_subject        TEXT NOT NULL,"
    "  by_role           TEXT NOT NULL,"
    "  fulfilled_issuer  TEXT NOT NULL,"
    "  fulfilled_subject TEXT NOT NULL,"
    "  told              INTEGER NOT NULL" /* that it is due soon */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX evidence_requests_by_claim ON evidence_requests(claim, id)",
    "CREATE INDEX evidence_requests_due ON evidence_requests(due)"
    " WHERE state = 'open' AND told = 0 AND due > 0",

    /* What came of a request. */
    "CREATE TABLE request_items("
    "  request  BLOB NOT NULL REFERENCES evidence_requests(id),"
    "  artefact BLOB NOT NULL REFERENCES artefacts(id),"
    "  at       INTEGER NOT NULL,"
    "  PRIMARY KEY(request, artefact)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX request_items_by_artefact ON request_items(artefact)",

    "CREATE TABLE claim_leases("
    "  claim         BLOB PRIMARY KEY REFERENCES claims(id),"
    "  owner_issuer  TEXT NOT NULL,"
    "  owner_subject TEXT NOT NULL,"
    "  role          TEXT NOT NULL,"
    "  reason        BLOB," /* sealed */
    "  since         INTEGER NOT NULL,"
    "  until         INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* How long a claim has been with us, by its nation's calendar. */
    "CREATE TABLE claim_clocks("
    "  claim         BLOB PRIMARY KEY REFERENCES claims(id),"
    "  nation        TEXT NOT NULL," /* '': the default */
    "  special_rules INTEGER NOT NULL,"
    "  started_at    INTEGER NOT NULL,"
    "  ended_at      INTEGER NOT NULL" /* 0: it runs */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX claim_clocks_running ON claim_clocks(special_rules, started_at, claim)"
    " WHERE ended_at = 0",
    "INSERT INTO claim_clocks SELECT id, '', special_rules, created_at, 0 FROM claims",

    /* When an artefact could first be considered, and who first opened it, by role. */
    "CREATE TABLE artefact_times("
    "  artefact     BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  available_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE artefact_openings("
    "  artefact BLOB NOT NULL REFERENCES artefacts(id),"
    "  role     TEXT NOT NULL,"
    "  at       INTEGER NOT NULL,"
    "  PRIMARY KEY(artefact, role)"
    ") STRICT, WITHOUT ROWID",

    /* Where an artefact was before, and where its bytes are besides. */
    "CREATE INDEX artefact_links_removed ON artefact_links(artefact) WHERE removal > 0",
    "CREATE INDEX artefacts_by_bytes ON artefacts(sha256)",
    NULL,
};

/* Samples, statistics, and the indexes of the auditor's questions. */
const char *const SCHEMA_AUDIT[] = {
    /* Each ends in the row number: in order of time, then of entry. */
    "CREATE INDEX ledger_entries_by_time ON ledger_entries(time)",
    "CREATE INDEX ledger_entries_by_action ON ledger_entries(action, time)"
    " WHERE action IS NOT NULL",
    "CREATE INDEX ledger_entries_by_actor ON ledger_entries(actor, time)"
    " WHERE actor IS NOT NULL",
    "CREATE INDEX ledger_entries_by_actor_action ON ledger_entries(actor, action, time)"
    " WHERE actor IS NOT NULL",
    "CREATE INDEX artefacts_by_receipt ON artefacts(received_at)",

    /* What was drawn by lot for an audit. Written once: frozen. */
    "CREATE TABLE audit_samples("
    "  id                BLOB PRIMARY KEY,"
    "  drawn_at          INTEGER NOT NULL,"
    "  by_issuer         TEXT NOT NULL,"
    "  by_subject        TEXT NOT NULL,"
    "  reader_issuer     TEXT NOT NULL,"
    "  reader_subject    TEXT NOT NULL,"
    "  readable_from     INTEGER NOT NULL,"
    "  readable_until    INTEGER NOT NULL,"
    "  population_from   INTEGER NOT NULL,"
    "  population_to     INTEGER NOT NULL,"
    "  kind              TEXT NOT NULL," /* '': all */
    "  size              INTEGER NOT NULL," /* as asked for */
    "  seed              TEXT NOT NULL,"
    "  strata            TEXT NOT NULL," /* names, comma between */
    "  population_count  INTEGER NOT NULL,"
    "  population_sha256 BLOB NOT NULL,"
    "  sample_count      INTEGER NOT NULL,"
    "  sample_sha256     BLOB NOT NULL,"
    "  excluded          TEXT NOT NULL," /* JSON: status -> count */
    "  ledger_index      INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* What it was drawn from, byte for byte as it was hashed. */
    "CREATE TABLE audit_populations("
    "  sample BLOB NOT NULL UNIQUE REFERENCES audit_samples(id),"
    "  text   BLOB NOT NULL"
    ") STRICT",

    "CREATE TABLE audit_sample_items("
    "  sample   BLOB NOT NULL REFERENCES audit_samples(id),"
    "  position INTEGER NOT NULL," /* from 1 */
    "  artefact BLOB NOT NULL REFERENCES artefacts(id),"
    "  stratum  TEXT NOT NULL,"
    "  PRIMARY KEY(sample, position)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX audit_sample_items_by_artefact ON audit_sample_items(artefact, sample)",

    /* Who let an artefact under the harm rule be seen by the claimant's side; the newest row
     * counts, and revoked_at ends it. */
    "CREATE TABLE harm_releases("
    "  artefact        BLOB NOT NULL REFERENCES artefacts(id),"
    "  at              INTEGER NOT NULL,"
    "  by_issuer       TEXT NOT NULL,"
    "  by_subject      TEXT NOT NULL,"
    "  reviewer        BLOB," /* sealed, as the reasons are */
    "  reason          BLOB,"
    "  revoked_at      INTEGER NOT NULL," /* 0: it stands */
    "  revoked_issuer  TEXT NOT NULL,"
    "  revoked_subject TEXT NOT NULL,"
    "  revoked_reason  BLOB,"
    "  PRIMARY KEY(artefact, at)"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

/* Personal fields, sealed per column, and the blind indexes over them. */
const char *const SCHEMA_SEALED[] = {
    /* The plain columns stay and are '': storage/record_sealing.c moves what older versions
     * left in them. */
    "ALTER TABLE claims ADD COLUMN sealed_name BLOB",
    "ALTER TABLE claims ADD COLUMN sealed_born BLOB",
    "ALTER TABLE claims ADD COLUMN sealed_nino BLOB",
    "ALTER TABLE artefacts ADD COLUMN sealed_filename BLOB",
    "ALTER TABLE artefacts ADD COLUMN sealed_description BLOB",
    "ALTER TABLE artefact_links ADD COLUMN sealed_reason BLOB",
    "ALTER TABLE view_releases ADD COLUMN sealed_reason BLOB",
    "ALTER TABLE upload_words ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE idempotency_keys ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",

    /* The whole canonical text of an entry with free words in it; `details` is then without
     * them. */
    "ALTER TABLE ledger_entries ADD COLUMN sealed BLOB",

    /* Which tables' values stand under which key, every one. */
    "CREATE TABLE sealing("
    "  part   TEXT PRIMARY KEY,"
    "  key_id BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

/* Messages to people and systems. */
const char *const SCHEMA_OUTBOX[] = {
    "CREATE TABLE messages("
    "  id          BLOB PRIMARY KEY," /* also what the other side knows it by */
    "  claim       BLOB NOT NULL REFERENCES claims(id),"
    "  event       TEXT NOT NULL,"
    "  channel     TEXT NOT NULL,"
    "  to_issuer   TEXT NOT NULL," /* '': the webhook */
    "  to_subject  TEXT NOT NULL,"
    "  about       BLOB NOT NULL," /* artefact, request or assessment */
    "  harmful     INTEGER NOT NULL,"
    "  occurred_at INTEGER NOT NULL,"
    "  due         INTEGER NOT NULL,"
    "  state       TEXT NOT NULL,"
    "  attempts    INTEGER NOT NULL,"
    "  next_at     INTEGER NOT NULL," /* 0: never again */
    "  provider_id TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX messages_by_claim ON messages(claim, id)",
    "CREATE INDEX messages_due ON messages(next_at) WHERE next_at > 0",

    /* What became of each, step by step. */
    "CREATE TABLE message_steps("
    "  number  INTEGER PRIMARY KEY,"
    "  message BLOB NOT NULL REFERENCES messages(id),"
    "  at      INTEGER NOT NULL,"
    "  what    TEXT NOT NULL,"
    "  detail  TEXT NOT NULL"
    ") STRICT",
    "CREATE INDEX message_steps_by_message ON message_steps(message, number)",

    "CREATE TABLE claim_contacts("
    "  claim   BLOB NOT NULL REFERENCES claims(id),"
    "  issuer  TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  channel TEXT NOT NULL,"
    "  address BLOB NOT NULL," /* sealed */
    "  PRIMARY KEY(claim, issuer, subject, channel)"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

/* What waits for the password that opens it. */
const char *const SCHEMA_PASSWORDS[] = {
    /* An artefact that is sealed and waits; its row goes with the waiting. */
    "CREATE TABLE passwords_awaited("
    "  artefact   BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  tries      INTEGER NOT NULL," /* wrong ones, and those that are being looked at */
    "  expires_at INTEGER NOT NULL,"
    "  ended      INTEGER NOT NULL" /* its key is destroyed, its bytes are still to go */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX passwords_awaited_by_time ON passwords_awaited(expires_at)",
    NULL,
};
