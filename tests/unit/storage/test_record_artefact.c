#include "tests/unit/storage/records_fixture.h"

#include "storage/db_internal.h"

static struct artefact_record found[PAGE_MAX];
static struct link_record links[LINKS_MAX];
static size_t n;

static struct uuid new_assessment(const struct uuid *claim)
{
    struct assessment_record a = {.id = id_in_order(), .claim = *claim};

    ok(assessment_insert(db, &a));
    return a.id;
}

static void same_artefact(const struct artefact_record *a, const struct artefact_record *b)
{
    ck_assert(uuid_equal(&a->id, &b->id));
    ck_assert(uuid_equal(&a->claim, &b->claim));
    ck_assert_str_eq(a->kind, b->kind);
    ck_assert_str_eq(a->filename, b->filename);
    ck_assert_str_eq(a->description, b->description);
    ck_assert_str_eq(a->media_type, b->media_type);
    ck_assert_uint_eq(a->size, b->size);
    ck_assert_uint_eq(a->sealed_size, b->sealed_size);
    ck_assert_mem_eq(a->sha256, b->sha256, 32);
    ck_assert_mem_eq(a->sealed_sha256, b->sealed_sha256, 32);
    ck_assert_int_eq(a->status, b->status);
    ck_assert_str_eq(a->status_reason, b->status_reason);
    ck_assert_int_eq(a->harmful, b->harmful);
    ck_assert_str_eq(a->uploader.issuer, b->uploader.issuer);
    ck_assert_str_eq(a->uploader.subject, b->uploader.subject);
    ck_assert_str_eq(a->uploader_role, b->uploader_role);
    ck_assert_int_eq(a->received_at, b->received_at);
    ck_assert(uuid_equal(&a->assessment, &b->assessment));
    ck_assert_int_eq(a->recording_started_at, b->recording_started_at);
    ck_assert_int_eq(a->recording_stopped_at, b->recording_stopped_at);
    ck_assert_uint_eq(a->ledger_index, b->ledger_index);
}

START_TEST(an_artefact_comes_back_as_it_went)
{
    struct artefact_record a, back;
    struct uuid claim;
    bool there;

    open_records();
    claim = new_claim("PIP-1", "alex");
    a = artefact_of(&claim, "alex");
    a.assessment = new_assessment(&claim);
    a.status = ARTEFACT_QUARANTINED;
    (void)strcpy(a.status_reason, "not-inspected");
    a.harmful = true;
    a.recording_started_at = 123;
    a.recording_stopped_at = 456;
    memset(a.filename, 'f', sizeof(a.filename) - 1);
    memset(a.description, 'd', DESCRIPTION_MAX);
    ok(artefact_insert(db, &a));
    memset(&back, 0x55, sizeof(back));
    ok(artefact_find(db, &a.id, &back));
    same_artefact(&a, &back);
    fails(ERR_EXISTS, artefact_insert(db, &a));
    fails(ERR_NOT_FOUND, artefact_find(db, &claim, &back));
    ok(artefact_exists(db, &a.id, &there));
    ck_assert(there);
    ok(artefact_exists(db, &claim, &there));
    ck_assert(!there);
    close_records();
}
END_TEST

START_TEST(an_artefact_may_wait_for_its_claim)
{
    struct artefact_record a, back;

    open_records();
    a = artefact_of(&nil, "doctor");
    ok(artefact_insert(db, &a));
    ok(artefact_find(db, &a.id, &back));
    same_artefact(&a, &back);
    a = artefact_of(&a.id, "doctor"); /* but not name one that is not there */
    fails(ERR_CONFLICT, artefact_insert(db, &a));
    close_records();
}
END_TEST

START_TEST(a_number_beyond_the_database_is_refused)
{
    struct artefact_record a;
    struct uuid claim;

    open_records();
    claim = new_claim("PIP-1", "alex");
    a = artefact_of(&claim, "alex");
    a.size = UINT64_MAX;
    fails(ERR_TOO_LARGE, artefact_insert(db, &a));
    fails(ERR_NOT_FOUND, artefact_find(db, &a.id, &a));
    close_records();
}
END_TEST

START_TEST(every_status_has_a_name)
{
    enum artefact_status s;

    for (int i = 0; i < ARTEFACT_STATUS_COUNT; i++) {
        ok(artefact_status_parse(artefact_status_name((enum artefact_status)i), &s));
        ck_assert_int_eq(s, i);
    }
    ck_assert_str_eq(artefact_status_name(ARTEFACT_COULD_NOT_SCAN), "could_not_scan");
    fails(ERR_INVALID, artefact_status_parse("Available", &s));
    fails(ERR_INVALID, artefact_status_parse("", &s));
}
END_TEST

START_TEST(a_status_changes_only_from_where_it_is)
{
    struct uuid claim, id;
    struct artefact_record back;

    open_records();
    claim = new_claim("PIP-1", "alex");
    id = new_artefact(&claim, "alex");
    ok(artefact_status_change(db, &id, ARTEFACT_AVAILABLE, ARTEFACT_RESTRICTED, "opted-out"));
    ok(artefact_find(db, &id, &back));
    ck_assert_int_eq(back.status, ARTEFACT_RESTRICTED);
    ck_assert_str_eq(back.status_reason, "opted-out");
    fails(ERR_CONFLICT,
          artefact_status_change(db, &id, ARTEFACT_AVAILABLE, ARTEFACT_DISPOSED, ""));
    ok(artefact_find(db, &id, &back));
    ck_assert_int_eq(back.status, ARTEFACT_RESTRICTED);
    fails(ERR_NOT_FOUND,
          artefact_status_change(db, &claim, ARTEFACT_AVAILABLE, ARTEFACT_DISPOSED, ""));
    close_records();
}
END_TEST

START_TEST(an_unknown_status_in_the_row_is_corrupt)
{
    struct uuid claim, id;
    struct artefact_record back;

    open_records();
    claim = new_claim("PIP-1", "alex");
    id = new_artefact(&claim, "alex");
    ck_assert_int_eq(sqlite3_exec(db->handle, "UPDATE artefacts SET status = 'open to all'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    fails(ERR_CORRUPT, artefact_find(db, &id, &back));
    ck_assert_int_eq(sqlite3_exec(db->handle,
                                  "UPDATE artefacts SET status = 'available', sha256 = x'00'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    fails(ERR_CORRUPT, artefact_find(db, &id, &back));
    close_records();
}
END_TEST

/* --- lists -------------------------------------------------------------------------------- */
static struct uuid claim;

static void list(const struct artefact_filter *f)
{
    ok(artefact_list(db, &claim, f, &nil, found, PAGE_MAX, &n));
}

static bool listed(const struct uuid *id)
{
    for (size_t i = 0; i < n; i++) {
        if (uuid_equal(&found[i].id, id))
            return true;
    }
    return false;
}

START_TEST(the_harm_rule_holds_in_the_list)
{
    struct person doctor = person("doctor"), alex = person("alex");
    struct artefact_record a;
    struct uuid letter, prognosis, own;

    open_records();
    claim = new_claim("PIP-1", "alex");
    letter = new_artefact(&claim, "alex");
    a = artefact_of(&claim, "doctor");
    a.harmful = true;
    prognosis = add_artefact(&a);
    a = artefact_of(&claim, "alex");
    a.harmful = true;
    own = add_artefact(&a);
    list(&(struct artefact_filter){0});
    ck_assert_uint_eq(n, 3);
    list(&(struct artefact_filter){.hide_harmful = true});
    ck_assert_uint_eq(n, 1);
    ck_assert(listed(&letter));
    list(&(struct artefact_filter){.hide_harmful = true, .unless_uploader = &alex});
    ck_assert_uint_eq(n, 2);
    ck_assert(!listed(&prognosis));
    ck_assert(listed(&own));
    list(&(struct artefact_filter){.hide_harmful = true, .unless_uploader = &doctor});
    ck_assert_uint_eq(n, 2);
    ck_assert(!listed(&own));
    list(&(struct artefact_filter){.unless_uploader =
                                       &doctor}); /* nothing hidden: no exception */
    ck_assert_uint_eq(n, 3);
    list(&(struct artefact_filter){
        .hide_harmful = true, .unless_uploader = &alex, .only_uploader = &doctor});
    ck_assert_uint_eq(n, 0);
    close_records();
}
END_TEST

START_TEST(a_page_is_full_whatever_is_hidden_in_it)
{
    struct uuid after = nil;
    size_t total = 0;

    open_records();
    claim = new_claim("PIP-1", "alex");
    for (int i = 0; i < 30; i++) {
        struct artefact_record a = artefact_of(&claim, "doctor");

        a.harmful = i % 3 != 0;
        (void)add_artefact(&a);
    }
    for (int page = 0; page < 2; page++) {
        ok(artefact_list(db, &claim, &(struct artefact_filter){.hide_harmful = true}, &after,
                         found, 5, &n));
        ck_assert_uint_eq(n, 5); /* its length does not tell of the hidden */
        for (size_t i = 0; i < n; i++)
            ck_assert(!found[i].harmful);
        after = found[n - 1].id;
        total += n;
    }
    ok(artefact_list(db, &claim, &(struct artefact_filter){.hide_harmful = true}, &after, found,
                     5, &n));
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(total, 10);
    close_records();
}
END_TEST

START_TEST(filters_narrow_the_list)
{
    struct person doctor = person("doctor");
    struct artefact_record a;
    struct uuid audio, held;

    open_records();
    claim = new_claim("PIP-1", "alex");
    (void)new_artefact(&claim, "alex");
    a = artefact_of(&claim, "provider");
    (void)strcpy(a.kind, "assessment_audio");
    audio = add_artefact(&a);
    a = artefact_of(&claim, "doctor");
    a.status = ARTEFACT_RECEIVING; /* the zero of its kind is a filter too */
    held = add_artefact(&a);
    list(&(struct artefact_filter){.kind = "assessment_audio"});
    ck_assert_uint_eq(n, 1);
    ck_assert(listed(&audio));
    list(&(struct artefact_filter){.by_status = true, .status = ARTEFACT_RECEIVING});
    ck_assert_uint_eq(n, 1);
    ck_assert(listed(&held));
    list(&(struct artefact_filter){.by_status = true, .status = ARTEFACT_AVAILABLE});
    ck_assert_uint_eq(n, 2);
    list(&(struct artefact_filter){.only_uploader = &doctor});
    ck_assert_uint_eq(n, 1);
    ck_assert(listed(&held));
    list(&(struct artefact_filter){.only_uploader = &doctor, .kind = "assessment_audio"});
    ck_assert_uint_eq(n, 0);
    close_records();
}
END_TEST

START_TEST(pages_do_not_move_when_artefacts_arrive)
{
    struct uuid after = nil, expected[7];
    size_t total = 0;

    open_records();
    claim = new_claim("PIP-1", "alex");
    for (int i = 0; i < 7; i++)
        expected[6 - i] = new_artefact(&claim, "alex");
    do {
        ok(artefact_list(db, &claim, &(struct artefact_filter){0}, &after, found, 2, &n));
        for (size_t i = 0; i < n; i++)
            ck_assert(uuid_equal(&found[i].id, &expected[total++]));
        if (n > 0)
            after = found[n - 1].id;
        (void)new_artefact(&claim, "alex");
    } while (n > 0);
    ck_assert_uint_eq(total, 7);
    close_records();
}
END_TEST

START_TEST(a_list_is_of_its_claim)
{
    struct uuid other, mine, shared;

    open_records();
    claim = new_claim("PIP-1", "alex");
    other = new_claim("PIP-2", "billie");
    mine = new_artefact(&claim, "alex");
    shared = new_artefact(&other, "billie");
    list(&(struct artefact_filter){0});
    ck_assert_uint_eq(n, 1);
    ck_assert(listed(&mine));
    add_link(&shared, &claim);
    list(&(struct artefact_filter){0});
    ck_assert_uint_eq(n, 2);
    ck_assert(listed(&shared));
    ck_assert(uuid_equal(&found[0].claim, &other)); /* where it was sent does not change */
    close_records();
}
END_TEST

/* --- the same bytes again ----------------------------------------------------------------- */
static struct uuid new_bytes(const struct uuid *of_claim, uint8_t bytes)
{
    struct artefact_record a = artefact_of(of_claim, "alex");

    memset(a.sha256, bytes, sizeof(a.sha256));
    return add_artefact(&a);
}

static void same_are(const struct uuid *of_claim, uint8_t bytes, const struct uuid *const *ids,
                     size_t count)
{
    uint8_t digest[32];

    memset(digest, bytes, sizeof(digest));
    ok(artefact_list_same(db, of_claim, digest, found, PAGE_MAX, &n));
    ck_assert_uint_eq(n, count);
    for (size_t i = 0; i < count; i++)
        ck_assert(uuid_equal(&found[i].id, ids[i]));
}

#define SAME(of_claim, bytes, ...)                                                             \
    same_are(of_claim, bytes, (const struct uuid *const[]){__VA_ARGS__},                       \
             sizeof((const struct uuid *const[]){__VA_ARGS__}) / sizeof(struct uuid *))

START_TEST(the_same_bytes_are_found_in_their_claim)
{
    struct uuid other, one, foreign, two, foreign_two, unclaimed;
    struct artefact_record a, back;

    open_records();
    claim = new_claim("PIP-1", "alex");
    other = new_claim("PIP-2", "billie");
    one = new_bytes(&claim, 1);
    foreign = new_bytes(&other, 1);
    two = new_bytes(&claim, 1);
    (void)new_bytes(&claim, 2);
    foreign_two = new_bytes(&other, 1);
    (void)new_bytes(&other, 2);
    SAME(&claim, 1, &two, &one);
    SAME(&other, 1, &foreign_two, &foreign);
    same_are(&claim, 3, NULL, 0);
    same_are(&one, 1, NULL, 0);
    add_link(&foreign_two, &claim); /* newest first, wherever they were sent */
    add_link(&foreign, &claim);
    SAME(&claim, 1, &foreign_two, &two, &foreign, &one);
    SAME(&other, 1, &foreign_two, &foreign);
    ok(artefact_find(db, &foreign_two, &back));
    same_artefact(&found[0], &back);
    a = artefact_of(&nil, "doctor"); /* of no claim, until it was linked */
    memset(a.sha256, 1, sizeof(a.sha256));
    ok(artefact_insert(db, &a));
    unclaimed = a.id;
    SAME(&claim, 1, &foreign_two, &two, &foreign, &one);
    add_link(&unclaimed, &claim);
    SAME(&claim, 1, &unclaimed, &foreign_two, &two, &foreign, &one);
    ok(artefact_list_same(db, &claim, a.sha256, found, 2, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&found[0].id, &unclaimed));
    ck_assert(uuid_equal(&found[1].id, &foreign_two));
    close_records();
}
END_TEST

START_TEST(the_same_bytes_are_not_found_where_their_link_was_removed)
{
    struct uuid other, one, foreign;

    open_records();
    claim = new_claim("PIP-1", "alex");
    other = new_claim("PIP-2", "billie");
    one = new_bytes(&claim, 1);
    foreign = new_bytes(&other, 1);
    add_link(&foreign, &claim);
    SAME(&claim, 1, &foreign, &one);
    ok(link_remove(db, &one, &claim, 60));
    SAME(&claim, 1, &foreign);
    ok(link_remove(db, &foreign, &claim, 61));
    same_are(&claim, 1, NULL, 0);
    SAME(&other, 1, &foreign);
    add_link(&foreign, &claim); /* and made again */
    add_link(&one, &claim);
    SAME(&claim, 1, &foreign, &one);
    close_records();
}
END_TEST

START_TEST(recordings_are_found_by_their_assessment)
{
    struct uuid assessment, recorded[3];

    open_records();
    claim = new_claim("PIP-1", "alex");
    assessment = new_assessment(&claim);
    for (int i = 0; i < 3; i++) {
        struct artefact_record a = artefact_of(&claim, "provider");

        a.assessment = assessment;
        recorded[2 - i] = add_artefact(&a);
        (void)new_artefact(&claim, "alex");
    }
    ok(artefact_list_assessment(db, &assessment, &nil, found, PAGE_MAX, &n));
    ck_assert_uint_eq(n, 3);
    for (int i = 0; i < 3; i++)
        ck_assert(uuid_equal(&found[i].id, &recorded[i]));
    ok(artefact_list_assessment(db, &assessment, &nil, found, 2, &n));
    ck_assert_uint_eq(n, 2);
    ok(artefact_list_assessment(db, &assessment, &recorded[1], found, 2, &n));
    ck_assert_uint_eq(n, 1);
    ck_assert(uuid_equal(&found[0].id, &recorded[2]));
    ok(artefact_list_assessment(db, &claim, &nil, found, PAGE_MAX, &n));
    ck_assert_uint_eq(n, 0);
    close_records();
}
END_TEST

START_TEST(a_scrub_meets_each_artefact_once)
{
    struct uuid after = nil;
    size_t total = 0;

    open_records();
    claim = new_claim("PIP-1", "alex");
    for (int i = 0; i < 25; i++)
        (void)new_artefact(&claim, "alex");
    do {
        ok(artefact_each(db, &after, found, 10, &n));
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_gt(memcmp(&found[i].id, &after, sizeof(after)), 0);
            after = found[i].id;
        }
        total += n;
    } while (n > 0);
    ck_assert_uint_eq(total, 25);
    close_records();
}
END_TEST

/* --- links -------------------------------------------------------------------------------- */
START_TEST(a_link_stands_once_and_a_removed_one_keeps_its_row)
{
    struct uuid other, id;
    struct link_record l;

    open_records();
    claim = new_claim("PIP-1", "alex");
    other = new_claim("PIP-2", "billie");
    id = new_artefact(&claim, "alex");
    l = (struct link_record){.artefact = id,
                             .claim = other,
                             .reason = "same illness",
                             .by = person("worker"),
                             .created_at = 50};
    ok(link_insert(db, &l));
    fails(ERR_EXISTS, link_insert(db, &l));
    ok(link_list(db, &id, links, &n));
    ck_assert_uint_eq(n, 2);
    ck_assert(uuid_equal(&links[1].claim, &other));
    ck_assert(uuid_equal(&links[1].artefact, &id));
    ck_assert_str_eq(links[1].reason, "same illness");
    ck_assert_str_eq(links[1].by.subject, "worker");
    ck_assert_int_eq(links[1].created_at, 50);
    ck_assert_int_eq(links[1].removed_at, 0);
    for (int i = 0; i < 3; i++) { /* made and removed again, within one tick of the clock */
        ok(link_remove(db, &id, &other, 60));
        fails(ERR_NOT_FOUND, link_remove(db, &id, &other, 60));
        ok(link_list(db, &id, links, &n));
        ck_assert_uint_eq(n, 1);
        ok(artefact_list(db, &other, &(struct artefact_filter){0}, &nil, found, PAGE_MAX, &n));
        ck_assert_uint_eq(n, 0);
        ok(link_insert(db, &l));
    }
    ok(artefact_list(db, &other, &(struct artefact_filter){0}, &nil, found, PAGE_MAX, &n));
    ck_assert_uint_eq(n, 1);
    {
        sqlite3_stmt *s;

        ck_assert_int_eq(
            sqlite3_prepare_v2(db->handle,
                               "SELECT count(*) FROM artefact_links WHERE removed_at = 60", -1,
                               &s, NULL),
            SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
        ck_assert_int_eq(sqlite3_column_int(s, 0), 3);
        (void)sqlite3_finalize(s);
    }
    close_records();
}
END_TEST

START_TEST(a_link_joins_what_is_there)
{
    struct link_record l;

    open_records();
    claim = new_claim("PIP-1", "alex");
    l = (struct link_record){.artefact = new_artefact(&claim, "alex"), .claim = id_in_order()};
    fails(ERR_CONFLICT, link_insert(db, &l));
    l = (struct link_record){.artefact = id_in_order(), .claim = claim};
    fails(ERR_CONFLICT, link_insert(db, &l));
    close_records();
}
END_TEST

START_TEST(an_artefact_has_so_many_links_and_no_more)
{
    struct link_record l;
    struct uuid id;

    open_records();
    claim = new_claim("first", "alex");
    id = new_artefact(&claim, "alex");
    for (int i = 1; i < LINKS_MAX + 1; i++) {
        char reference[16];

        (void)snprintf(reference, sizeof(reference), "R%d", i);
        l = (struct link_record){.artefact = id, .claim = new_claim(reference, "alex")};
        if (i < LINKS_MAX)
            ok(link_insert(db, &l));
    }
    fails(ERR_TOO_LARGE, link_insert(db, &l));
    ok(link_list(db, &id, links, &n));
    ck_assert_uint_eq(n, LINKS_MAX);
    ok(link_remove(db, &id, &claim, 9));
    ok(link_insert(db, &l));
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_artefact", an_artefact_comes_back_as_it_went,
                     an_artefact_may_wait_for_its_claim,
                     a_number_beyond_the_database_is_refused, every_status_has_a_name,
                     a_status_changes_only_from_where_it_is,
                     an_unknown_status_in_the_row_is_corrupt, the_harm_rule_holds_in_the_list,
                     a_page_is_full_whatever_is_hidden_in_it, filters_narrow_the_list,
                     pages_do_not_move_when_artefacts_arrive, a_list_is_of_its_claim,
                     the_same_bytes_are_found_in_their_claim,
                     the_same_bytes_are_not_found_where_their_link_was_removed,
                     recordings_are_found_by_their_assessment, a_scrub_meets_each_artefact_once,
                     a_link_stands_once_and_a_removed_one_keeps_its_row,
                     a_link_joins_what_is_there, an_artefact_has_so_many_links_and_no_more);
}
