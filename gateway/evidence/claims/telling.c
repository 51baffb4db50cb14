/* Invariants: nothing is written for a channel that no setting turned on; of what is harmful
 * only the webhook is told; whoever is told may read the claim at that moment, by the same
 * table that answers their calls. */
#include "gateway/evidence/claims/telling.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- who may be told ---------------------------------------------------------------------- */

struct entitled {
    bool own_side, professional;
};

static struct principal principal_of(const struct person *who)
{
    struct principal p = {.roles = 1u << ROLE_CLAIMANT | 1u << ROLE_REPRESENTATIVE |
                                   1u << ROLE_HEALTH_PROFESSIONAL};
    (void)snprintf(p.issuer, sizeof(p.issuer), "%s", who->issuer);
    (void)snprintf(p.subject, sizeof(p.subject), "%s", who->subject);
    return p;
}

static enum err entitle(struct db *db, const struct claim_record *claim,
                        const struct person *who, struct entitled *out)
{
    const uint32_t own = REL_CLAIMANT | REL_APPOINTEE | REL_REPRESENTATIVE;
    struct principal p = principal_of(who);
    struct access access = {.action = ACTION_CLAIM_READ, .status = PERMISSION_NO_ARTEFACT};
    TRY(authority_for(db, claim, &p, access.action, clock_now(), &access.relations));
    bool reads = permission_check(&p, &access, NULL, NULL) == PERMIT;
    out->own_side = reads && (access.relations & own) != 0;
    out->professional = reads && !out->own_side && (access.relations & REL_PARTY) != 0;
    return ERR_OK;
}

enum err telling_stands(struct db *db, const struct message_record *m, bool *out)
{
    struct claim_record claim;
    struct artefact_record artefact;
    struct entitled e;
    *out = true;
    if (m->channel == MESSAGE_WEBHOOK)
        return ERR_OK;
    TRY(claim_find(db, &m->claim, &claim));
    TRY(entitle(db, &claim, &m->to, &e));
    enum err found = artefact_find(db, &m->about, &artefact);
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    bool harmful = m->harmful || (found == ERR_OK && artefact.harmful); /* since then */
    *out = (e.own_side && !harmful) || e.professional;
    return ERR_OK;
}

/* --- writing ------------------------------------------------------------------------------ */

static enum err message_write(struct db *db, const struct telling *t,
                              enum message_channel channel, const struct person *to)
{
    struct message_record m = {.id = uuid_new(),
                               .claim = t->claim,
                               .event = t->event,
                               .channel = channel,
                               .about = t->about,
                               .harmful = t->harmful,
                               .occurred_at = clock_now(),
                               .due = t->due};
    m.next_at = m.occurred_at;
    if (to)
        m.to = *to;
    return message_insert(db, &m);
}

static enum err people_write(const struct telling_policy *p, struct db *db,
                             const struct telling *t)
{
    AUTO_FREE struct contact_record *contacts = calloc(CONTACTS_MAX, sizeof(*contacts));
    struct claim_record claim;
    size_t n = 0;
    if (!contacts)
        return err_set(ERR_NOMEM, "contacts");
    TRY(contact_list(db, &t->claim, contacts, &n));
    if (n > 0)
        TRY(claim_find(db, &t->claim, &claim));
    for (size_t i = 0; i < n; i++) {
        const struct contact_record *c = &contacts[i];
        struct entitled e;
        if (!(p->channels[t->event] & 1u << c->channel))
            continue;
        TRY(entitle(db, &claim, &c->person, &e));
        bool own = t->own_side && !t->harmful && e.own_side;
        if (own || (t->professional && e.professional))
            TRY(message_write(db, t, c->channel, &c->person));
    }
    return ERR_OK;
}

enum err telling_write(const struct telling_policy *p, struct db *db, const struct telling *t)
{
    if (uuid_is_nil(&t->claim))
        return ERR_OK;
    if (p->webhook)
        TRY(message_write(db, t, MESSAGE_WEBHOOK, NULL));
    bool people = (t->own_side && !t->harmful) || t->professional;
    return people && p->channels[t->event] ? people_write(p, db, t) : ERR_OK;
}

static bool sent_by(const struct artefact_record *a, enum role role)
{
    return strcmp(a->uploader_role, role_name(role)) == 0;
}

/* What staff put on a claim among themselves is nothing to tell people of; what was refused is
 * its sender's side's alone. */
static struct telling of_artefact(const struct artefact_record *a, enum message_event event)
{
    bool own = sent_by(a, ROLE_CLAIMANT) || sent_by(a, ROLE_REPRESENTATIVE);
    bool professional = sent_by(a, ROLE_HEALTH_PROFESSIONAL);
    return (struct telling){.event = event,
                            .claim = a->claim,
                            .about = a->id,
                            .harmful = a->harmful,
                            .own_side =
                                own || (professional && event != MESSAGE_ARTEFACT_REFUSED)};
}

static enum err artefact_write(const struct telling_policy *p, struct db *db,
                               const struct artefact_record *a, enum message_event event)
{
    struct telling t = of_artefact(a, event);
    return telling_write(p, db, &t);
}

enum err telling_received(const struct telling_policy *p, struct db *db,
                          const struct artefact_record *a)
{
    TRY(artefact_write(p, db, a, MESSAGE_ARTEFACT_RECEIVED));
    return a->status == ARTEFACT_AVAILABLE
               ? artefact_write(p, db, a, MESSAGE_ARTEFACT_AVAILABLE)
               : ERR_OK;
}

enum err telling_status(const struct telling_policy *p, struct db *db,
                        const struct artefact_record *before, enum artefact_status after)
{
    bool waited =
        before->status == ARTEFACT_QUARANTINED || before->status == ARTEFACT_COULD_NOT_SCAN;
    if (!waited || before->status == after)
        return ERR_OK;
    if (after == ARTEFACT_AVAILABLE)
        return artefact_write(p, db, before, MESSAGE_ARTEFACT_AVAILABLE);
    return after == ARTEFACT_REFUSED || after == ARTEFACT_RESTRICTED
               ? artefact_write(p, db, before, MESSAGE_ARTEFACT_REFUSED)
               : ERR_OK;
}

/* --- due soon ----------------------------------------------------------------------------- */

enum { DUE_PAGE = 32 };

struct due_act {
    struct evidence *ev;
    struct uuid id;
};

static bool answers_from(const struct request_record *r, enum role role)
{
    return strcmp(r->from_role, role_name(role)) == 0;
}

static enum err due_apply(struct commit_tx *tx, void *ctx)
{
    struct due_act *act = ctx;
    struct request_record r;
    struct db *db = commit_db(tx);
    TRY(request_find(db, &act->id, &r));
    TRY(request_due_told(db, &r.id));
    if (r.state != REQUEST_OPEN || r.due <= clock_now())
        return ERR_OK; /* answered meanwhile, or too late to be soon */
    struct telling t = {.event = MESSAGE_REQUEST_DUE_SOON,
                        .claim = r.claim,
                        .about = r.id,
                        .harmful = r.harmful,
                        .own_side = answers_from(&r, ROLE_CLAIMANT) ||
                                    answers_from(&r, ROLE_REPRESENTATIVE),
                        .professional = answers_from(&r, ROLE_HEALTH_PROFESSIONAL),
                        .due = r.due};
    return telling_write(&act->ev->config.telling, db, &t);
}

static int64_t soon_for(struct evidence *ev, struct db *db, const struct request_record *r)
{
    const struct deadline_policy *p = &ev->config.deadlines;
    struct claim_clock clock;
    if (claim_clock_find(db, &r->claim, &clock) != ERR_OK)
        clock.nation[0] = 0;
    return deadline_soon(ev->parts.calendar, p, deadline_nation(p, clock.nation), clock_now());
}

static enum err due_find(struct evidence *ev, struct due_act *out, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct request_record *page = calloc(DUE_PAGE, sizeof(*page));
    int64_t latest = 0;
    size_t found = 0;
    *n = 0;
    if (!page)
        return err_set(ERR_NOMEM, "requests");
    for (unsigned i = 0; i < NATION_COUNT; i++) {
        int64_t soon = deadline_soon(ev->parts.calendar, &ev->config.deadlines, (enum nation)i,
                                     clock_now());
        latest = soon > latest ? soon : latest;
    }
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(request_due_list(db, latest, page, DUE_PAGE, &found));
    for (size_t i = 0; i < found; i++) {
        if (page[i].due < soon_for(ev, db, &page[i]))
            out[(*n)++] = (struct due_act){.ev = ev, .id = page[i].id};
    }
    return ERR_OK;
}

static bool anybody(const struct telling_policy *p)
{
    return p->webhook || p->channels[MESSAGE_REQUEST_DUE_SOON];
}

void telling_tick(struct evidence *ev)
{
    struct due_act acts[DUE_PAGE];
    size_t n = 0;
    if (!anybody(&ev->config.telling))
        return;
    enum err e = due_find(ev, acts, &n);
    for (size_t i = 0; i < n && e == ERR_OK; i++)
        e = evidence_keep(ev, due_apply, &acts[i]);
    if (e != ERR_OK)
        log_event(LOG_WARN, "requests.due_soon", log_err(e));
}

/* --- contacts ----------------------------------------------------------------------------- */

struct contacts_act {
    struct evidence *ev;
    const struct principal *p;
    struct uuid claim;
    const struct contact_record *contacts;
    size_t n;
};

static bool is_number(const char *text)
{
    size_t digits = 0;
    for (const char *c = text; *c; c++) {
        bool other = *c == ' ' || (*c == '+' && c == text);
        if (!isdigit((unsigned char)*c) && !other)
            return false;
        digits += isdigit((unsigned char)*c) != 0;
    }
    return digits >= 7 && digits <= 15;
}

static bool is_mail(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at != text && at[1] && !strchr(at + 1, '@') && !strpbrk(text, " \t\n");
}

static bool is_letter(const char *text)
{
    size_t lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n' && c[1] && c[1] != '\n';
    return lines >= 3 && lines <= 7;
}

static enum err contact_check(const struct contact_record *c)
{
    if (c->channel == MESSAGE_SMS && !is_number(c->address))
        return refuse_because(REFUSAL_INVALID_REQUEST, "not a telephone number");
    if (c->channel == MESSAGE_EMAIL && !is_mail(c->address))
        return refuse_because(REFUSAL_INVALID_REQUEST, "not a mail address");
    if (c->channel == MESSAGE_LETTER && !is_letter(c->address))
        return refuse_because(REFUSAL_INVALID_REQUEST, "an address has three to seven lines");
    return c->channel == MESSAGE_WEBHOOK
               ? refuse_because(REFUSAL_INVALID_REQUEST, "channel is sms, email or letter")
               : ERR_OK;
}

static enum err contacts_apply(struct commit_tx *tx, void *ctx)
{
    struct contacts_act *act = ctx;
    struct claim_record claim;
    struct ledger_ref ref;
    enum role role;
    TRY(authority_claim(commit_db(tx), &act->claim, act->p, ACTION_CLAIM_UPDATE, &claim, NULL,
                        &role));
    enum err e = contact_replace(commit_db(tx), &act->claim, act->contacts, act->n);
    if (e == ERR_EXISTS)
        return refuse_because(REFUSAL_INVALID_REQUEST, "a person has one of a channel");
    TRY(e);
    AUTO(json_free) json_t *entry = entry_new("claim.contacts", act->p, role);
    entry_claim(entry, &act->claim);
    json_put_int(entry, "contacts", (json_int_t)act->n);
    return entry_append(tx, entry, &ref);
}

enum err contacts_set(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                      struct contact_record *contacts, size_t n)
{
    struct contacts_act act = {.ev = ev, .p = p, .claim = *claim, .contacts = contacts, .n = n};
    for (size_t i = 0; i < n; i++) {
        contacts[i].claim = *claim;
        if (!contacts[i].person.issuer[0])
            memcpy(contacts[i].person.issuer, ev->party_issuer,
                   sizeof(contacts[i].person.issuer));
        TRY(contact_check(&contacts[i]));
    }
    return evidence_commit(ev, contacts_apply, &act, NULL);
}

enum err contacts_get(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                      struct contact_record *out, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record record;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, claim, p, ACTION_CLAIM_UPDATE, &record, NULL, NULL));
    return contact_list(db, claim, out, n);
}

/* --- what was sent ------------------------------------------------------------------------ */

enum err messages_list(struct evidence *ev, const struct principal *p, const struct uuid *claim,
                       const struct uuid *after, size_t limit, struct message_view *out,
                       size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record record;
    struct message_record m;
    struct uuid at = *after;
    uint32_t relations = 0;
    size_t found = 1;
    *n = 0;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, claim, p, ACTION_MESSAGE_READ, &record, &relations, NULL));
    bool harmful = permission_sees_harmful(p, relations);
    while (*n < limit && found == 1) {
        TRY(message_list(db, claim, &at, &m, 1, &found));
        if (found == 0)
            break;
        at = m.id;
        if (m.harmful && !harmful)
            continue;
        out[*n].record = m;
        TRY(message_steps(db, &m.id, out[*n].steps, &out[*n].n_steps));
        ++*n;
    }
    return ERR_OK;
}
