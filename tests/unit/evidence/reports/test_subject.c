/* The same name, as people write it; and what is another name. */
#include "gateway/evidence/reports/subject.h"
#include "tests/support/suite.h"

#include <string.h>

static void is(const char *name, const char *surname)
{
    char out[SUBJECT_SURNAME_MAX + 1];
    subject_surname(name, out);
    ck_assert_msg(strcmp(out, surname) == 0, "%s: %s, not %s", name, out, surname);
}

START_TEST(surnames)
{
    is("Ada Lovelace", "lovelace");
    is("ADA LOVELACE", "lovelace");
    is("  Ada \t Lovelace ", "lovelace");
    is("Lovelace", "lovelace");
    is("Siobh\xc3\xa1n O\xe2\x80\x99"
       "Brien",
       "obrien");
    is("Siobhan O'Brien", "obrien");
    is("Siobhan O Brien", "obrien");
    is("Siobhan O' Brien", "obrien");
    is("Fergus Mac Donald", "macdonald");
    is("Fergus MacDonald", "macdonald");
    is("Fergus Mc Donald", "mcdonald");
    is("Ann Smith-Jones", "jones");
    is("Ann Smith Jones", "jones");
    is("Ann Smith\xe2\x80\x93Jones", "jones");
    is("Jos\xc3\xa9 Garc\xc3\xad"
       "a",
       "garcia");
    is("Jose Garci\xcc\x81"
       "a",
       "garcia"); /* the accent as a mark of its own */
    is("J\xc3\xbcrgen Gro\xc3\x9f", "gross");
    is("\xc5\x81ukasz \xc5\x81\xc3\xb3"
       "d\xc5\xba",
       "lodz");
    is("Bj\xc3\xb8rn \xc3\x86sir", "aesir");
    is("Ken Griffey Jr.", "griffey");
    is("Ken Griffey, Jr", "griffey");
    is("\xce\x91\xce\xbd\xce\xbd\xce\xb1 \xce\x9d\xce\xaf\xce\xba\xce\xb7",
       "\xce\x9d\xce\xaf\xce\xba\xce\xb7");
    is("", "");
    is(" - ' ", "");
    is("Jr", "jr"); /* somebody's name all the same */
}
END_TEST

START_TEST(what_is_too_long_is_cut_and_not_overrun)
{
    char name[4 * SUBJECT_SURNAME_MAX], out[SUBJECT_SURNAME_MAX + 1];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    subject_surname(name, out);
    ck_assert_uint_eq(strlen(out), SUBJECT_SURNAME_MAX);
    for (size_t i = 0; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa6", 2);
    subject_surname(name, out);
    ck_assert_uint_le(strlen(out), SUBJECT_SURNAME_MAX);
}
END_TEST

START_TEST(a_text_of_all_three)
{
    char out[SUBJECT_TEXT_MAX + 1], other[SUBJECT_TEXT_MAX + 1];
    subject_text("AB123456C", "1950-02-28", "Zo\xc3\xab Invented", out);
    ck_assert_str_eq(out, "AB123456C|1950-02-28|invented");
    subject_text("AB123456C", "1950-02-28", "ZOE INVENTED", other);
    ck_assert_str_eq(out, other);
    subject_text("", "1950-02-28", "Zoe Invented", out);
    ck_assert_str_eq(out, "");
    subject_text("AB123456C", "", "Zoe Invented", out);
    ck_assert_str_eq(out, "");
    subject_text("AB123456C", "1950-02-28", " - ", out);
    ck_assert_str_eq(out, "");
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/reports/subject", surnames,
                     what_is_too_long_is_cut_and_not_overrun, a_text_of_all_three);
}
