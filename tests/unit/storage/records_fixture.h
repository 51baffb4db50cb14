/* A database with its writer, and records to begin with. */
#ifndef TESTS_UNIT_STORAGE_RECORDS_FIXTURE_H
#define TESTS_UNIT_STORAGE_RECORDS_FIXTURE_H

#include "storage/records.h"
#include "tests/support/columns.h"
#include "tests/unit/storage/scratch.h"

static struct scratch dir;
static struct db_pool *pool;
static struct db *db;

static inline void open_records(void)
{
    dir = scratch_new();
    ok(db_pool_open(scratch_path(&dir, "db"), true, 2, &pool));
    columns_for_tests(pool);
    ok(db_writer(pool, &db));
}

static inline void close_records(void)
{
    ok(db_integrity(pool));
    db_pool_free(pool);
    scratch_remove(&dir);
}

static inline struct person person(const char *subject)
{
    struct person p = {.issuer = "https://login.example"};

    (void)snprintf(p.subject, sizeof(p.subject), "%s", subject);
    return p;
}

/* Increasing with every call, whatever the clock says. */
static inline struct uuid id_in_order(void)
{
    static uint32_t count;
    struct uuid id = {.bytes = {0x01, 0x93, 0xab}};

    count++;
    id.bytes[3] = (uint8_t)(count >> 16);
    id.bytes[4] = (uint8_t)(count >> 8);
    id.bytes[5] = (uint8_t)count;
    id.bytes[6] = 0x70;
    id.bytes[8] = 0x80;
    return id;
}

static inline struct claim_record claim_of(const char *reference, const char *claimant)
{
    struct claim_record c = {.id = id_in_order(),
                             .benefit = "pip",
                             .stage = "evidence",
                             .special_rules = true,
                             .claimant = person(claimant),
                             .claimant_name = "Alex Ødegård",
                             .claimant_born = "1980-02-29",
                             .claimant_nino = "AB123456C",
                             .created_at = 11,
                             .updated_at = 12};

    (void)snprintf(c.external_reference, sizeof(c.external_reference), "%s", reference);
    return c;
}

static inline struct uuid new_claim(const char *reference, const char *claimant)
{
    struct claim_record c = claim_of(reference, claimant);

    ok(claim_insert(db, &c));
    return c.id;
}

static inline struct artefact_record artefact_of(const struct uuid *claim, const char *uploader)
{
    struct artefact_record a = {.id = id_in_order(),
                                .claim = *claim,
                                .kind = "further_evidence",
                                .filename = "letter.pdf",
                                .description = "From the clinic",
                                .media_type = "application/pdf",
                                .size = 1000,
                                .sealed_size = 1032,
                                .status = ARTEFACT_AVAILABLE,
                                .uploader = person(uploader),
                                .uploader_role = "claimant",
                                .received_at = 77,
                                .ledger_index = 5};

    memset(a.sha256, 0xa1, sizeof(a.sha256));
    memset(a.sealed_sha256, 0xb2, sizeof(a.sealed_sha256));
    return a;
}

static inline void add_link(const struct uuid *artefact, const struct uuid *claim)
{
    struct link_record l = {.artefact = *artefact,
                            .claim = *claim,
                            .reason = "sent here",
                            .by = person("someone"),
                            .created_at = 5};

    ok(link_insert(db, &l));
}

static inline struct uuid add_artefact(const struct artefact_record *a)
{
    ok(artefact_insert(db, a));
    add_link(&a->id, &a->claim);
    return a->id;
}

static inline struct uuid new_artefact(const struct uuid *claim, const char *uploader)
{
    struct artefact_record a = artefact_of(claim, uploader);

    return add_artefact(&a);
}

static const struct uuid nil;

#endif
