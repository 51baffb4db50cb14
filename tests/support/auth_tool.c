/* The authenticator from outside, for the integration tests.
 *
 *     auth_tool [--ca FILE] ISSUER AUDIENCE JWKS_URL TOKEN
 *     auth_tool [--ca FILE] ISSUER AUDIENCE JWKS_URL -     one token a line, one answer a line
 *     auth_tool permissions                                the permission table as Markdown
 *
 * An answer is "principal <issuer> <subject> <client> <role,role>" or "failure <error> <detail>
 * <message>". With a token the exit status is 0 for a principal, 1 for a failure. */
#include "gateway/auth/authenticate.h"
#include "gateway/auth/permission.h"
#include "gateway/base/buf.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1 << 21, PAGE_MAX_BYTES = 1 << 16, CACHE = 64 };

static int usage(void)
{
    (void)fprintf(stderr, "usage: auth_tool [--ca FILE] ISSUER AUDIENCE JWKS_URL TOKEN|-\n"
                          "       auth_tool permissions\n");
    return 2;
}

static int print_permissions(void)
{
    AUTO_CLEAR(buf_clear) struct buf page;

    buf_init(&page, PAGE_MAX_BYTES);
    if (permission_print(&page) != ERR_OK)
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

static int answer(struct authenticator *a, const char *token)
{
    AUTO_CLEAR(buf_clear) struct buf header;
    struct principal p;
    enum err e;

    buf_init(&header, LINE_MAX_BYTES);
    e = buf_printf(&header, "Bearer %s", token);
    if (e == ERR_OK)
        e = authenticate(a, buf_text(&header), NULL, 0, &p);
    if (e == ERR_OK)
        print_principal(&p);
    else
        (void)printf("failure %s %d %s\n", err_name(e), err_detail(e), err_message(e));
    (void)fflush(stdout);
    return e == ERR_OK ? 0 : 1;
}

static int answer_lines(struct authenticator *a)
{
    static char line[LINE_MAX_BYTES];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        (void)answer(a, line);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct issuer_config issuer = {.algorithms = "ES256 PS256",
                                   .role_claim = "roles",
                                   .allowed_roles = (1u << ROLE_COUNT) - 1,
                                   .allow_plain_http = true,
                                   .leeway_s = 5,
                                   .max_lifetime_s = 3600,
                                   .cache_min_s = 1,
                                   .cache_max_s = 3600,
                                   .refetch_min_s = 1,
                                   .outage_max_s = 60};
    struct auth_config config = {.issuers = &issuer, .n_issuers = 1, .token_cache = CACHE};
    AUTO(authenticator_free) struct authenticator *a = NULL;
    int at = 1;
    enum err e;

    if (argc == 2 && strcmp(argv[1], "permissions") == 0)
        return print_permissions();
    if (argc > 2 && strcmp(argv[1], "--ca") == 0) {
        issuer.ca_file = argv[2];
        at = 3;
    }
    if (argc - at != 4)
        return usage();
    issuer.issuer = argv[at];
    issuer.audience = argv[at + 1];
    issuer.jwks_url = argv[at + 2];
    e = authenticator_new(&config, &a);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "auth_tool: %s\n", err_message(e));
        return 2;
    }
    return strcmp(argv[at + 3], "-") == 0 ? answer_lines(a) : answer(a, argv[at + 3]);
}
