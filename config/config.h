/* The configuration: what the file says, checked, with defaults filled in and paths made
 * absolute.
 *
 * settings.def is the table of everything (issuers.def, certificates.def and witnesses.def: one
 * row of a list each). The file is libconfig's syntax and read strictly: a name that is not
 * known, a wrong type, a value out of bounds is an error that names file, line and setting.
 * Nobody but main and its commands sees all of it; the layers get their own structs.
 *
 * Texts are never NULL: "" where nothing is set. Units are in the field's name: _s, _ms; sizes
 * are bytes.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "gateway/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONFIG_ISSUERS_MAX = 16, CONFIG_CERTIFICATES_MAX = 1024, CONFIG_PATH_MAX = 1024 };
enum { CONFIG_WITNESSES_MAX = 15 }; /* what a note has room for beside the log's signature */

/* The names of roles (ROLE_TABLE of gateway/auth/principal.h; a test holds them equal). */
#define CONFIG_ROLES                                                                           \
    "claimant representative health_professional assessor case_manager auditor records_owner " \
    "claims_system operator"

#include "config/fields.inc"
struct config_issuer {
#include "config/issuers.def"
};
struct config_certificate {
#include "config/certificates.def"
};
struct config_witness {
#include "config/witnesses.def"
};

struct config {
#define SECTION(section, help) struct {
#define SECTION_END(section)                                                                   \
    }                                                                                          \
    section;
#include "config/settings.def"
    struct config_issuer *issuers;
    size_t n_issuers;
    struct config_certificate *certificates;
    size_t n_certificates;
    struct config_witness *witnesses;
    size_t n_witnesses;
    char *file;   /* as given; NULL for the defaults */
    char *folder; /* where it lies, absolute */
};
#include "config/end.inc"

/* Reads, resolves, cross-checks (config_check). */
MUST_USE enum err config_load(const char *path, struct config **out);
/* All defaults, paths as they stand in the table (relative); lists are empty. */
MUST_USE enum err config_defaults(struct config **out);
void config_free(struct config *c);
DEFINE_AUTO(struct config, config_free);
/* The same for a fresh (zeroed) row of a list that the config is to own. */
MUST_USE enum err config_issuer_defaults(struct config_issuer *row);
MUST_USE enum err config_certificate_defaults(struct config_certificate *row);
/* Replaces a text, path, choice or list field of a config; `field` is the address of a member.
 * Copies. */
MUST_USE enum err config_set(const char **field, const char *value);

/* Rules between settings: addresses are addresses, the development issuer is on loopback and in
 * the list, ... */
MUST_USE enum err config_check(const struct config *c);
/* Calls warn for everything that is allowed and not for production (inspection off, development
 * issuer, ...). `name` is stable. */
void config_warnings(const struct config *c,
                     void (*warn)(void *ctx, const char *name, const char *text), void *ctx);
/* Numeric "host:port" or "[host]:port": ERR_INVALID otherwise. host (without brackets) may be
 * NULL. */
enum { CONFIG_HOST_SIZE = 64 };
MUST_USE enum err config_address_parse(const char *address, char host[CONFIG_HOST_SIZE],
                                       unsigned *port, bool *loopback);
const struct config_issuer *config_issuer_find(const struct config *c,
                                               const char *issuer); /* NULL */

/* The file as text: every setting with its help; what differs from its default is set, the rest
 * stands in comments. A remark is printed as a comment above its setting. */
struct config_remark {
    const char *section, *name, *text;
};
MUST_USE enum err config_print(const struct config *c, const struct config_remark *remarks,
                               size_t n, struct buf *out);
/* gateway.conf.example: the defaults, with one example row in each list. */
MUST_USE enum err config_example(struct buf *out);
/* docs/settings.md */
MUST_USE enum err config_reference(struct buf *out);
/* "server.listen = \"...\"" for every setting as it is in effect; secret ones as "(set)" or
 * "(not set)". */
MUST_USE enum err config_effective(const struct config *c, struct buf *out);

#endif
