#include "gateway/evidence/log/entry.h"

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
    if (!uuid_is_nil(claim))
        put_id(entry, "claim", claim);
}

void entry_upload(json_t *entry, const struct uuid *upload)
{
    put_id(entry, "upload", upload);
}

void entry_bundle(json_t *entry, const struct uuid *bundle)
{
    if (!uuid_is_nil(bundle))
        put_id(entry, "bundle", bundle);
}

void entry_artefact(json_t *entry, const struct artefact_record *a)
{
    put_id(entry, "artefact", &a->id);
    entry_claim(entry, &a->claim);
    json_put_text(entry, "kind", a->kind);
    json_put_bool(entry, "harmful", a->harmful);
}

/* --- on whose behalf ---------------------------------------------------------------------- */

static const char *text_of(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

static bool actor_is(const char *actor, const struct person *p)
{
    size_t len = strlen(p->issuer);
    return strncmp(actor, p->issuer, len) == 0 && actor[len] == '#' &&
           strcmp(actor + len + 1, p->subject) == 0;
}

/* Whatever has become of their authority meanwhile: what they did, they did for the claimant.
 */
static enum err acts_for_claimant(struct db *db, const struct uuid *claim, const char *actor,
                                  bool *out)
{
    struct party_record parties[PARTIES_MAX];
    size_t n = 0;
    TRY(party_list(db, claim, parties, &n));
    for (size_t i = 0; i < n; i++)
        *out = *out || (strcmp(parties[i].role, role_name(ROLE_REPRESENTATIVE)) == 0 &&
                        actor_is(actor, &parties[i].person));
    return ERR_OK;
}

static enum err behalf_put(struct db *db, json_t *entry)
{
    struct claim_record claim;
    struct uuid id;
    bool acts = false;
    if (strcmp(text_of(entry, "role"), role_name(ROLE_REPRESENTATIVE)) != 0 ||
        uuid_parse(text_of(entry, "claim"), &id) != ERR_OK)
        return ERR_OK;
    TRY(acts_for_claimant(db, &id, text_of(entry, "actor"), &acts));
    if (!acts)
        return ERR_OK;
    TRY(claim_find(db, &id, &claim));
    json_put_text(entry, "on_behalf_of", claim.claimant.subject);
    return ERR_OK;
}

enum err entry_append(struct commit_tx *tx, json_t *entry, struct ledger_ref *out)
{
    if (!entry || json_object_get(entry, "on_behalf_of"))
        return ledger_append(tx, entry, out);
    TRY(behalf_put(commit_db(tx), entry));
    enum err e = ledger_append(tx, entry, out);
    (void)json_object_del(entry, "on_behalf_of"); /* the next may be about another claim */
    return e;
}

/* --- an artefact's ------------------------------------------------------------------------ */

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
    TRY(entry_append(tx, entry, out));
    for (size_t i = 1; i < n; i++) {
        entry_claim(entry, &links[i].claim);
        TRY(entry_append(tx, entry, &other));
    }
    return ERR_OK;
}

void entry_hex(json_t *entry, const char *name, const uint8_t digest[32])
{
    char hex[HEX_SIZE(32)];
    hex_encode(digest, 32, hex);
    json_put_text(entry, name, hex);
}
