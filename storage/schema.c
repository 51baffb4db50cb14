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
#include "storage/schema_rules.h"
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

/* What counts as stored: a refused or disposed artefact takes nobody's room. */
#define COUNTED "status NOT IN ('disposed', 'refused')"
/* A claim's id as uuid_format writes it. */
#define CLAIM_TEXT                                                                             \
    "lower(substr(hex(claim), 1, 8) || '-' || substr(hex(claim), 9, 4) || '-' ||"              \
    " substr(hex(claim), 13, 4) || '-' || substr(hex(claim), 17, 4) || '-' ||"                 \
    " substr(hex(claim), 21))"

static const char *const schema_3[] = {
    /* Uploads that survive their connection. The indexes of the unfinished ones hold few rows,
     * and those of the ended ones are for forgetting. */
    "CREATE TABLE uploads("
    "  id            BLOB PRIMARY KEY,"
    "  claim         BLOB REFERENCES claims(id)," /* NULL: a part that does not name it */
    "  owner_issuer  TEXT NOT NULL,"
    "  owner_subject TEXT NOT NULL,"
    "  state         TEXT NOT NULL," /* upload_state_name() */
    "  reason        TEXT NOT NULL,"
    "  length        INTEGER NOT NULL," /* -1: not told yet */
    "  received      INTEGER NOT NULL," /* bytes, durable */
    "  part          BLOB,"             /* of the blob store */
    "  chunks        INTEGER NOT NULL," /* sealed in it */
    "  is_part       INTEGER NOT NULL,"
    "  is_final      INTEGER NOT NULL,"
    "  artefact      BLOB REFERENCES artefacts(id),"
    "  created_at    INTEGER NOT NULL,"
    "  updated_at    INTEGER NOT NULL,"
    "  expires_at    INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX uploads_by_expiry ON uploads(expires_at) WHERE state IN ('open', 'whole')",
    "CREATE INDEX uploads_by_owner ON uploads(owner_issuer, owner_subject)"
    " WHERE state IN ('open', 'whole')",
    "CREATE INDEX uploads_by_part ON uploads(part) WHERE state IN ('open', 'whole')",
    "CREATE INDEX uploads_ended ON uploads(updated_at) WHERE state NOT IN ('open', 'whole')",

    /* What the sender said of an upload, byte for byte; written once. */
    "CREATE TABLE upload_words("
    "  upload   BLOB PRIMARY KEY REFERENCES uploads(id) ON DELETE CASCADE,"
    "  request  BLOB NOT NULL,"
    "  metadata BLOB NOT NULL,"
    "  concat   BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* File key and last bytes of an unfinished upload, sealed. The padding fills what a row
     * keeps in its own page; storage/record_upload.c says why. */
    "CREATE TABLE upload_rests("
    "  upload  BLOB PRIMARY KEY REFERENCES uploads(id) ON DELETE CASCADE,"
    "  padding BLOB NOT NULL,"
    "  sealed  BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* Artefacts and their bytes, for each person who sent some and each claim they were sent
     * to. */
    "CREATE TABLE usage("
    "  scope     TEXT NOT NULL," /* 'person', 'claim' */
    "  key       TEXT NOT NULL,"
    "  artefacts INTEGER NOT NULL,"
    "  bytes     INTEGER NOT NULL," /* of plaintext */
    "  PRIMARY KEY(scope, key)"
    ") STRICT, WITHOUT ROWID",
    "INSERT INTO usage SELECT 'person', uploader_issuer || '#' || uploader_subject, count(*),"
    " sum(size) FROM artefacts WHERE " COUNTED " GROUP BY uploader_issuer, uploader_subject",
    "INSERT INTO usage SELECT 'claim', " CLAIM_TEXT ", count(*), sum(size) FROM artefacts"
    " WHERE claim IS NOT NULL AND " COUNTED " GROUP BY claim",

    /* The same bytes again: those sent to the claim by their digest, and the few that were
     * linked to it from elsewhere one by one. */
    "CREATE INDEX artefacts_by_digest ON artefacts(claim, sha256)",
    "ALTER TABLE artefact_links ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0",
    "UPDATE artefact_links SET elsewhere = 1 WHERE claim IS NOT"
    " (SELECT a.claim FROM artefacts a WHERE a.id = artefact_links.artefact)",
    "CREATE INDEX artefact_links_elsewhere ON artefact_links(claim, artefact)"
    " WHERE elsewhere = 1 AND removal = 0",
    NULL,
};

static const char *const schema_4[] = {
    /* What an inspection found; each look at an artefact is a row, none is overwritten. */
    "CREATE TABLE inspections("
    "  artefact      BLOB NOT NULL REFERENCES artefacts(id),"
    "  attempt       INTEGER NOT NULL," /* from 1 */
    "  at            INTEGER NOT NULL,"
    "  outcome       TEXT NOT NULL,"
    "  reason        TEXT NOT NULL,"
    "  virus         TEXT NOT NULL,"
    "  engine        TEXT NOT NULL,"
    "  signatures    TEXT NOT NULL,"
    "  signatures_at INTEGER NOT NULL,"
    "  type          TEXT NOT NULL,"
    "  flags         INTEGER NOT NULL,"
    "  pages         INTEGER NOT NULL,"
    "  width         INTEGER NOT NULL,"
    "  height        INTEGER NOT NULL,"
    "  members       INTEGER NOT NULL,"
    "  duration_ms   INTEGER NOT NULL,"
    "  channels      INTEGER NOT NULL,"
    "  sample_rate   INTEGER NOT NULL,"
    "  PRIMARY KEY(artefact, attempt)"
    ") STRICT, WITHOUT ROWID",

    /* The outline of a recording's sound: apart, because few ask for it. Two bytes a point, the
     * lower first. */
    "CREATE TABLE waveforms("
    "  artefact BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  peaks    BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* Artefacts that nobody could inspect yet. */
    "CREATE TABLE inspections_due("
    "  artefact BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  attempts INTEGER NOT NULL,"
    "  since    INTEGER NOT NULL,"
    "  next_at  INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX inspections_due_by_time ON inspections_due(next_at)",

    /* The key with which one of them is read back, sealed. The padding fills what a row keeps
     * in its own page; storage/record_upload.c says why. */
    "CREATE TABLE inspection_keys("
    "  artefact BLOB PRIMARY KEY REFERENCES inspections_due(artefact) ON DELETE CASCADE,"
    "  padding  BLOB NOT NULL,"
    "  sealed   BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID",

    /* Infected evidence whose safe view was released, by whom and why. */
    "CREATE TABLE view_releases("
    "  artefact   BLOB PRIMARY KEY REFERENCES artefacts(id),"
    "  at         INTEGER NOT NULL,"
    "  by_issuer  TEXT NOT NULL,"
    "  by_subject TEXT NOT NULL,"
    "  reason     TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

static const char *const schema_5[] = {
    /* All uploads of a person, also those that have ended: each has a limit. */
    "DROP INDEX uploads_by_owner",
    "CREATE INDEX uploads_by_owner ON uploads(owner_issuer, owner_subject, state)",

    /* Of an upload that came to nothing, what was said of it goes with its bytes. */
    "DELETE FROM upload_words WHERE upload IN (SELECT id FROM uploads WHERE"
    " state IN ('used', 'failed', 'expired', 'terminated'))",
    NULL,
};

static const char *const *const migrations[] = {schema_1,       schema_2,       schema_3,
                                                schema_4,       schema_5,       SCHEMA_PEOPLE,
                                                SCHEMA_REPORTS, SCHEMA_KEEPING, SCHEMA_REQUESTS,
                                                SCHEMA_AUDIT,   SCHEMA_SEALED,  SCHEMA_OUTBOX,
                                                SCHEMA_PASSWORDS};
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
