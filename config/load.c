/* The file into struct config, strictly.
 *
 * Invariants: every name of the file is a row of a table, or the file is refused; a refusal
 * names file, line and setting; what is returned passed config_check. */
#include "config/setting.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct config *c;
    const char *path;
};

static void file_clear(config_t *file)
{
    config_destroy(file);
}
DEFINE_AUTO_CLEAR(config_t, file_clear);

/* --- life ----------------------------------------------------------------------------------
 */
static enum err table_defaults(const struct setting_table *t, void *base)
{
    for (size_t i = 0; i < t->n; i++)
        TRY(setting_default(&t->rows[i], base));
    return ERR_OK;
}

static void table_clear(const struct setting_table *t, void *base)
{
    for (size_t i = 0; i < t->n; i++)
        setting_clear(&t->rows[i], base);
}

enum err config_issuer_defaults(struct config_issuer *row)
{
    return table_defaults(&issuers_table, row);
}

enum err config_certificate_defaults(struct config_certificate *row)
{
    return table_defaults(&certificates_table, row);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    table_clear(&settings_table, c);
    for (size_t i = 0; i < c->n_issuers; i++)
        table_clear(&issuers_table, &c->issuers[i]);
    for (size_t i = 0; i < c->n_certificates; i++)
        table_clear(&certificates_table, &c->certificates[i]);
    for (size_t i = 0; i < c->n_witnesses; i++)
        table_clear(&witnesses_table, &c->witnesses[i]);
    free(c->issuers);
    free(c->certificates);
    free(c->witnesses);
    free(c->file);
    free(c->folder);
    free(c);
}

enum err config_defaults(struct config **out)
{
    AUTO(config_free) struct config *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(ERR_NOMEM, "the configuration");
    TRY(table_defaults(&settings_table, c));
    *out = TAKE(c);
    return ERR_OK;
}

/* --- names and values ----------------------------------------------------------------------
 */
static const char *file_of(const struct loader *l, const config_setting_t *at)
{
    const char *file = at ? config_setting_source_file(at) : NULL;
    return file ? file : l->path;
}

static enum err unknown(const struct loader *l, config_setting_t *at, const char *where)
{
    return err_set(ERR_INVALID, "%s:%u: %s%s%s: there is no such setting", file_of(l, at),
                   config_setting_source_line(at), where, *where ? "." : "",
                   config_setting_name(at));
}

static const struct setting *row_find(const struct setting_table *t, const char *section,
                                      const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->rows[i].section, section) == 0 && strcmp(t->rows[i].name, name) == 0)
            return &t->rows[i];
    }
    return NULL;
}

/* One group of the file: `where` is its name in messages ("issuers[1]"). */
static enum err group_read(const struct loader *l, config_setting_t *group,
                           const struct setting_table *t, const char *section,
                           const char *where, void *base)
{
    if (!config_setting_is_group(group))
        return err_set(ERR_INVALID, "%s:%u: %s: wants a group: { ... }", file_of(l, group),
                       config_setting_source_line(group), where);
    for (int i = 0; i < config_setting_length(group); i++) {
        config_setting_t *value = config_setting_get_elem(group, (unsigned)i);
        const struct setting *s = row_find(t, section, config_setting_name(value));
        char why[ERR_MESSAGE_MAX];

        if (!s)
            return unknown(l, value, where);
        enum err e = setting_read(s, value, l->c->folder, base);
        if (e != ERR_OK && e != ERR_INVALID)
            return e;
        (void)snprintf(why, sizeof(why), "%s", err_message(e));
        if (e == ERR_INVALID)
            return err_set(e, "%s:%u: %s.%s: %s", file_of(l, value),
                           config_setting_source_line(value), where, s->name, why);
    }
    return ERR_OK;
}

static enum err required_check(const struct loader *l, config_setting_t *at,
                               const struct setting_table *t, const char *where,
                               const void *base)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct setting *s = &t->rows[i];
        const char *const *text = (const void *)((const char *)base + s->offset);
        if ((s->flags & SETTING_REQUIRED) && setting_is_text(s) && !**text)
            return err_set(ERR_INVALID, "%s:%u: %s.%s: must be set", file_of(l, at),
                           config_setting_source_line(at), where, s->name);
    }
    return ERR_OK;
}

/* One row of a list, fresh zeros at `base`. */
static enum err row_read(const struct loader *l, config_setting_t *row,
                         const struct setting_table *t, const char *section, unsigned at,
                         void *base)
{
    char where[64];

    (void)snprintf(where, sizeof(where), "%s[%u]", section, at);
    TRY(table_defaults(t, base));
    TRY(group_read(l, row, t, section, where, base));
    return required_check(l, row, t, where, base);
}

static enum err list_check(const struct loader *l, config_setting_t *list, const char *section,
                           int max)
{
    if (!config_setting_is_list(list) || config_setting_length(list) > max)
        return err_set(ERR_INVALID,
                       "%s:%u: %s: wants a list of at most %d groups: ( { ... }, ... )",
                       file_of(l, list), config_setting_source_line(list), section, max);
    return ERR_OK;
}

static enum err issuers_read(const struct loader *l, config_setting_t *list)
{
    TRY(list_check(l, list, "issuers", CONFIG_ISSUERS_MAX));
    l->c->issuers = calloc((size_t)config_setting_length(list) + 1, sizeof(*l->c->issuers));
    if (!l->c->issuers)
        return err_set(ERR_NOMEM, "the issuers");
    for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++) {
        l->c->n_issuers++;
        TRY(row_read(l, config_setting_get_elem(list, i), &issuers_table, "issuers", i,
                     &l->c->issuers[i]));
    }
    return ERR_OK;
}

static enum err certificates_read(const struct loader *l, config_setting_t *list)
{
    TRY(list_check(l, list, "certificates", CONFIG_CERTIFICATES_MAX));
    l->c->certificates =
        calloc((size_t)config_setting_length(list) + 1, sizeof(*l->c->certificates));
    if (!l->c->certificates)
        return err_set(ERR_NOMEM, "the certificates");
    for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++) {
        l->c->n_certificates++;
        TRY(row_read(l, config_setting_get_elem(list, i), &certificates_table, "certificates",
                     i, &l->c->certificates[i]));
    }
    return ERR_OK;
}

static enum err witnesses_read(const struct loader *l, config_setting_t *list)
{
    TRY(list_check(l, list, "witnesses", CONFIG_WITNESSES_MAX));
    l->c->witnesses = calloc((size_t)config_setting_length(list) + 1, sizeof(*l->c->witnesses));
    if (!l->c->witnesses)
        return err_set(ERR_NOMEM, "the witnesses");
    for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++) {
        l->c->n_witnesses++;
        TRY(row_read(l, config_setting_get_elem(list, i), &witnesses_table, "witnesses", i,
                     &l->c->witnesses[i]));
    }
    return ERR_OK;
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < n_setting_sections; i++) {
        if (strcmp(setting_sections[i].name, name) == 0)
            return true;
    }
    return false;
}

static enum err root_read(const struct loader *l, config_setting_t *root)
{
    for (int i = 0; i < config_setting_length(root); i++) {
        config_setting_t *at = config_setting_get_elem(root, (unsigned)i);
        const char *name = config_setting_name(at);

        if (strcmp(name, "issuers") == 0)
            TRY(issuers_read(l, at));
        else if (strcmp(name, "certificates") == 0)
            TRY(certificates_read(l, at));
        else if (strcmp(name, "witnesses") == 0)
            TRY(witnesses_read(l, at));
        else if (is_section(name))
            TRY(group_read(l, at, &settings_table, name, name, l->c));
        else
            return unknown(l, at, "");
    }
    return ERR_OK;
}

/* --- the file ------------------------------------------------------------------------------
 */
static enum err folder_find(struct config *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    int n = slash ? snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path)
                  : snprintf(folder, sizeof(folder), ".");

    if (n < 0 || (size_t)n >= sizeof(folder))
        return err_set(ERR_INVALID, "the configuration file's path is too long");
    c->file = strdup(path);
    c->folder = realpath(folder, NULL);
    if (!c->file)
        return err_set(ERR_NOMEM, "the configuration");
    return c->folder ? ERR_OK : err_errno(path);
}

/* The defaults' relative paths belong to the same folder as the file's own. */
static enum err paths_resolve(struct config *c)
{
    for (size_t i = 0; i < settings_table.n; i++) {
        const struct setting *s = &settings_table.rows[i];
        const char **text = (void *)((char *)c + s->offset);
        char full[CONFIG_PATH_MAX + 1];

        if (s->type != SETTING_PATH || !**text || **text == '/')
            continue;
        int n = snprintf(full, sizeof(full), "%s/%s", c->folder, *text);
        if (n < 0 || (size_t)n >= sizeof(full))
            return err_set(ERR_INVALID, "%s: %s.%s: a path of more than %d bytes", c->file,
                           s->section, s->name, CONFIG_PATH_MAX);
        TRY(config_set(text, full));
    }
    return ERR_OK;
}

enum err config_load(const char *path, struct config **out)
{
    AUTO(config_free) struct config *c = NULL;
    AUTO_CLEAR(file_clear) config_t file;

    config_init(&file);
    TRY(config_defaults(&c));
    TRY(folder_find(c, path));
    config_set_include_dir(&file, c->folder);
    if (!config_read_file(&file, path)) {
        if (config_error_type(&file) == CONFIG_ERR_FILE_IO)
            return err_set(ERR_NOT_FOUND, "%s: it cannot be read", path);
        const char *in = config_error_file(&file);
        return err_set(ERR_INVALID, "%s:%d: %s", in ? in : path, config_error_line(&file),
                       config_error_text(&file));
    }
    TRY(root_read(&(struct loader){.c = c, .path = path}, config_root_setting(&file)));
    TRY(paths_resolve(c));
    if (!*c->policy.party_issuer && c->n_issuers > 0)
        TRY(config_set(&c->policy.party_issuer, c->issuers[0].issuer));
    TRY(config_check(c));
    *out = TAKE(c);
    return ERR_OK;
}
