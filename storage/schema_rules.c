#include "storage/schema_rules.h"

#include <stddef.h>

/* Who acts for whom, choices and recordings. */
const char *const SCHEMA_PEOPLE[] = {
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
    "  sealed    BLOB NOT NULL"
    ") STRICT",
    "CREATE INDEX medical_reports_waiting ON medical_reports(artefact) WHERE waiting = 1",
    "CREATE INDEX medical_reports_by_subject ON medical_reports(subject, artefact)"
    " WHERE waiting = 1",
    "CREATE INDEX medical_reports_unmatched ON medical_reports(artefact) WHERE unmatched = 1",

    /* The blind index of each claim that a report can find. */
    "CREATE TABLE claim_subjects("
    "  claim   BLOB PRIMARY KEY REFERENCES claims(id),"
    "  subject BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX claim_subjects_by_subject ON claim_subjects(subject, claim)",

    /* Claims under special rules go first. */
    "CREATE INDEX claims_urgent ON claims(id) WHERE special_rules = 1",
    NULL,
};

/* Restriction, holds, retention, disposal. */
const char *const SCHEMA_KEEPING[] = {
    /* Hidden by staff, while it is. */
    "CREATE TABLE restrictions("
    "  artefact      BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  before        TEXT NOT NULL," /* artefact_status_name() */
    "  before_reason TEXT NOT NULL,"
    "  reason        TEXT NOT NULL,"
    "  by_issuer     TEXT NOT NULL,"
    "  by_subject    TEXT NOT NULL,"
    "  at            INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* Held by the law, while it is. */
    "CREATE TABLE holds("
    "  artefact   BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  reason     TEXT NOT NULL,"
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
    "  reason           TEXT NOT NULL,"
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
    "  reviewer        TEXT NOT NULL,"
    "  reason          TEXT NOT NULL,"
    "  revoked_at      INTEGER NOT NULL," /* 0: it stands */
    "  revoked_issuer  TEXT NOT NULL,"
    "  revoked_subject TEXT NOT NULL,"
    "  revoked_reason  TEXT NOT NULL,"
    "  PRIMARY KEY(artefact, at)"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

/* Personal fields, sealed per column, and the blind indexes over them. */
const char *const SCHEMA_SEALED[] = {
    NULL,
};

/* Messages to people and systems. */
const char *const SCHEMA_OUTBOX[] = {
    NULL,
};
