#include "gateway/evidence/entry.h"

#include "gateway/base/encode.h"
#include "gateway/evidence/internal.h"

#include <stdio.h>
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

void entry_artefact(json_t *entry, const struct artefact_record *a)
{
    put_id(entry, "artefact", &a->id);
    put_id(entry, "claim", &a->claim);
    json_put_text(entry, "kind", a->kind);
    json_put_bool(entry, "harmful", a->harmful);
}

void entry_hex(json_t *entry, const char *name, const uint8_t digest[32])
{
    char hex[HEX_SIZE(32)];
    hex_encode(digest, 32, hex);
    json_put_text(entry, name, hex);
}
