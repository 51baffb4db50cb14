/* The authenticator from outside, for the integration tests.
 *
 *     auth_tool [OPTION VALUE]... ISSUER AUDIENCE JWKS_URL TOKEN
 *     auth_tool [OPTION VALUE]... ISSUER AUDIENCE JWKS_URL -   one token a line, one answer
 * each
 *     auth_tool permissions|segregation      a table of the docs as Markdown
 *
 * Options: --ca FILE (of the URL's server), --client-ca FILE, --certificate FILE (the peer's,
 * DER). An answer is "principal <issuer> <subject> <client> <role,role>" or "failure <error>
 * <detail> <message>". With a token the exit status is 0 for a principal, 1 for a failure. */
#include "gateway/auth/authenticate.h"
#include "gateway/auth/permission.h"
#include "gateway/auth/segregation.h"
#include "gateway/base/buf.h"

#include <stdio.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 1 << 21,
    PAGE_MAX_BYTES = 1 << 16,
    CACHE = 64,
    CERTIFICATE_MAX = 1 << 16
};

struct options {
    struct issuer_config issuer;
    struct auth_config auth;
    struct auth_der certificate; /* data NULL: none */
    const char *token;
};

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: auth_tool [--ca FILE] [--client-ca FILE] [--certificate FILE]\n"
                  "                 ISSUER AUDIENCE JWKS_URL TOKEN|-\n"
                  "       auth_tool permissions|segregation\n");
    return 2;
}

static int print_page(enum err (*print)(struct buf *))
{
    AUTO_CLEAR(buf_clear) struct buf page;

    buf_init(&page, PAGE_MAX_BYTES);
    if (print(&page) != ERR_OK)
        return 1;
    return fwrite(page.data, 1, page.len, stdout) == page.len ? 0 : 1;
}

static void print_principal(const struct principal *p)
{
    const char *comma = "";

    (void)printf("principal %s %s %s ", p->issuer, p->subject, p->client_id);
    for (unsigned r = 0; r < ROLE_COUNT; r++) {
        if (!principal_has(p, (enum role)r))
            continue;
        (void)printf("%s%s", comma, role_name((enum role)r));
        comma = ",";
    }
    (void)printf("\n");
}

static int answer(struct authenticator *a, const struct options *o, const char *token)
{
    AUTO_CLEAR(buf_clear) struct buf header;
    struct principal p;
    enum err e;

    buf_init(&header, LINE_MAX_BYTES);
    e = buf_printf(&header, "Bearer %s", token);
    if (e == ERR_OK)
        e = authenticate(a, buf_text(&header), &o->certificate,
                         o->certificate.data == NULL ? 0 : 1, &p);
    if (e == ERR_OK)
        print_principal(&p);
    else
        (void)printf("failure %s %d %s\n", err_name(e), err_detail(e), err_message(e));
    (void)fflush(stdout);
    return e == ERR_OK ? 0 : 1;
}

static int answer_lines(struct authenticator *a, const struct options *o)
{
    static char line[LINE_MAX_BYTES];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        (void)answer(a, o, line);
    }
    return 0;
}

static bool read_certificate(const char *path, struct auth_der *out)
{
    static uint8_t data[CERTIFICATE_MAX];
    FILE *f = fopen(path, "rb");

    if (f == NULL)
        return false;
    out->len = fread(data, 1, sizeof(data), f);
    out->data = data;
    return fclose(f) == 0 && out->len > 0;
}

static bool read_option(const char *name, const char *value, struct options *o)
{
    if (strcmp(name, "--ca") == 0)
        o->issuer.ca_file = value;
    else if (strcmp(name, "--client-ca") == 0)
        o->auth.client_ca_file = value;
    else if (strcmp(name, "--certificate") == 0)
        return read_certificate(value, &o->certificate);
    else
        return false;
    return true;
}

static bool read_arguments(int argc, char **argv, struct options *o)
{
    int at = 1;

    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (!read_option(argv[at], argv[at + 1], o))
            return false;
    }
    if (argc - at != 4)
        return false;
    o->issuer.issuer = argv[at];
    o->issuer.audience = argv[at + 1];
    o->issuer.jwks_url = argv[at + 2];
    o->token = argv[at + 3];
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.issuer = {.algorithms = "ES256 PS256",
                                   .role_claim = "roles",
                                   .allowed_roles = (1u << ROLE_COUNT) - 1,
                                   .allow_plain_http = true,
                                   .leeway_s = 5,
                                   .max_lifetime_s = 3600,
                                   .cache_min_s = 1,
                                   .cache_max_s = 3600,
                                   .refetch_min_s = 1,
                                   .outage_max_s = 60},
                        .auth = {.n_issuers = 1, .token_cache = CACHE}};
    AUTO(authenticator_free) struct authenticator *a = NULL;
    enum err e;

    if (argc == 2 && strcmp(argv[1], "permissions") == 0)
        return print_page(permission_print);
    if (argc == 2 && strcmp(argv[1], "segregation") == 0)
        return print_page(segregation_print);
    if (!read_arguments(argc, argv, &o))
        return usage();
    o.auth.issuers = &o.issuer;
    e = authenticator_new(&o.auth, &a);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "auth_tool: %s\n", err_message(e));
        return 2;
    }
    return strcmp(o.token, "-") == 0 ? answer_lines(a, &o) : answer(a, &o, o.token);
}
