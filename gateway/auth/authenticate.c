/* Joins what proves who is calling: bearer tokens, client certificates, and the memory of both.
 *
 *     Authorization ----> cached? --no--> head, key set, signature, claims --+--> bound? scope?
 * roles? peer's chain  ----> cached? --no--> path, lists, row ------------------+--> principal
 *
 * Invariants: a stated credential that is not understood refuses and is never passed over for
 * another one; a cached token counts only under the key set it was verified with, and its
 * binding is checked anew every time; no error carries a value of the credential. */
#include "gateway/auth/authenticate.h"

#include "gateway/auth/cache.h"
#include "gateway/auth/certificate.h"
#include "gateway/auth/failure.h"
#include "gateway/auth/issuer.h"
#include "gateway/auth/jwt.h"
#include "gateway/auth/segregation.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ISSUERS_MAX = 16,
    CERTIFICATE_CACHE_ENTRIES = 1024,
    CERTIFICATE_CACHE_MS = 60000, /* then the path is verified again */
    CONFLICT_TEXT_MAX = 96,
};

struct authenticator {
    struct issuer *issuers;
    size_t n_issuers;
    struct cache *tokens;
    struct certificates *certificates; /* NULL: none are taken */
    struct cache *verified;            /* certificates */
    bool conflicts_allowed;
};

/* One call's clocks and its certificate, verified when it is first wanted. */
struct attempt {
    struct authenticator *a;
    const struct auth_der *chain;
    size_t n;
    int64_t wall_us, steady_ms;
};

/* --- certificates --------------------------------------------------------------------------
 */

static MUST_USE enum err chain_key(const struct attempt *t, struct cache_key *out)
{
    const void *parts[2 * CERTIFICATE_CHAIN_MAX];
    size_t lens[2 * CERTIFICATE_CHAIN_MAX];

    if (t->n > CERTIFICATE_CHAIN_MAX)
        return auth_refuse(AUTH_INVALID_TOKEN, "certificate: a chain of too many");
    for (size_t i = 0; i < t->n; i++) {
        parts[2 * i] = &t->chain[i].len;
        lens[2 * i] = sizeof(t->chain[i].len);
        parts[2 * i + 1] = t->chain[i].data;
        lens[2 * i + 1] = t->chain[i].len;
    }
    return cache_key_of(t->a->verified, parts, lens, 2 * t->n, out);
}

/* The thumbprint and the principal of a chain that verifies. */
static MUST_USE enum err check_certificate(const struct attempt *t, struct cached *out)
{
    struct certificate_result r;
    struct cache_key key;
    uint64_t generation;

    if (t->a->certificates == NULL || t->n == 0)
        return auth_refuse(AUTH_INVALID_TOKEN, "certificate: there is none");
    TRY(chain_key(t, &key));
    generation = certificates_generation(t->a->certificates, t->steady_ms);
    if (cache_get(t->a->verified, &key, out) && out->generation == generation &&
        !cached_over(out, t->wall_us, t->steady_ms))
        return ERR_OK;
    TRY(certificates_check(t->a->certificates, t->chain, t->n, &r));
    *out = (struct cached){.principal = r.principal,
                           .generation = generation,
                           .wall_until_us = r.valid_until_us,
                           .steady_until_ms = t->steady_ms + CERTIFICATE_CACHE_MS};
    memcpy(out->thumbprint, r.thumbprint, SHA256_SIZE);
    cache_put(t->a->verified, &key, out);
    return ERR_OK;
}

static MUST_USE enum err by_certificate(const struct attempt *t, struct principal *out)
{
    struct cached found;

    if (t->a->certificates == NULL || t->n == 0)
        return auth_refuse(AUTH_MISSING, "neither a token nor a certificate");
    TRY(check_certificate(t, &found));
    if (found.principal.subject[0] == '\0')
        return auth_refuse(AUTH_INVALID_TOKEN, "certificate: it is nobody's we know");
    *out = found.principal;
    return ERR_OK;
}

static MUST_USE enum err check_binding(const struct attempt *t, const struct cached *token)
{
    struct cached certificate;

    if (!token->bound)
        return ERR_OK;
    TRY(check_certificate(t, &certificate));
    if (!equal_constant_time(token->thumbprint, certificate.thumbprint, SHA256_SIZE))
        return auth_refuse(AUTH_INVALID_TOKEN, "token: bound to another certificate");
    return ERR_OK;
}

/* --- tokens --------------------------------------------------------------------------------
 */

static const struct issuer *find_issuer(const struct authenticator *a, const char *name)
{
    for (size_t i = 0; i < a->n_issuers; i++) {
        if (strcmp(a->issuers[i].config.issuer, name) == 0)
            return &a->issuers[i];
    }
    return NULL;
}

/* Verifies with the issuer's set; if it lacks the key, once more with a newer one. */
static MUST_USE enum err verify_signature(const struct attempt *t, const struct jwt_head *h,
                                          const struct issuer *issuer, json_t **claims,
                                          uint64_t *generation)
{
    AUTO(key_set_free) struct key_set *set = NULL;
    AUTO(key_set_free) struct key_set *newer = NULL;
    enum err e;

    TRY(jwks_source_get(issuer->keys, t->steady_ms, &set));
    *generation = key_set_generation(set);
    e = jws_verify(key_set_keys(set), &h->jws, h->token, h->len, claims);
    if (e == ERR_NOT_FOUND) {
        e = jwks_source_refetch(issuer->keys, set, clock_steady_ms(), &newer);
        if (e == ERR_UNAVAILABLE)
            return e;
        if (e == ERR_OK) {
            *generation = key_set_generation(newer);
            e = jws_verify(key_set_keys(newer), &h->jws, h->token, h->len, claims);
        }
    }
    if (e == ERR_NOT_FOUND || e == ERR_CRYPTO || e == ERR_INVALID) {
        struct err_info why;

        err_save(e, &why);
        return auth_refuse(AUTH_INVALID_TOKEN, why.message);
    }
    return e;
}

static MUST_USE enum err verify_token(const struct attempt *t, const char *token, size_t len,
                                      struct cached *out, bool *expired)
{
    AUTO(json_free) json_t *claims = NULL;
    struct jwt_head head;
    struct jwt_claims read;
    const struct issuer *issuer;
    uint64_t generation = 0;
    int64_t until;

    TRY(jwt_head_read(token, len, &head));
    issuer = find_issuer(t->a, head.issuer);
    if (issuer == NULL)
        return auth_refuse(AUTH_INVALID_TOKEN, "token: not an issuer of ours");
    TRY(jwt_head_check(&head, &issuer->config));
    TRY(verify_signature(t, &head, issuer, &claims, &generation));
    TRY(jwt_claims_check(claims, &issuer->config, t->wall_us, &read));
    *expired = read.expired;
    until = read.principal.expires_at + issuer->config.leeway_s * MICROS_PER_SECOND;
    *out = (struct cached){.principal = read.principal,
                           .source = (size_t)(issuer - t->a->issuers),
                           .generation = generation,
                           .wall_until_us = until,
                           .steady_until_ms = t->steady_ms + (until - t->wall_us) / 1000,
                           .bound = read.bound};
    memcpy(out->thumbprint, read.thumbprint, SHA256_SIZE);
    return ERR_OK;
}

/* Whether what is remembered still rests on the issuer's present keys. */
static MUST_USE enum err still_good(const struct attempt *t, const struct cached *found,
                                    bool *good)
{
    AUTO(key_set_free) struct key_set *set = NULL;

    TRY(jwks_source_get(t->a->issuers[found->source].keys, t->steady_ms, &set));
    *good = key_set_generation(set) == found->generation;
    return ERR_OK;
}

static MUST_USE enum err by_token(const struct attempt *t, const char *token, size_t len,
                                  struct principal *out)
{
    const void *part = token;
    struct cache_key key;
    struct cached found;
    bool good = false, over = false, expired = false;

    if (len > JWS_MAX)
        return auth_refuse(AUTH_INVALID_TOKEN, "token: too long");
    TRY(cache_key_of(t->a->tokens, &part, &len, 1, &key));
    if (cache_get(t->a->tokens, &key, &found)) {
        over = cached_over(&found, t->wall_us, t->steady_ms);
        TRY(still_good(t, &found, &good));
    }
    if (!good) {
        TRY(verify_token(t, token, len, &found, &expired));
        over |= expired;
        if (!over)
            cache_put(t->a->tokens, &key, &found);
    }
    TRY(check_binding(t, &found));
    if (over)
        return auth_refuse(found.principal.roles != 0 ? AUTH_EXPIRED : AUTH_INVALID_TOKEN,
                           "token: expired");
    if (found.principal.roles == 0)
        return auth_refuse(AUTH_INSUFFICIENT, "token: no role of ours, or not the scope");
    *out = found.principal;
    return ERR_OK;
}

/* --- the header ----------------------------------------------------------------------------
 */

static bool is_b64token(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && text[i] != '\0' &&
           (strchr("-._~+/", text[i]) != NULL || (text[i] >= '0' && text[i] <= '9') ||
            (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= 'a' && text[i] <= 'z')))
        i++;
    if (i == 0)
        return false;
    while (i < len && text[i] == '=')
        i++;
    return i == len;
}

/* RFC 6750: "Bearer" 1*SP b64token. */
static MUST_USE enum err split_header(const char *value, const char **token, size_t *len)
{
    static const char scheme[] = "Bearer";
    size_t n = strlen(scheme);

    if (strncasecmp(value, scheme, n) != 0 || (value[n] != ' ' && value[n] != '\0'))
        return auth_refuse(AUTH_MISSING, "a scheme that is not Bearer");
    *token = value + n + strspn(value + n, " ");
    *len = strlen(*token);
    while (*len > 0 && ((*token)[*len - 1] == ' ' || (*token)[*len - 1] == '\t'))
        (*len)--;
    if (*len > JWS_MAX)
        return auth_refuse(AUTH_INVALID_TOKEN, "token: too long");
    if (!is_b64token(*token, *len))
        return auth_refuse(AUTH_INVALID_REQUEST, "a malformed bearer token");
    return ERR_OK;
}

/* Roles that exclude each other were given by an issuer of ours: a fault there, or an attempt. */
static MUST_USE enum err duties_apart(const struct authenticator *a, const struct principal *p)
{
    enum role one, other;
    char why[CONFLICT_TEXT_MAX];

    if (!segregation_conflict(p->roles, &one, &other))
        return ERR_OK;
    log_event(LOG_WARN, "roles.conflict", log_str("role", role_name(one)),
              log_str("and", role_name(other)));
    if (a->conflicts_allowed)
        return ERR_OK;
    (void)snprintf(why, sizeof(why), "nobody is %s and %s at once", role_name(one),
                   role_name(other));
    return auth_refuse(AUTH_INSUFFICIENT, why);
}

enum err authenticate(struct authenticator *a, const char *authorization,
                      const struct auth_der *chain, size_t n, struct principal *out)
{
    struct attempt t = {
        .a = a, .chain = chain, .n = n, .wall_us = clock_now(), .steady_ms = clock_steady_ms()};
    const char *token = "";
    size_t len = 0;

    *out = (struct principal){.roles = 0};
    if (authorization == NULL) {
        TRY(by_certificate(&t, out));
        return duties_apart(a, out);
    }
    TRY(split_header(authorization, &token, &len));
    TRY(by_token(&t, token, len, out));
    return duties_apart(a, out);
}

/* --- from start to end ---------------------------------------------------------------------
 */

/* A key set file must be there; a URL may come up later (jwks_source.c writes the warning). */
static MUST_USE enum err add_issuer(struct authenticator *a, const struct issuer_config *config)
{
    AUTO(key_set_free) struct key_set *set = NULL;
    struct issuer *i = &a->issuers[a->n_issuers++];
    enum err e;

    TRY(issuer_init(i, config));
    for (size_t k = 0; k + 1 < a->n_issuers; k++) {
        if (strcmp(a->issuers[k].config.issuer, config->issuer) == 0)
            return err_set(ERR_INVALID, "issuer: the same one twice");
    }
    e = jwks_source_get(i->keys, clock_steady_ms(), &set);
    if (config->jwks_file != NULL)
        return e;
    return ERR_OK;
}

static MUST_USE enum err fill(struct authenticator *a, const struct auth_config *config)
{
    TRY(cache_new(config->token_cache, &a->tokens));
    for (size_t i = 0; i < config->n_issuers; i++)
        TRY(add_issuer(a, &config->issuers[i]));
    if (config->client_ca_file == NULL) {
        if (config->crl_file != NULL || config->n_mappings != 0)
            return err_set(ERR_INVALID, "client certificates: no client CA");
        return ERR_OK;
    }
    TRY(cache_new(CERTIFICATE_CACHE_ENTRIES, &a->verified));
    return certificates_new(config, &a->certificates);
}

enum err authenticator_new(const struct auth_config *config, struct authenticator **out)
{
    AUTO(authenticator_free) struct authenticator *a = calloc(1, sizeof(*a));

    if (config->n_issuers > ISSUERS_MAX)
        return err_set(ERR_INVALID, "issuers: at most %d", ISSUERS_MAX);
    if (a == NULL)
        return err_set(ERR_NOMEM, "the authenticator");
    a->issuers = calloc(config->n_issuers + 1, sizeof(*a->issuers));
    if (a->issuers == NULL)
        return err_set(ERR_NOMEM, "the authenticator");
    TRY(fill(a, config));
    a->conflicts_allowed = config->conflicts_allowed;
    *out = TAKE(a);
    return ERR_OK;
}

void authenticator_free(struct authenticator *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_issuers; i++)
        issuer_clear(&a->issuers[i]);
    free(a->issuers);
    cache_free(a->tokens);
    cache_free(a->verified);
    certificates_free(a->certificates);
    free(a);
}

enum err authenticator_health(struct authenticator *a)
{
    int64_t now = clock_steady_ms();

    for (size_t i = 0; i < a->n_issuers; i++) {
        AUTO(key_set_free) struct key_set *set = NULL;

        TRY(jwks_source_get(a->issuers[i].keys, now, &set));
        if (jwks_count(key_set_keys(set)) == 0)
            return err_set(ERR_UNAVAILABLE, "key set of %.80s: no usable key in it",
                           a->issuers[i].config.issuer);
    }
    return a->certificates == NULL ? ERR_OK : certificates_health(a->certificates, now);
}
