/* Settings of an issuer, refused at start rather than at the first token.
 *
 * Invariant: an issuer that was let in signs with asymmetric algorithms only, can only give
 * roles that its settings name, and is not called what certificates are. */
#include "gateway/auth/issuer.h"

#include <stdlib.h>
#include <string.h>

enum { ALGORITHM_TEXT_MAX = 15 };

bool word_in_list(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (n > 0 && *list != '\0') {
        size_t len = strcspn(list, " ");

        if (len == n && memcmp(list, word, n) == 0)
            return true;
        list += len;
        list += strspn(list, " ");
    }
    return false;
}

static MUST_USE enum err check_algorithms(const char *list)
{
    static const char known[] = "ES256 ES384 RS256 PS256";
    size_t n = 0;

    list += strspn(list, " ");
    while (*list != '\0') {
        char word[ALGORITHM_TEXT_MAX + 1] = "";
        size_t len = strcspn(list, " ");

        if (len < sizeof(word))
            memcpy(word, list, len);
        if (!word_in_list(known, word))
            return err_set(ERR_INVALID, "algorithms: only %s are known", known);
        n++;
        list += len;
        list += strspn(list, " ");
    }
    return n > 0 ? ERR_OK : err_set(ERR_INVALID, "algorithms: none is named");
}

static bool absent(const char *text)
{
    return text == NULL || *text == '\0';
}

static MUST_USE enum err check_names(const struct issuer_config *c)
{
    if (absent(c->issuer) || strlen(c->issuer) > PRINCIPAL_TEXT_MAX)
        return err_set(ERR_INVALID, "issuer: 1 to %d bytes", PRINCIPAL_TEXT_MAX);
    if (strcmp(c->issuer, CERTIFICATE_ISSUER) == 0)
        return err_set(ERR_INVALID, "issuer: \"%s\" is the name of the certificates",
                       CERTIFICATE_ISSUER);
    if (absent(c->audience))
        return err_set(ERR_INVALID, "audience: it is empty");
    if (absent(c->algorithms))
        return err_set(ERR_INVALID, "algorithms: none is named");
    return check_algorithms(c->algorithms);
}

static MUST_USE enum err check_numbers(const struct issuer_config *c)
{
    if (c->allowed_roles == 0 || c->allowed_roles >> ROLE_COUNT != 0)
        return err_set(ERR_INVALID, "allowed_roles: none, or one that is not known");
    if (c->leeway_s > LEEWAY_MAX_S)
        return err_set(ERR_INVALID, "leeway_s: at most %d", LEEWAY_MAX_S);
    if (c->max_lifetime_s == 0)
        return err_set(ERR_INVALID, "max_lifetime_s: at least 1");
    if (c->jwks_url != NULL && c->refetch_min_s == 0)
        return err_set(ERR_INVALID, "refetch_min_s: at least 1");
    if (c->jwks_url != NULL && (c->cache_max_s == 0 || c->cache_max_s < c->cache_min_s))
        return err_set(ERR_INVALID, "cache_max_s: at least 1 and cache_min_s");
    return ERR_OK;
}

static MUST_USE enum err copy_text(const char **out, const char *text)
{
    *out = NULL;
    if (text == NULL)
        return ERR_OK;
    *out = strdup(text);
    return *out == NULL ? err_set(ERR_NOMEM, "the settings of an issuer") : ERR_OK;
}

static MUST_USE enum err copy_texts(struct issuer_config *to, const struct issuer_config *from)
{
    TRY(copy_text(&to->issuer, from->issuer));
    TRY(copy_text(&to->audience, from->audience));
    TRY(copy_text(&to->jwks_file, from->jwks_file));
    TRY(copy_text(&to->jwks_url, from->jwks_url));
    TRY(copy_text(&to->ca_file, from->ca_file));
    TRY(copy_text(&to->role_claim, absent(from->role_claim) ? "roles" : from->role_claim));
    TRY(copy_text(&to->required_scope, from->required_scope));
    return copy_text(&to->algorithms, from->algorithms);
}

enum err issuer_init(struct issuer *i, const struct issuer_config *config)
{
    struct jwks_origin origin;

    *i = (struct issuer){.keys = NULL};
    TRY(check_names(config));
    TRY(check_numbers(config));
    i->config.allow_plain_http = config->allow_plain_http;
    i->config.allowed_roles = config->allowed_roles;
    i->config.leeway_s = config->leeway_s;
    i->config.max_lifetime_s = config->max_lifetime_s;
    TRY(copy_texts(&i->config, config));
    origin = (struct jwks_origin){.issuer = i->config.issuer,
                                  .file = i->config.jwks_file,
                                  .url = i->config.jwks_url,
                                  .ca_file = i->config.ca_file,
                                  .allow_plain = config->allow_plain_http,
                                  .cache_min_s = config->cache_min_s,
                                  .cache_max_s = config->cache_max_s,
                                  .refetch_min_s = config->refetch_min_s,
                                  .outage_max_s = config->outage_max_s};
    return jwks_source_new(&origin, &i->keys);
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void issuer_clear(struct issuer *i)
{
    jwks_source_free(i->keys);
    free_text(i->config.issuer);
    free_text(i->config.audience);
    free_text(i->config.jwks_file);
    free_text(i->config.jwks_url);
    free_text(i->config.ca_file);
    free_text(i->config.role_claim);
    free_text(i->config.required_scope);
    free_text(i->config.algorithms);
    *i = (struct issuer){.keys = NULL};
}
