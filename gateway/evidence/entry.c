#include "gateway/evidence/entry.h"

#include "gateway/base/encode.h"
#include "gateway/evidence/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void actor_text(const struct principal *p, char out[ACTOR_MAX])
{
    (void)snprintf(out, ACTOR_MAX, "%s#%s", p->issuer, p->subject);
}

struct person person_of(const struct principal *p)
{
    struct person person = {0};
    memcpy(person.issuer, p->issuer, sizeof(person.issuer));
    memcpy(person.subject, p->subject, sizeof(person.subject));
    return person;
}
_Static_assert((int)ISSUER_MAX == (int)PRINCIPAL_TEXT_MAX &&
                   (int)SUBJECT_MAX == (int)PRINCIPAL_TEXT_MAX,
               "a principal fits a person");

bool person_is(const struct person *a, const struct principal *p)
{
    return strcmp(a->issuer, p->issuer) == 0 && strcmp(a->subject, p->subject) == 0;
}

json_t *entry_new(const char *action, const struct principal *p, enum role role)
{
    json_t *entry = json_object();
    json_put_text(entry, "action", action);
    if (p) {
        char actor[ACTOR_MAX];
        actor_text(p, actor);
        json_put_text(entry, "actor", actor);
        json_put_text(entry, "role", role_name(role));
    }
    return entry;
}

static void put_id(json_t *entry, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_put_text(entry, name, text);
}

void entry_claim(json_t *entry, const struct uuid *claim)
{
    put_id(entry, "claim", claim);
}

void entry_upload(json_t *entry, const struct uuid *upload)
{
    put_id(entry, "upload", upload);
}

void entry_artefact(json_t *entry, const struct artefact_record *a)
{
    put_id(entry, "artefact", &a->id);
    put_id(entry, "claim", &a->claim);
    json_put_text(entry, "kind", a->kind);
    json_put_bool(entry, "harmful", a->harmful);
}

static void sent_to_first(const struct artefact_record *a, struct link_record *links, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (uuid_equal(&links[i].claim, &a->claim)) {
            links[i].claim = links[0].claim;
            links[0].claim = a->claim;
        }
    }
}

enum err entry_append_linked(struct commit_tx *tx, json_t *entry,
                             const struct artefact_record *a, struct ledger_ref *out)
{
    AUTO_FREE struct link_record *links = calloc(LINKS_MAX, sizeof(*links));
    struct ledger_ref other;
    size_t n = 0;
    if (!links)
        return err_set(ERR_NOMEM, "links");
    TRY(link_list(commit_db(tx), &a->id, links, &n));
    sent_to_first(a, links, n);
    if (n > 0)
        entry_claim(entry, &links[0].claim);
    TRY(ledger_append(tx, entry, out));
    for (size_t i = 1; i < n; i++) {
        entry_claim(entry, &links[i].claim);
        TRY(ledger_append(tx, entry, &other));
    }
    return ERR_OK;
}

void entry_hex(json_t *entry, const char *name, const uint8_t digest[32])
{
    char hex[HEX_SIZE(32)];
    hex_encode(digest, 32, hex);
    json_put_text(entry, name, hex);
}
