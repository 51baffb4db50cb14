#include "config/setting.h"
#include "tests/unit/config/config_file.h"

static char *text_of_file(const char *path)
{
    static char text[256 * 1024];
    FILE *in = fopen(path, "r");
    size_t len;

    ck_assert_msg(in != NULL, "%s", path);
    len = fread(text, 1, sizeof(text) - 1, in);
    (void)fclose(in);
    text[len] = '\0';
    return text;
}

/* When this fails after a change of the tables:
 *   evidence-gateway help settings > config/gateway.conf.example
 *   evidence-gateway help settings --markdown > docs/settings.md */
START_TEST(the_example_is_what_the_tables_print)
{
    AUTO_CLEAR(buf_clear) struct buf out = {0};

    buf_init(&out, 256 * 1024);
    ck_assert_int_eq(config_example(&out), ERR_OK);
    ck_assert_str_eq(buf_text(&out),
                     text_of_file(TEST_SOURCE_DIR "/config/gateway.conf.example"));
}
END_TEST

START_TEST(the_reference_is_what_the_tables_print)
{
    AUTO_CLEAR(buf_clear) struct buf out = {0};

    buf_init(&out, 256 * 1024);
    ck_assert_int_eq(config_reference(&out), ERR_OK);
    ck_assert_str_eq(buf_text(&out), text_of_file(TEST_SOURCE_DIR "/docs/settings.md"));
}
END_TEST

START_TEST(the_example_is_a_good_file_of_defaults)
{
    AUTO_CLEAR(buf_clear) struct buf out = {0};
    AUTO(config_free) struct config *c = NULL;
    AUTO(config_free) struct config *defaults = NULL;

    buf_init(&out, 256 * 1024);
    ck_assert_int_eq(config_example(&out), ERR_OK);
    ck_assert_int_eq(config_of(buf_text(&out), &c), ERR_OK);
    ck_assert_int_eq(config_defaults(&defaults), ERR_OK);
    for (size_t i = 0; i < settings_table.n; i++) {
        const struct setting *s = &settings_table.rows[i];
        if (s->type != SETTING_PATH)
            ck_assert_msg(setting_is_default(s, c), "%s.%s", s->section, s->name);
        ck_assert_msg(setting_is_default(s, defaults), "%s.%s", s->section, s->name);
    }
}
END_TEST

START_TEST(defaults_lie_within_their_bounds)
{
    AUTO(config_free) struct config *c = NULL;

    ck_assert_int_eq(config_defaults(&c), ERR_OK);
    for (size_t i = 0; i < settings_table.n; i++) {
        const struct setting *s = &settings_table.rows[i];
        if (s->type == SETTING_CHOICE)
            ck_assert(setting_word_in(s->words, s->text));
        else if (setting_is_text(s))
            ck_assert_uint_le(strlen(s->text), s->most);
        else if (s->type != SETTING_BOOL)
            ck_assert_msg(s->number >= s->least && s->number <= s->most, "%s.%s", s->section,
                          s->name);
        ck_assert(*s->help);
    }
}
END_TEST

/* Every setting, away from its default, printed and read again. */
static void change(const struct setting *s, struct config *c)
{
    void *field = (char *)c + s->offset;
    uint64_t other = s->number == s->least ? s->least + 1 : s->least;

    if (s->type == SETTING_CHOICE)
        ck_assert_int_eq(config_set(field, strrchr(s->words, ' ') + 1), ERR_OK);
    else if (strstr(s->name, "listen"))
        ck_assert_int_eq(config_set(field, "[::1]:1"), ERR_OK);
    else if (strcmp(s->name, "log_name") == 0)
        ck_assert_int_eq(config_set(field, "a\\b\"c"), ERR_OK);
    else if (s->type == SETTING_LIST)
        ck_assert_int_eq(config_set(field, "https://a.example http://[::1]:1"), ERR_OK);
    else if (setting_is_text(s))
        ck_assert_int_eq(config_set(field, "/an/other \"one\""), ERR_OK);
    else if (s->type == SETTING_BOOL)
        *(bool *)field = s->name[0] == 'e' ? false : !s->number;
    else if (s->type == SETTING_BYTES)
        *(uint64_t *)field = other;
    else
        *(unsigned *)field = (unsigned)other;
}

START_TEST(what_is_printed_reads_back)
{
    AUTO_CLEAR(buf_clear) struct buf first = {0};
    AUTO_CLEAR(buf_clear) struct buf second = {0};
    AUTO(config_free) struct config *c = NULL;
    AUTO(config_free) struct config *again = NULL;
    static const struct config_remark remark = {"policy", "inspection", "Because of a test."};

    buf_init(&first, 256 * 1024);
    buf_init(&second, 256 * 1024);
    ck_assert_int_eq(config_defaults(&c), ERR_OK);
    for (size_t i = 0; i < settings_table.n; i++)
        change(&settings_table.rows[i], c);
    c->limits.connection_memory = 1024 * 1024;
    ck_assert_int_eq(config_print(c, &remark, 1, &first), ERR_OK);
    ck_assert_ptr_nonnull(
        strstr(buf_text(&first), "  # Because of a test.\n  inspection = false;\n"));
    ck_assert_msg(config_of(buf_text(&first), &again) == ERR_OK, "%s\n%s",
                  err_message(ERR_INVALID), buf_text(&first));
    ck_assert_int_eq(config_print(again, &remark, 1, &second), ERR_OK);
    ck_assert_str_eq(buf_text(&first), buf_text(&second));
}
END_TEST

START_TEST(what_is_in_effect_is_listed)
{
    AUTO_CLEAR(buf_clear) struct buf out = {0};
    AUTO(config_free) struct config *c = NULL;

    buf_init(&out, 256 * 1024);
    ck_assert_int_eq(
        config_of(
            "server = { client_ca_file = \"/ca.pem\"; };\n"
            "issuers = ( { issuer = \"a\"; audience = \"b\"; jwks_file = \"/k\";\n"
            " allowed_roles = [\"claimant\", \"auditor\"]; } );\n"
            "certificates = ( { match = \"m\"; subject = \"s\"; roles = [\"auditor\"]; } );\n"
            "witnesses = ( { url = \"https://w\"; vkey = \"v\"; } );\n",
            &c),
        ERR_OK);
    ck_assert_int_eq(config_effective(c, &out), ERR_OK);
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "policy.read_session = \"15 min\"\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "limits.connections = 1024\n"));
    ck_assert_ptr_nonnull(
        strstr(buf_text(&out), "issuers[0].allowed_roles = [\"claimant\", \"auditor\"]\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "certificates[0].match = \"m\"\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "witnesses[0].vkey = \"v\"\n"));
}
END_TEST

int main(void)
{
    return SUITE_RUN("config/print", the_example_is_what_the_tables_print,
                     the_reference_is_what_the_tables_print,
                     the_example_is_a_good_file_of_defaults, defaults_lie_within_their_bounds,
                     what_is_printed_reads_back, what_is_in_effect_is_listed);
}
