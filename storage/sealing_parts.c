/* Which columns are sealed, and what their rows are bound to: as the record files have it. And
 * how many of their values are under a key. */
#include "storage/sealing_parts.h"

#include "storage/ledger_words.h"
#include "storage/record.h"
#include "storage/record_sealing.h"

#include <string.h>

const struct part SEALED_PARTS[SEALED_PARTS_COUNT] = {
    {"claims",
     "claims",
     {{"id", CELL_UUID}},
     {{NULL, CELL_END}},
     {{"claimant_name", "sealed_name", "claims.claimant_name"},
      {"claimant_born", "sealed_born", "claims.claimant_born"},
      {"claimant_nino", "sealed_nino", "claims.claimant_nino"}}},
    {"artefacts",
     "artefacts",
     {{"id", CELL_UUID}},
     {{NULL, CELL_END}},
     {{"filename", "sealed_filename", "artefacts.filename"},
      {"description", "sealed_description", "artefacts.description"}}},
    {"artefact_links",
     "artefact_links",
     {{"claim", CELL_UUID}, {"artefact", CELL_UUID}, {"removal", CELL_NUMBER}},
     {{"claim", CELL_UUID}, {"artefact", CELL_UUID}, {"created_at", CELL_NUMBER}},
     {{"reason", "sealed_reason", "artefact_links.reason"}}},
    {"view_releases",
     "view_releases",
     {{"artefact", CELL_UUID}},
     {{NULL, CELL_END}},
     {{"reason", "sealed_reason", "view_releases.reason"}}},
    {"harm_releases",
     "harm_releases",
     {{"artefact", CELL_UUID}, {"at", CELL_NUMBER}},
     {{NULL, CELL_END}},
     {{NULL, "reviewer", "harm_releases.reviewer"}, {NULL, "reason", "harm_releases.reason"}}},
    {"harm_releases.revoked",
     "harm_releases",
     {{"artefact", CELL_UUID}, {"at", CELL_NUMBER}},
     {{"artefact", CELL_UUID}},
     {{NULL, "revoked_reason", "harm_releases.revoked_reason"}}},
    {"restrictions",
     "restrictions",
     {{"artefact", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "reason", "restrictions.reason"}}},
    {"holds",
     "holds",
     {{"artefact", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "reason", "holds.reason"}}},
    {"disposals",
     "disposals",
     {{"artefact", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "reason", "disposals.reason"}}},
    {"medical_reports",
     "medical_reports",
     {{"artefact", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "details", "medical_reports.details"}}},
    {"evidence_requests",
     "evidence_requests",
     {{"id", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "what", "evidence_requests.what"}}},
    {"claim_leases",
     "claim_leases",
     {{"claim", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "reason", "claim_leases.reason"}}},
    {"incidents",
     "incidents",
     {{"id", CELL_UUID}},
     {{NULL, CELL_END}},
     {{NULL, "outcome", "incidents.outcome"}}},
    {"claim_contacts",
     "claim_contacts",
     {{"claim", CELL_UUID},
      {"issuer", CELL_TEXT},
      {"subject", CELL_TEXT},
      {"channel", CELL_TEXT}},
     {{NULL, CELL_END}},
     {{NULL, "address", "claim_contacts.address"}}},
};

const struct counted SEALED_COUNTED[SEALED_COUNTED_COUNT] = {{"ledger_entries", "sealed"},
                                                             {"upload_words", "request"},
                                                             {"upload_words", "metadata"},
                                                             {"upload_words", "concat"},
                                                             {"idempotency_keys", "answer"}};
static const char *const OTHERS[] = {LEDGER_DETAILS, "upload_words.request",
                                     "upload_words.metadata", "upload_words.concat",
                                     "idempotency_keys.answer"};

bool sealing_knows(const char *domain)
{
    for (size_t i = 0; i < SEALED_PARTS_COUNT; i++) {
        for (size_t v = 0; v < VALUES_MAX && SEALED_PARTS[i].values[v].domain; v++) {
            if (strcmp(SEALED_PARTS[i].values[v].domain, domain) == 0)
                return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        if (strcmp(OTHERS[i], domain) == 0)
            return true;
    }
    return false;
}

/* --- counting ----------------------------------------------------------------------------- */
static enum err count_column(struct db *db, const char *table, const char *column,
                             const uint8_t id[COLUMN_ID_SIZE], uint64_t *sum)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sql q = {.len = 0};

    sql_add(&q, "SELECT count(*) FROM ");
    sql_add(&q, table);
    sql_add(&q, " WHERE substr(");
    sql_add(&q, column);
    sql_add(&q, ", 2, 4) = ?");
    TRY(statement_begin(&s, db, q.text));
    bind_blob(&s, id, COLUMN_ID_SIZE);
    TRY(statement_find(&s));
    *sum += read_u64(&s);
    return statement_read(&s);
}

enum err sealing_count(struct db *db, const uint8_t id[COLUMN_ID_SIZE], uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < SEALED_PARTS_COUNT; i++) {
        for (size_t v = 0; v < VALUES_MAX && SEALED_PARTS[i].values[v].sealed; v++)
            TRY(count_column(db, SEALED_PARTS[i].table, SEALED_PARTS[i].values[v].sealed, id,
                             out));
    }
    for (size_t i = 0; i < SEALED_COUNTED_COUNT; i++)
        TRY(count_column(db, SEALED_COUNTED[i].table, SEALED_COUNTED[i].column, id, out));
    return ERR_OK;
}
