/* What no single row can say: rules between settings, and warnings about what is allowed but
 * not for production.
 *
 * Invariant: the development issuer, which gives anybody with its key file any role, never
 * serves a listener that another machine can reach. */
#include "config/setting.h"
#include "gateway/base/http_client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, PORT_DIGITS = 5, HTTP_PORT = 80, HTTPS_PORT = 443, ORIGIN_MAX = 255 };

static bool port_parse(const char *text, unsigned *port)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > PORT_DIGITS || text[len] != '\0')
        return false;
    *port = 0;
    for (size_t i = 0; i < len; i++)
        *port = *port * 10 + (unsigned)(text[i] - '0');
    return *port <= PORT_MAX;
}

static bool host_is(const char *host, bool *loopback)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, host, &four) == 1) {
        *loopback = ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
        return true;
    }
    if (inet_pton(AF_INET6, host, &six) != 1)
        return false;
    *loopback = IN6_IS_ADDR_LOOPBACK(&six);
    return true;
}

enum err config_address_parse(const char *address, char host[CONFIG_HOST_SIZE], unsigned *port,
                              bool *loopback)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    bool six = len >= 2 && address[0] == '[' && address[len - 1] == ']';
    char text[CONFIG_HOST_SIZE];

    if (six) {
        address++;
        len -= 2;
    }
    if (!colon || len == 0 || len >= sizeof(text) || !port_parse(colon + 1, port))
        return err_set(ERR_INVALID, "not a numeric address and port");
    (void)snprintf(text, sizeof(text), "%.*s", (int)len, address);
    if (six != (strchr(text, ':') != NULL) || !host_is(text, loopback))
        return err_set(ERR_INVALID, "not a numeric address and port");
    if (host)
        memcpy(host, text, sizeof(text));
    return ERR_OK;
}

const struct config_issuer *config_issuer_find(const struct config *c, const char *issuer)
{
    for (size_t i = 0; i < c->n_issuers; i++) {
        if (strcmp(c->issuers[i].issuer, issuer) == 0)
            return &c->issuers[i];
    }
    return NULL;
}

static const char *file_name(const struct config *c)
{
    return c->file ? c->file : "configuration";
}

static enum err check_listener(const struct config *c, const char *name, const char *address,
                               bool *loopback)
{
    unsigned port;

    if (config_address_parse(address, NULL, &port, loopback) != ERR_OK)
        return err_set(ERR_INVALID,
                       "%s: server.%s: wants a numeric address and port: \"127.0.0.1:8443\"",
                       file_name(c), name);
    return ERR_OK;
}

static enum err check_development(const struct config *c, bool loopback)
{
    if (!c->development_issuer.enabled)
        return ERR_OK;
    if (!loopback)
        return err_set(ERR_DENIED,
                       "%s: development_issuer.enabled: refused: server.listen and "
                       "server.ops_listen must both "
                       "be loopback addresses",
                       file_name(c));
    if (!config_issuer_find(c, c->development_issuer.issuer))
        return err_set(ERR_INVALID,
                       "%s: development_issuer.issuer: no row of `issuers` is called that",
                       file_name(c));
    return ERR_OK;
}

static enum err check_issuers(const struct config *c)
{
    for (size_t i = 0; i < c->n_issuers; i++) {
        const struct config_issuer *row = &c->issuers[i];

        if (!*row->jwks_file == !*row->jwks_url)
            return err_set(ERR_INVALID, "%s: issuers[%zu]: wants either jwks_file or jwks_url",
                           file_name(c), i);
        if (row->cache_min_s > row->cache_max_s)
            return err_set(ERR_INVALID, "%s: issuers[%zu].cache_min: more than cache_max",
                           file_name(c), i);
        if (config_issuer_find(c, row->issuer) != row)
            return err_set(ERR_INVALID, "%s: issuers[%zu].issuer: it stands twice",
                           file_name(c), i);
    }
    return ERR_OK;
}

static enum err check_limits(const struct config *c)
{
    if (c->limits.head_bytes >= c->limits.connection_memory)
        return err_set(ERR_INVALID,
                       "%s: limits.head_bytes: must be less than connection_memory",
                       file_name(c));
    if (c->limits.target_bytes > c->limits.head_bytes)
        return err_set(ERR_INVALID, "%s: limits.target_bytes: more than head_bytes",
                       file_name(c));
    return ERR_OK;
}

static enum err check_certificates(const struct config *c)
{
    if (c->n_certificates > 0 && !*c->server.client_ca_file)
        return err_set(ERR_INVALID, "%s: certificates: of no use without server.client_ca_file",
                       file_name(c));
    if (*c->server.client_crl_file && !*c->server.client_ca_file)
        return err_set(ERR_INVALID,
                       "%s: server.client_crl_file: of no use without client_ca_file",
                       file_name(c));
    return ERR_OK;
}

static enum err check_witnesses(const struct config *c)
{
    for (size_t i = 0; i < c->n_witnesses; i++) {
        const struct config_witness *row = &c->witnesses[i];
        char why[ERR_MESSAGE_MAX];
        enum err e = http_url_check(row->url, row->allow_plain_http);

        (void)snprintf(why, sizeof(why), "%s", err_message(e));
        if (e != ERR_OK)
            return err_set(e, "%s: witnesses[%zu].url: %s", file_name(c), i, why);
        for (size_t before = 0; before < i; before++) {
            if (strcmp(c->witnesses[before].vkey, row->vkey) == 0)
                return err_set(ERR_INVALID, "%s: witnesses[%zu].vkey: it stands twice",
                               file_name(c), i);
        }
    }
    return ERR_OK;
}

static enum err check_log_name(const struct config *c)
{
    if (!*c->keeper.log_name || strpbrk(c->keeper.log_name, " +\t\n"))
        return err_set(ERR_INVALID,
                       "%s: keeper.log_name: wants a name without spaces or plus signs",
                       file_name(c));
    return ERR_OK;
}

/* `[2001:db8::7]` or `claims.example`, in lower case. */
static size_t host_length(const char *text)
{
    size_t len;

    if (*text != '[')
        return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    len = 1 + strspn(text + 1, "abcdef0123456789:.");
    return len > 1 && text[len] == ']' ? len + 1 : 0;
}

/* As a browser sends it in Origin, to the letter: lower case, no path, and no port where it is
 * the scheme's own. Plain http is for a developer's own machine. */
static bool is_origin(const char *text)
{
    bool secure = strncmp(text, "https://", strlen("https://")) == 0;
    const char *host = text + strlen(secure ? "https://" : "http://");
    unsigned port;
    size_t len;

    if (!secure && strncmp(text, "http://", strlen("http://")) != 0)
        return false;
    len = host_length(host);
    if (len == 0 || http_url_check(text, true) != ERR_OK)
        return false;
    if (host[len] == '\0')
        return true;
    return host[len] == ':' && host[len + 1] != '0' && port_parse(host + len + 1, &port) &&
           port != (secure ? HTTPS_PORT : HTTP_PORT);
}

static enum err check_origins(const struct config *c)
{
    const char *word = c->server.cors_origins;
    char origin[ORIGIN_MAX + 1];

    while (*word != '\0') {
        size_t len = strcspn(word, " ");

        (void)snprintf(origin, sizeof(origin), "%.*s", (int)len, word);
        if (len > ORIGIN_MAX || !is_origin(origin))
            return err_set(ERR_INVALID,
                           "%s: server.cors_origins: wants origins as a browser names them, "
                           "\"https://claims.example\": lower case, no path, no slash",
                           file_name(c));
        word += len + (word[len] == ' ');
    }
    return ERR_OK;
}

enum err config_check(const struct config *c)
{
    bool service_loopback = false, ops_loopback = false;

    TRY(check_listener(c, "listen", c->server.listen, &service_loopback));
    TRY(check_listener(c, "ops_listen", c->server.ops_listen, &ops_loopback));
    TRY(check_origins(c));
    TRY(check_issuers(c));
    TRY(check_development(c, service_loopback && ops_loopback));
    TRY(check_certificates(c));
    TRY(check_log_name(c));
    TRY(check_witnesses(c));
    return check_limits(c);
}

void config_warnings(const struct config *c,
                     void (*warn)(void *ctx, const char *name, const char *text), void *ctx)
{
    bool loopback = true;
    unsigned port;

    if (!c->policy.inspection)
        warn(ctx, "inspection-off",
             "policy.inspection is off: uploads are available without having been looked at");
    if (c->development_issuer.enabled)
        warn(ctx, "development-issuer",
             "the development issuer is on: whoever reads its key file can be anybody");
    if (c->policy.assessors_any_claim)
        warn(ctx, "assessors-any-claim",
             "assessors reach claims that are not assigned to them");
    if (config_address_parse(c->server.ops_listen, NULL, &port, &loopback) == ERR_OK &&
        !loopback)
        warn(ctx, "ops-listener-open",
             "server.ops_listen is no loopback address, and no login stands before it");
    if (strstr(c->keeper.log_name, ".invalid/"))
        warn(ctx, "log-name-reserved",
             "keeper.log_name is a reserved name: choose one of your own domain before the "
             "first receipt");
    if (c->n_issuers == 0 && c->n_certificates == 0)
        warn(ctx, "nobody-can-call", "no issuer and no certificate is set: nobody can call");
    if (!c->keeper.require_mlock)
        warn(ctx, "mlock-optional", "keeper.require_mlock is off: keys may be written to swap");
    for (size_t i = 0; i < c->n_issuers; i++) {
        if (c->issuers[i].allow_plain_http)
            warn(ctx, "plain-http", "an issuer's key set may be fetched without TLS");
    }
}
