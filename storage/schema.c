/* The schema, one migration after the other. A published migration is never edited: a change is
 * a new one at the end.
 *
 * Conventions
 * - Identifiers are the 16 bytes of a UUIDv7, so that `ORDER BY id DESC` is newest first
 *   without an index on a time.
 * - Times are microseconds since 1970, 0 for absent or open. Absent texts are ''. Absent
 *   identifiers are NULL.
 * - STRICT tables: a value of a foreign type is refused, not converted.
 * - Tables whose key is the identifier are WITHOUT ROWID: one b-tree to write, at its right
 *   edge.
 * - An index is there for a list that somebody reads; each costs a page in every batch of
 *   uploads.
 */
#include "storage/db_internal.h"
#include "storage/statement.h"

static const char *const schema_1[] = {
    /* A claim for the benefit. The claimant is the first of its people. */
    "CREATE TABLE claims("
    "  id                 BLOB PRIMARY KEY,"
    "  external_reference TEXT NOT NULL UNIQUE,"
    "  benefit            TEXT NOT NULL,"
    "  stage              TEXT NOT NULL,"
    "  special_rules      INTEGER NOT NULL,"
    "  claimant_name      TEXT NOT NULL,"
    "  claimant_born      TEXT NOT NULL," /* YYYY-MM-DD */
    "  claimant_nino      TEXT NOT NULL,"
    "  created_at         INTEGER NOT NULL,"
    "  updated_at         INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX claims_by_stage ON claims(stage, id)",

    /* Who has to do with a claim: position 0 is the claimant, the parties follow. One table for
     * both, so that "the claims of this person" is one walk along one index. */
    "CREATE TABLE claim_people("
    "  claim       BLOB NOT NULL REFERENCES claims(id),"
    "  position    INTEGER NOT NULL,"
    "  issuer      TEXT NOT NULL,"
    "  subject     TEXT NOT NULL,"
    "  role        TEXT NOT NULL,"
    "  kind        TEXT NOT NULL,"
    "  scope       TEXT NOT NULL,"
    "  valid_from  INTEGER NOT NULL,"
    "  valid_until INTEGER NOT NULL,"
    "  PRIMARY KEY(claim, position)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX claim_people_by_person ON claim_people(issuer, subject, claim)",

    /* The staff who work on a claim. */
    "CREATE TABLE claim_assigned("
    "  claim    BLOB NOT NULL REFERENCES claims(id),"
    "  position INTEGER NOT NULL,"
    "  subject  TEXT NOT NULL,"
    "  PRIMARY KEY(claim, position)"
    ") STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX claim_assigned_by_subject ON claim_assigned(subject, claim)",

    /* A sealed piece of evidence and what is known about it. */
    "CREATE TABLE artefacts("
    "  id                   BLOB PRIMARY KEY,"
    "  claim                BLOB REFERENCES claims(id)," /* it was sent to; NULL: not known yet
                                                          */
    "  kind                 TEXT NOT NULL,"
    "  status               TEXT NOT NULL," /* artefact_status_name() */
    "  status_reason        TEXT NOT NULL,"
    "  harmful              INTEGER NOT NULL,"
    "  filename             TEXT NOT NULL,"
    "  description          TEXT NOT NULL,"
    "  media_type           TEXT NOT NULL,"
    "  size                 INTEGER NOT NULL,"
    "  sealed_size          INTEGER NOT NULL,"
    "  sha256               BLOB NOT NULL,"
    "  sealed_sha256        BLOB NOT NULL,"
    "  uploader_issuer      TEXT NOT NULL,"
    "  uploader_subject     TEXT NOT NULL,"
    "  uploader_role        TEXT NOT NULL,"
    "  received_at          INTEGER NOT NULL,"
    "  assessment           BLOB REFERENCES assessments(id),"
    "  recording_started_at INTEGER NOT NULL,"
    "  recording_stopped_at INTEGER NOT NULL,"
    "  ledger_index         INTEGER NOT NULL" /* of the upload's entry */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX artefacts_by_assessment ON artefacts(assessment, id) WHERE assessment IS NOT "
    "NULL",

    /* Which claims an artefact belongs to. Nothing is overwritten: `removal` is 0 while the
     * link stands; a removed one keeps its row under the number of its removal, so that it can
     * be made again. */
    "CREATE TABLE artefact_links("
    "  claim      BLOB NOT NULL REFERENCES claims(id),"
    "  artefact   BLOB NOT NULL REFERENCES artefacts(id),"
    "  removal    INTEGER NOT NULL,"
    "  reason     TEXT NOT NULL,"
    "  by_issuer  TEXT NOT NULL,"
    "  by_subject TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  removed_at INTEGER NOT NULL,"
    "  PRIMARY KEY(claim, artefact DESC, removal)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX artefact_links_by_artefact ON artefact_links(artefact, claim) WHERE removal "
    "= 0",

    /* The header that opens an artefact, by way of its slot. */
    "CREATE TABLE headers("
    "  artefact BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  key_id   TEXT NOT NULL,"
    "  slot     INTEGER NOT NULL" /* in header_slots */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX headers_by_key ON headers(key_id, artefact)",

    /* The bytes of the headers: whoever zeroes them destroys the artefact. Rows are appended
     * and overwritten by as many bytes, never deleted or resized; storage/record_header.c says
     * why. */
    "CREATE TABLE header_slots("
    "  slot   INTEGER PRIMARY KEY,"
    "  header BLOB NOT NULL"
    ") STRICT",

    /* An assessment of a claim, which may be recorded. */
    "CREATE TABLE assessments("
    "  id                 BLOB PRIMARY KEY,"
    "  claim              BLOB NOT NULL REFERENCES claims(id),"
    "  channel            TEXT NOT NULL,"
    "  provider           TEXT NOT NULL,"
    "  scheduled_at       INTEGER NOT NULL,"
    "  created_at         INTEGER NOT NULL,"
    "  created_by_issuer  TEXT NOT NULL,"
    "  created_by_subject TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX assessments_by_claim ON assessments(claim, id)",

    /* What was said about recording an assessment: notice, opt-out, opt-in. Appended, never
       changed. */
    "CREATE TABLE choice_events("
    "  assessment     BLOB NOT NULL REFERENCES assessments(id),"
    "  position       INTEGER NOT NULL," /* as recorded, from 1 */
    "  event_id       TEXT NOT NULL,"
    "  event          TEXT NOT NULL,"
    "  channel        TEXT NOT NULL,"
    "  notice_version TEXT NOT NULL,"
    "  effective_at   INTEGER NOT NULL,"
    "  recorded_at    INTEGER NOT NULL,"
    "  by_issuer      TEXT NOT NULL,"
    "  by_subject     TEXT NOT NULL,"
    "  by_role        TEXT NOT NULL,"
    "  on_behalf_of   TEXT NOT NULL,"
    "  ledger_index   INTEGER NOT NULL,"
    "  PRIMARY KEY(assessment, position),"
    "  UNIQUE(assessment, event_id)"
    ") STRICT, WITHOUT ROWID",

    /* Consents given and withdrawn for a claim. Appended, never changed. */
    "CREATE TABLE consent_events("
    "  claim             BLOB NOT NULL REFERENCES claims(id),"
    "  position          INTEGER NOT NULL," /* as recorded, from 1 */
    "  event_id          TEXT NOT NULL,"
    "  purpose           TEXT NOT NULL,"
    "  decision          TEXT NOT NULL,"
    "  statement_version TEXT NOT NULL,"
    "  effective_at      INTEGER NOT NULL,"
    "  recorded_at       INTEGER NOT NULL,"
    "  by_issuer         TEXT NOT NULL,"
    "  by_subject        TEXT NOT NULL,"
    "  by_role           TEXT NOT NULL,"
    "  ledger_index      INTEGER NOT NULL,"
    "  PRIMARY KEY(claim, position),"
    "  UNIQUE(claim, event_id)"
    ") STRICT, WITHOUT ROWID",

    /* Answers that are given again when a client repeats a request. Large rows: with a row
       number. */
    "CREATE TABLE idempotency_keys("
    "  issuer      TEXT NOT NULL,"
    "  subject     TEXT NOT NULL,"
    "  key         TEXT NOT NULL,"
    "  fingerprint BLOB NOT NULL," /* of route and payload */
    "  status      INTEGER NOT NULL,"
    "  expires_at  INTEGER NOT NULL,"
    "  answer      BLOB NOT NULL,"
    "  UNIQUE(issuer, subject, key)"
    ") STRICT",
    "CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys(expires_at)",

    /* One person's reading of one artefact for one purpose: opened once, read in many ranges.
     */
    "CREATE TABLE read_sessions("
    "  id            BLOB PRIMARY KEY,"
    "  artefact      BLOB NOT NULL REFERENCES artefacts(id),"
    "  actor_issuer  TEXT NOT NULL,"
    "  actor_subject TEXT NOT NULL,"
    "  purpose       TEXT NOT NULL,"
    "  opened_at     INTEGER NOT NULL,"
    "  expires_at    INTEGER NOT NULL,"
    "  closed_at     INTEGER NOT NULL,"
    "  bytes_served  INTEGER NOT NULL,"
    "  ledger_index  INTEGER NOT NULL" /* of its opening entry */
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX read_sessions_open ON read_sessions(id) WHERE closed_at = 0",

    /* The ledger: a row for each leaf of the tree. Erasing an entry leaves seq, time and
       commitment. */
    "CREATE TABLE ledger_entries("
    "  seq        INTEGER PRIMARY KEY," /* the leaf's index, from 0 */
    "  time       INTEGER NOT NULL,"
    "  commitment BLOB NOT NULL,"
    "  salt       BLOB,"
    "  details    TEXT," /* canonical JSON */
    "  action     TEXT," /* these four repeat what the details say, for look-ups */
    "  claim      BLOB,"
    "  artefact   BLOB,"
    "  actor      TEXT"
    ") STRICT",
    /* An index ends in the row number, which is seq: each of these is in order of seq by
       itself. */
    "CREATE INDEX ledger_entries_by_claim ON ledger_entries(claim) WHERE claim IS NOT NULL",
    "CREATE INDEX ledger_entries_by_artefact ON ledger_entries(artefact) WHERE artefact IS NOT "
    "NULL",
    "CREATE INDEX ledger_entries_of_erasures ON ledger_entries(action) WHERE action = "
    "'entry.erased'", /* LEDGER_ERASED */

    /* Full tiles of 256 hashes. With a row number, or each of the few cells of an inner page of
       the key's b-tree would hold a part of a tile. */
    "CREATE TABLE ledger_tiles("
    "  level  INTEGER NOT NULL,"
    "  idx    INTEGER NOT NULL,"
    "  middle BLOB NOT NULL," /* their inner nodes at half height, 16; before what overflows */
    "  hashes BLOB NOT NULL,"
    "  PRIMARY KEY(level, idx)"
    ") STRICT",

    /* What was signed. */
    "CREATE TABLE ledger_checkpoints("
    "  size      INTEGER PRIMARY KEY,"
    "  note      TEXT NOT NULL,"
    "  signed_at INTEGER NOT NULL"
    ") STRICT;",
    NULL,
};

static const char *const schema_2[] = {
    /* What witnesses have signed of the checkpoints. */
    "CREATE TABLE ledger_cosignatures("
    "  size        INTEGER NOT NULL REFERENCES ledger_checkpoints(size),"
    "  witness     TEXT NOT NULL,"    /* the name of its key */
    "  line        TEXT NOT NULL,"    /* the signature line, newline included */
    "  cosigned_at INTEGER NOT NULL," /* as the witness says */
    "  PRIMARY KEY(size, witness)"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

static const char *const *const migrations[] = {schema_1, schema_2};
_Static_assert(ARRAY_LEN(migrations) == SCHEMA_VERSION, "one migration for each version");

static enum err read_number(struct db *db, const char *sql, int64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    TRY(statement_find(&s));
    *out = read_int(&s);
    return statement_read(&s);
}

/* What is this file: empty, ours and how old, or somebody else's? */
static enum err read_version(struct db *db, int64_t *version)
{
    int64_t application, tables;

    TRY(read_number(db, "PRAGMA user_version", version));
    TRY(read_number(db, "PRAGMA application_id", &application));
    TRY(read_number(db, "SELECT count(*) FROM sqlite_schema", &tables));
    if (application != SCHEMA_APPLICATION_ID && (*version != 0 || tables != 0))
        return err_set(ERR_UNSUPPORTED, "the database was not made by this program");
    if (*version < 0 || *version > SCHEMA_VERSION)
        return err_set(ERR_UNSUPPORTED,
                       "the database has schema %lld, this program knows up to %d",
                       (long long)*version, SCHEMA_VERSION);
    return ERR_OK;
}

static enum err execute(struct db *db, const char *sql)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, "migrating the database");
}

static enum err migrate_from(struct db *db, int64_t version)
{
    char marks[96];

    for (int64_t i = version; i < SCHEMA_VERSION; i++) {
        for (const char *const *sql = migrations[i]; *sql; sql++)
            TRY(execute(db, *sql));
    }
    (void)sqlite3_snprintf(sizeof(marks), marks,
                           "PRAGMA application_id = %d; PRAGMA user_version = %d",
                           SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
    return execute(db, marks);
}

enum err schema_migrate(struct db *db)
{
    int64_t version;
    enum err e;

    TRY(read_version(db, &version));
    if (version == SCHEMA_VERSION)
        return ERR_OK;
    TRY(db_begin(db)); /* from here on nobody else migrates */
    e = read_version(db, &version);
    if (e == ERR_OK)
        e = migrate_from(db, version);
    if (e == ERR_OK)
        e = db_commit(db);
    db_rollback(db);
    return e;
}
