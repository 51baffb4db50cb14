/* The intake of a medical report: what intake/upload.c does not know of one.
 *
 * Invariants: what the sender said of the patient is written sealed or not at all; a report has
 * its row in the very commit of its artefact; the entry of an upload names a claim only where
 * the sender did, since its receipt is theirs. */
#include "gateway/evidence/reports/report.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"
#include "gateway/evidence/intake/upload_internal.h"
#include "gateway/evidence/reports/internal.h"
#include "gateway/evidence/rules/authority.h"
#include "storage/sealed.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PRINT_CONTEXT "evidence-gateway/report/1"
enum { PRINT_TEXT_MAX = 2 * REPORT_DETAILS_MAX };

/* --- what was said ------------------------------------------------------------------------ */

enum err report_said_new(struct report_said **out)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return err_set(ERR_NOMEM, "a report");
    buf_init_secret(&(*out)->resource, REPORT_RESOURCE_MAX);
    return ERR_OK;
}

void report_said_free(struct report_said *said)
{
    if (!said)
        return;
    buf_clear(&said->resource);
    sodium_memzero(said, sizeof(*said));
    free(said);
}

enum err details_write(const struct report_said *said, struct buf *out)
{
    AUTO(json_free) json_t *o = json_object();
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    json_put_text(o, "name", said->patient.name);
    json_put_text(o, "born", said->patient.born);
    json_put_text(o, "nino", said->patient.nino);
    if (said->resource.len > 0)
        json_put_text(o, "resource", buf_text(&said->resource));
    TRY(json_text(o, &text, &len));
    enum err e = buf_append(out, text, len);
    sodium_memzero(text, len);
    return e;
}

static enum err details_parse(const struct buf *text, struct report_patient *patient,
                              struct buf *resource)
{
    AUTO(json_free) json_t *root = NULL;
    struct json_in in;
    TRY(json_parse(text->data, text->len, &root));
    TRY(json_in_object(&in, root, "details"));
    TRY(json_in_text(&in, "name", JSON_OPTIONAL, patient->name, sizeof(patient->name)));
    TRY(json_in_text(&in, "born", JSON_OPTIONAL, patient->born, sizeof(patient->born)));
    TRY(json_in_text(&in, "nino", JSON_OPTIONAL, patient->nino, sizeof(patient->nino)));
    json_t *kept = json_object_get(root, "resource");
    return resource && kept
               ? buf_append(resource, json_string_value(kept), json_string_length(kept))
               : ERR_OK;
}

enum err details_read(struct db *db, const struct uuid *artefact,
                      struct report_patient *patient, struct buf *resource)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    memset(patient, 0, sizeof(*patient));
    buf_init_secret(&text, REPORT_DETAILS_MAX);
    TRY(report_details(db, artefact, &text));
    if (text.len == 0)
        return ERR_OK;
    enum err e = details_parse(&text, patient, resource);
    return e == ERR_INVALID ? err_set(ERR_CORRUPT, "the details of a report cannot be read")
                            : e;
}

/* --- the upload --------------------------------------------------------------------------- */

enum err report_may_send(const struct principal *p)
{
    return authority_role(p, ACTION_REPORT_SEND, NULL);
}

enum err report_begin(struct evidence *ev, const struct principal *p,
                      const struct upload_request *rq, struct upload **out)
{
    AUTO_FREE struct upload_request *wanted = malloc(sizeof(*wanted));
    if (!wanted)
        return err_set(ERR_NOMEM, "a report");
    *wanted = *rq;
    memset(&wanted->claim, 0, sizeof(wanted->claim));
    memcpy(wanted->kind, REPORT_KIND, sizeof(REPORT_KIND));
    wanted->report = true;
    return upload_begin(ev, p, wanted, out);
}

/* The same words make the same request. Under a key: there is little to guess in them. */
static enum err print_make(struct upload *u)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    const struct secret *key = u->ev->intake_key;
    buf_init_secret(&text, PRINT_TEXT_MAX);
    TRY(buf_append_str(&text, PRINT_CONTEXT));
    TRY(buf_append_str(&text, u->report->form));
    TRY(details_write(u->report, &text));
    return hmac_sha256(key->bytes, key->len, text.data, text.len, u->report->print);
}

/* Also where an answer is given again: by then the claim may be somebody else's to reach. */
static enum err claim_check(struct upload *u)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(u->ev->parts.db, &db));
    return upload_check_authority(u, db);
}

static enum err describe(struct upload *u, const struct report_facts *facts)
{
    struct report_said *said = u->report;
    memcpy(said->form, facts->form, sizeof(said->form));
    said->patient = facts->patient;
    if (facts->resource)
        TRY(buf_append_str(&said->resource, facts->resource));
    TRY(print_make(u));
    if (!facts->has_claim)
        return ERR_OK;
    u->reached = false;
    u->rq.claim = facts->claim;
    TRY(claim_check(u));
    u->reached = true;
    u->artefact.claim = facts->claim;
    return ERR_OK;
}

enum err report_describe(struct upload *u, const struct report_facts *facts)
{
    assert(u->report && !u->report->described && !u->finished);
    u->report->described = true;
    enum err e = describe(u, facts);
    return e == ERR_OK ? ERR_OK : upload_refused(u, e);
}

enum err report_refused(struct upload *u, enum err e)
{
    return u->told ? e : upload_refused(u, e);
}

enum err report_check_authority(struct upload *u)
{
    struct access access = {
        .action = ACTION_REPORT_SEND, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    return authority_refuse(permission_check(&u->principal, &access, &u->role, NULL),
                            REFUSAL_NOT_FOUND);
}

/* --- the commit --------------------------------------------------------------------------- */

static void subject_of(const struct report_patient *p, char out[SUBJECT_TEXT_MAX + 1])
{
    subject_text(p->nino, p->born, p->name, out);
}

/* Whether a claim that the sender named is of the same person, as far as both say. */
static enum err identity_compare(struct db *db, const struct upload *u, const char **out)
{
    struct claim_record claim;
    char mine[SUBJECT_TEXT_MAX + 1], theirs[SUBJECT_TEXT_MAX + 1];
    TRY(claim_find(db, &u->rq.claim, &claim));
    subject_of(&u->report->patient, mine);
    subject_text(claim.claimant_nino, claim.claimant_born, claim.claimant_name, theirs);
    *out = !mine[0] || !theirs[0]      ? "unknown"
           : strcmp(mine, theirs) == 0 ? "agrees"
                                       : "differs";
    sodium_memzero(mine, sizeof(mine));
    sodium_memzero(theirs, sizeof(theirs));
    sodium_memzero(&claim, sizeof(claim));
    return ERR_OK;
}

enum err report_entry(struct upload *u, struct db *db, json_t *entry)
{
    const char *identity = NULL;
    assert(u->report->described);
    json_put_text(entry, "form", u->report->form);
    if (uuid_is_nil(&u->rq.claim))
        return ERR_OK;
    TRY(identity_compare(db, u, &identity));
    json_put_text(entry, "linked_by", "sender");
    json_put_text(entry, "identity", identity);
    return ERR_OK;
}

static enum err store(struct upload *u, struct commit_tx *tx, const char *subject)
{
    AUTO_CLEAR(buf_clear) struct buf details;
    struct db *db = commit_db(tx);
    struct artefact_record of = u->artefact; /* the sender's does not get the claim */
    struct report_record r = {.artefact = u->artefact.id};
    r.named = !uuid_is_nil(&u->rq.claim);
    r.waiting = !r.named;
    r.unmatched = r.waiting && subject[0] && !db_can_open(db);
    memcpy(r.form, u->report->form, sizeof(r.form));
    buf_init_secret(&details, REPORT_DETAILS_MAX);
    TRY(details_write(u->report, &details));
    TRY(report_insert(db, &r, subject, details.data, details.len));
    u->report->linked = r.named;
    return r.waiting ? report_match(tx, &of, subject, &u->report->linked) : ERR_OK;
}

enum err report_store(struct upload *u, struct commit_tx *tx)
{
    char subject[SUBJECT_TEXT_MAX + 1];
    subject_of(&u->report->patient, subject);
    enum err e = store(u, tx, subject);
    sodium_memzero(subject, sizeof(subject));
    return e;
}

/* --- afterwards --------------------------------------------------------------------------- */

enum err report_is_linked(struct db *db, const struct uuid *artefact, bool *out)
{
    struct report_record r;
    enum err found = report_find(db, artefact, &r);
    *out = found == ERR_NOT_FOUND || (found == ERR_OK && !r.waiting);
    return found == ERR_NOT_FOUND ? ERR_OK : found;
}

enum err report_claim_hide(struct db *db, struct artefact_record *a)
{
    struct report_record r;
    enum err found = report_find(db, &a->id, &r);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    if (!r.named)
        memset(&a->claim, 0, sizeof(a->claim));
    return ERR_OK;
}

enum err report_resource(struct evidence *ev, const struct principal *p, const struct uuid *id,
                         struct artefact_record *artefact, struct buf *resource)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    struct report_patient patient;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_role(p, ACTION_REPORT_SEND, NULL));
    TRY(authority_artefact(db, id, p, ACTION_ARTEFACT_READ, PURPOSE_NONE, &access));
    if (!person_is(&access.artefact.uploader, p))
        return refuse(REFUSAL_NOT_FOUND);
    enum err found = details_read(db, id, &patient, resource);
    sodium_memzero(&patient, sizeof(patient));
    if (found == ERR_NOT_FOUND || (found == ERR_OK && resource->len == 0))
        return refuse(REFUSAL_NOT_FOUND);
    *artefact = access.artefact;
    return found;
}
