/* `token`: an access token (RFC 9068) of the development issuer.
 *
 * Invariant: only a configuration that config_check lets have the development issuer (loopback
 * alone) signs here. */
#include "crypto/jws.h"
#include "crypto/secret.h"
#include "gateway/auth/principal.h"
#include "gateway/base/clock.h"
#include "gateway/base/uuid.h"
#include "gateway/cli.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <string.h>

enum { TOKEN_TTL_S = 900, KEY_FILE_MAX = 4096 };

struct token_request {
    const char *config, *subject, *scope, *client_id;
    struct cli_values roles;
    uint64_t ttl_s;
};

static enum err roles_put(const struct cli_values *roles, const char *claim, json_t *claims)
{
    json_t *list = json_array();

    for (size_t i = 0; i < roles->n; i++) {
        enum role role;
        if (role_parse(roles->values[i], &role) != ERR_OK) {
            json_decref(list);
            return err_set(ERR_INVALID, "%s: there is no such role (there are: %s)",
                           roles->values[i], CONFIG_ROLES);
        }
        if (json_array_append_new(list, json_string(role_name(role))) != 0) {
            json_decref(list);
            return err_set(ERR_NOMEM, "the token");
        }
    }
    json_put(claims, claim, list);
    return ERR_OK;
}

static enum err claims_make(const struct token_request *rq, const struct config_issuer *issuer,
                            json_t **out)
{
    AUTO(json_free) json_t *claims = json_object();
    char id[UUID_TEXT_SIZE];
    struct uuid jti = uuid_new();
    int64_t now = clock_now_seconds();
    const char *scope = rq->scope ? rq->scope : issuer->required_scope;

    if (rq->ttl_s < 1 || rq->ttl_s > issuer->max_lifetime_s)
        return err_set(ERR_INVALID, "--ttl: 1 to %u seconds (max_lifetime of the issuer)",
                       issuer->max_lifetime_s);
    uuid_format(&jti, id);
    json_put_text(claims, "iss", issuer->issuer);
    json_put_text(claims, "aud", issuer->audience);
    json_put_text(claims, "sub", rq->subject);
    json_put_text(claims, "client_id", rq->client_id ? rq->client_id : "development");
    json_put_text(claims, "jti", id);
    json_put_int(claims, "iat", now);
    json_put_int(claims, "exp", now + (int64_t)rq->ttl_s);
    json_put_text_if(claims, "scope", scope);
    TRY(roles_put(&rq->roles, issuer->role_claim, claims));
    *out = TAKE(claims);
    return ERR_OK;
}

static enum err key_read(const char *path, json_t **out)
{
    AUTO(secret_free) struct secret *text = NULL;

    TRY(secret_file_read(path, KEY_FILE_MAX, &text));
    return json_parse(text->bytes, text->len, out);
}

static enum err token_make(const struct token_request *rq, const struct config *c, char **out)
{
    AUTO(json_free) json_t *key = NULL;
    AUTO(json_free) json_t *claims = NULL;
    const struct config_issuer *issuer = config_issuer_find(c, c->development_issuer.issuer);

    secrets_allow_unlocked(!c->keeper.require_mlock);
    TRY(crypto_init());
    TRY(claims_make(rq, issuer, &claims));
    TRY(key_read(c->development_issuer.key_file, &key));
    return jws_sign(key, "at+jwt", claims, out);
}

static int token_run(const struct token_request *rq)
{
    AUTO(config_free) struct config *c = NULL;
    AUTO_FREE char *token = NULL;
    int code = cli_config("token", rq->config, &c);

    if (code != CLI_GO)
        return code;
    if (!c->development_issuer.enabled) {
        cli_error("token", "this configuration has no development issuer: tokens come from the "
                           "department's own issuer");
        return EXIT_CHECK_FAILED;
    }
    enum err e = token_make(rq, c, &token);
    if (e != ERR_OK)
        return cli_failed("token", e);
    (void)puts(token);
    return EXIT_GOOD;
}

int cmd_token(int argc, char **argv)
{
    struct token_request rq = {.ttl_s = TOKEN_TTL_S};
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &rq.config},
        {"role", "ROLE", "a role of the bearer; may be repeated", CLI_MANY, true, &rq.roles},
        {"subject", "NAME", "who the bearer is", CLI_TEXT, true, &rq.subject},
        {"ttl", "SECONDS", "how long it lives (900)", CLI_NUMBER, false, &rq.ttl_s},
        {"scope", "WORDS", "its scope", CLI_TEXT, false, &rq.scope},
        {"client-id", "ID", "the client it was given to (development)", CLI_TEXT, false,
         &rq.client_id},
    };
    const struct cli_command command = {
        .name = "token",
        .operands = "",
        .about = "Prints an access token of the development issuer, and nothing else.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    return code == CLI_GO ? token_run(&rq) : code;
}
