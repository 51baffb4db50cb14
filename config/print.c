/* The tables as text: the file itself with its help, the reference, and what is in effect.
 *
 * Invariant: what config_print writes, config_load reads back as the same values. */
#include "config/setting.h"

#include <string.h>

enum { COMMENT_WIDTH = 100 };

static enum err comment(const char *indent, const char *text, struct buf *out)
{
    while (*text) {
        size_t len = strlen(text);
        if (len > COMMENT_WIDTH) {
            len = COMMENT_WIDTH;
            while (len > 0 && text[len] != ' ')
                len--;
            if (len == 0)
                len = strcspn(text, " ");
        }
        TRY(buf_printf(out, "%s# %.*s\n", indent, (int)len, text));
        text += len;
        text += *text == ' ';
    }
    return ERR_OK;
}

static enum err remark_print(const struct setting *s, const struct config_remark *remarks,
                             size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(remarks[i].section, s->section) == 0 &&
            strcmp(remarks[i].name, s->name) == 0)
            TRY(comment("  ", remarks[i].text, out));
    }
    return ERR_OK;
}

static enum err section_print(const struct config *c, const struct setting_section *section,
                              const struct config_remark *remarks, size_t n, struct buf *out)
{
    TRY(comment("", section->help, out));
    TRY(buf_printf(out, "%s:\n{\n", section->name));
    for (size_t i = 0; i < settings_table.n; i++) {
        const struct setting *s = &settings_table.rows[i];

        if (strcmp(s->section, section->name) != 0)
            continue;
        TRY(comment("  ", s->help, out));
        TRY(remark_print(s, remarks, n, out));
        TRY(buf_printf(out, "  %s%s = ", setting_is_default(s, c) ? "# " : "", s->name));
        TRY(setting_format(s, c, out));
        TRY(buf_append_str(out, ";\n"));
    }
    return buf_append_str(out, "};\n\n");
}

/* Rows of lists are printed without what is default, but for what must be set. */
static enum err row_print(const struct setting_table *t, const void *base, struct buf *out)
{
    TRY(buf_append_str(out, "  {\n"));
    for (size_t i = 0; i < t->n; i++) {
        const struct setting *s = &t->rows[i];

        if (setting_is_default(s, base) && !(s->flags & SETTING_REQUIRED))
            continue;
        TRY(buf_printf(out, "    %s = ", s->name));
        TRY(setting_format(s, base, out));
        TRY(buf_append_str(out, ";\n"));
    }
    return buf_append_str(out, "  }");
}

static enum err list_print(const char *name, const char *help, const struct setting_table *t,
                           const void *rows, size_t size, size_t n, struct buf *out)
{
    TRY(comment("", help, out));
    for (size_t i = 0; i < t->n; i++) {
        AUTO_CLEAR(buf_clear) struct buf line = {0};
        buf_init(&line, SETTING_VALUE_MAX);
        TRY(buf_printf(&line, "%s: %s", t->rows[i].name, t->rows[i].help));
        TRY(comment("  ", buf_text(&line), out));
    }
    TRY(buf_printf(out, "%s = (", name));
    for (size_t i = 0; i < n; i++) {
        TRY(buf_append_str(out, i ? ",\n" : "\n"));
        TRY(row_print(t, (const char *)rows + i * size, out));
    }
    return buf_append_str(out, n ? "\n);\n" : ");\n");
}

#define ISSUERS_HELP                                                                           \
    "Who may vouch for callers by tokens (RFC 9068). A list of groups with these members:"
#define CERTIFICATES_HELP                                                                      \
    "Whose a verified client certificate is. A list of groups with these members:"
#define WITNESSES_HELP                                                                         \
    "Who cosigns the log's checkpoints (`evidence-gateway log witness-push`). A list of "      \
    "groups with these members:"

enum err config_print(const struct config *c, const struct config_remark *remarks, size_t n,
                      struct buf *out)
{
    TRY(buf_append_str(out, "# Configuration of the evidence gateway (libconfig syntax). What "
                            "stands in a comment is the default.\n"
                            "# Relative paths start at the folder of this file. Check with: "
                            "evidence-gateway check-config --config FILE\n\n"));
    for (size_t i = 0; i < n_setting_sections; i++)
        TRY(section_print(c, &setting_sections[i], remarks, n, out));
    TRY(list_print("issuers", ISSUERS_HELP, &issuers_table, c->issuers, sizeof(*c->issuers),
                   c->n_issuers, out));
    TRY(buf_append_str(out, "\n"));
    TRY(list_print("certificates", CERTIFICATES_HELP, &certificates_table, c->certificates,
                   sizeof(*c->certificates), c->n_certificates, out));
    TRY(buf_append_str(out, "\n"));
    return list_print("witnesses", WITNESSES_HELP, &witnesses_table, c->witnesses,
                      sizeof(*c->witnesses), c->n_witnesses, out);
}

static const char example_lists[] =
    "\n# For example:\n"
    "#\n"
    "# issuers = (\n"
    "#   {\n"
    "#     issuer = \"https://login.example.gov.uk\";\n"
    "#     audience = \"https://evidence.example.gov.uk\";\n"
    "#     jwks_url = \"https://login.example.gov.uk/.well-known/jwks.json\";\n"
    "#     allowed_roles = [\"claimant\", \"representative\"];\n"
    "#   }\n"
    "# );\n"
    "# certificates = (\n"
    "#   {\n"
    "#     match = \"san-uri:urn:nhs:ods:A81001\";\n"
    "#     subject = \"A81001\";\n"
    "#     roles = [\"health_professional\"];\n"
    "#   }\n"
    "# );\n"
    "# witnesses = (\n"
    "#   {\n"
    "#     url = \"https://witness.example.org\";\n"
    "#     vkey = \"witness.example.org/w1+<key id>+<base64>\";\n"
    "#   }\n"
    "# );\n";

enum err config_example(struct buf *out)
{
    AUTO(config_free) struct config *c = NULL;

    TRY(config_defaults(&c));
    TRY(config_print(c, NULL, 0, out));
    return buf_append_str(out, example_lists);
}

/* --- the reference -------------------------------------------------------------------------
 */
static enum err default_words(const struct setting *s, struct buf *out)
{
    struct config_issuer room; /* the largest a single field needs */
    struct setting alone = *s;

    memset(&room, 0, sizeof(room));
    alone.offset = 0;
    TRY(setting_default(&alone, &room));
    enum err e = setting_format(&alone, &room, out);
    setting_clear(&alone, &room);
    return e;
}

static enum err reference_row(const struct setting *s, struct buf *out)
{
    bool empty = setting_is_text(s) && !*s->text;

    TRY(buf_printf(out, "| `%s` | ", s->name));
    TRY(setting_bounds(s, out));
    TRY(buf_append_str(out, " | "));
    if (empty) {
        TRY(buf_append_str(out, s->flags & SETTING_REQUIRED ? "must be set" : "empty"));
    } else {
        TRY(buf_append_str(out, "`"));
        TRY(default_words(s, out));
        TRY(buf_append_str(out, "`"));
    }
    return buf_printf(out, " | %s |\n", s->help);
}

static enum err reference_table(const struct setting_table *t, const char *section,
                                const char *help, struct buf *out)
{
    TRY(buf_printf(
        out,
        "\n## %s\n%s\n\n| setting | may be | default | what it does |\n|---|---|---|---|\n",
        section, help));
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->rows[i].section, section) == 0)
            TRY(reference_row(&t->rows[i], out));
    }
    return ERR_OK;
}

enum err config_reference(struct buf *out)
{
    TRY(buf_append_str(out,
                       "# Settings\n\n"
                       "Printed by `evidence-gateway help settings --markdown`; do not edit by "
                       "hand. The file is in libconfig syntax, one group a "
                       "section; [config/gateway.conf.example](../config/gateway.conf.example) "
                       "is a commented one. A name that is not known, a "
                       "wrong type or a value out of bounds is an error that names file, line "
                       "and setting. Relative paths start at the folder "
                       "of the file. Durations are texts such as `\"250 ms\"`, `\"30 s\"`, "
                       "`\"15 min\"`, `\"6 h\"`, `\"7 d\"`; sizes are "
                       "`\"64 KiB\"`, `\"256 MiB\"`, `\"2 GiB\"` or a number of bytes.\n"));
    for (size_t i = 0; i < n_setting_sections; i++)
        TRY(reference_table(&settings_table, setting_sections[i].name, setting_sections[i].help,
                            out));
    TRY(reference_table(&issuers_table, "issuers", ISSUERS_HELP, out));
    TRY(reference_table(&certificates_table, "certificates", CERTIFICATES_HELP, out));
    return reference_table(&witnesses_table, "witnesses", WITNESSES_HELP, out);
}

/* --- what is in effect ---------------------------------------------------------------------
 */
static enum err effective_value(const struct setting *s, const void *base, struct buf *out)
{
    if (!(s->flags & SETTING_SECRET))
        return setting_format(s, base, out);
    return buf_append_str(out, setting_is_default(s, base) ? "(not set)" : "(set)");
}

static enum err effective_rows(const struct setting_table *t, const char *list, size_t at,
                               const void *base, struct buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        if (list)
            TRY(buf_printf(out, "%s[%zu].%s = ", list, at, t->rows[i].name));
        else
            TRY(buf_printf(out, "%s.%s = ", t->rows[i].section, t->rows[i].name));
        TRY(effective_value(&t->rows[i], base, out));
        TRY(buf_append_str(out, "\n"));
    }
    return ERR_OK;
}

enum err config_effective(const struct config *c, struct buf *out)
{
    TRY(effective_rows(&settings_table, NULL, 0, c, out));
    for (size_t i = 0; i < c->n_issuers; i++)
        TRY(effective_rows(&issuers_table, "issuers", i, &c->issuers[i], out));
    for (size_t i = 0; i < c->n_certificates; i++)
        TRY(effective_rows(&certificates_table, "certificates", i, &c->certificates[i], out));
    for (size_t i = 0; i < c->n_witnesses; i++)
        TRY(effective_rows(&witnesses_table, "witnesses", i, &c->witnesses[i], out));
    return ERR_OK;
}
