/* Drawing by lot: shares, ranks, and that nobody is drawn twice or left out for their place. */
#include "gateway/evidence/log/sample_draw.h"

#include "crypto/digest.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 500 };

static struct sample_member members[MANY];
static struct audit_sample_item drawn[MANY];
static size_t n_drawn;

static void ok(enum err e)
{
    ck_assert_msg(e == ERR_OK, "%s", err_message(e));
}

static struct uuid id_of(unsigned n)
{
    struct uuid id = {{0x01, 0x93}};
    id.bytes[14] = (uint8_t)(n >> 8);
    id.bytes[15] = (uint8_t)n;
    return id;
}

/* `counts[i]` members of the stratum named by names[i]. */
static size_t population(const char *const *names, const unsigned *counts, size_t strata)
{
    size_t n = 0;
    for (size_t s = 0; s < strata; s++) {
        for (unsigned i = 0; i < counts[s]; i++, n++) {
            members[n].item.artefact = id_of((unsigned)n);
            (void)snprintf(members[n].item.stratum, sizeof(members[n].item.stratum), "%s",
                           names[s]);
        }
    }
    return n;
}

static unsigned drawn_of(const char *stratum)
{
    unsigned count = 0;
    for (size_t i = 0; i < n_drawn; i++)
        count += strcmp(drawn[i].stratum, stratum) == 0;
    return count;
}

START_TEST(shares_by_largest_remainder)
{
    static const char *const names[] = {"a", "b", "c"};
    static const unsigned counts[] = {5, 3, 2};
    static const unsigned wanted[][3] = {/* worked out by hand, sizes 1 to 10 */
                                         {1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {2, 1, 1}, {3, 1, 1},
                                         {3, 2, 1}, {4, 2, 1}, {4, 2, 2}, {4, 3, 2}, {5, 3, 2}};

    for (unsigned size = 1; size <= ARRAY_LEN(wanted); size++) {
        size_t n = population(names, counts, 3);
        ok(sample_draw(members, n, size, "seed", drawn, &n_drawn));
        ck_assert_uint_eq(n_drawn, size);
        for (unsigned s = 0; s < 3; s++)
            ck_assert_uint_eq(drawn_of(names[s]), wanted[size - 1][s]);
    }
}
END_TEST

START_TEST(equal_remainders_go_by_name)
{
    static const char *const names[] = {"b", "a", "c", "d"};
    static const unsigned counts[] = {1, 1, 1, 1};
    size_t n = population(names, counts, 4);

    ok(sample_draw(members, n, 2, "s", drawn, &n_drawn));
    ck_assert_uint_eq(n_drawn, 2);
    ck_assert_str_eq(drawn[0].stratum, "a");
    ck_assert_str_eq(drawn[1].stratum, "b");
}
END_TEST

START_TEST(the_lowest_ranks_are_drawn)
{
    static const char *const names[] = {"all"};
    static const unsigned counts[] = {MANY};
    uint8_t last[32] = {0};
    size_t n = population(names, counts, 1);

    ok(sample_draw(members, n, 50, "a seed", drawn, &n_drawn));
    ck_assert_uint_eq(n_drawn, 50);
    for (size_t i = 0; i < n_drawn; i++) {
        char id[UUID_TEXT_SIZE], text[64 + UUID_TEXT_SIZE];
        uint8_t rank[32];

        uuid_format(&drawn[i].artefact, id);
        (void)snprintf(text, sizeof(text), "a seed:%s", id);
        ok(sha256_once(text, strlen(text), rank));
        ck_assert_int_gt(memcmp(rank, last, sizeof(rank)), 0);
        memcpy(last, rank, sizeof(rank));
    }
    for (size_t i = n_drawn; i < n; i++)
        ck_assert_int_gt(memcmp(members[i].rank, last, sizeof(last)), 0);
}
END_TEST

START_TEST(order_of_arrival_does_not_matter)
{
    static const char *const names[] = {"x", "y"};
    static const unsigned counts[] = {40, 60};
    static struct audit_sample_item before[MANY];
    size_t n = population(names, counts, 2);

    ok(sample_draw(members, n, 17, "s", drawn, &n_drawn));
    memcpy(before, drawn, sizeof(before));
    n = population(names, counts, 2);
    for (size_t i = 0; i < n / 2; i++) {
        struct sample_member swap = members[i];
        members[i] = members[n - 1 - i];
        members[n - 1 - i] = swap;
    }
    ok(sample_draw(members, n, 17, "s", drawn, &n_drawn));
    for (size_t i = 0; i < 17; i++)
        ck_assert(uuid_equal(&before[i].artefact, &drawn[i].artefact));
}
END_TEST

START_TEST(none_or_all)
{
    static const char *const names[] = {"x"};
    static const unsigned counts[] = {3};

    ok(sample_draw(members, 0, 5, "s", drawn, &n_drawn));
    ck_assert_uint_eq(n_drawn, 0);
    ok(sample_draw(members, population(names, counts, 1), MANY, "s", drawn, &n_drawn));
    ck_assert_uint_eq(n_drawn, 3);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/log/sample_draw", shares_by_largest_remainder,
                     equal_remainders_go_by_name, the_lowest_ranks_are_drawn,
                     order_of_arrival_does_not_matter, none_or_all);
}
