/* Invariants: a verdict is asked for once an upload's bytes are all there, and of all its
 * bytes, or it is none; trouble of the inspection never fails an upload, it is what the verdict
 * says. The tap runs wherever blocks are sealed: for the first block on the connection's
 * thread, never on two threads at a time, and no more once the sealer was given back. */
#include "gateway/evidence/inspection/inspecting.h"

#include "crypto/wrap.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/inspection/unlock.h"
#include "gateway/evidence/intake/upload_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATER_WAIT_MS = 15 * 60 * 1000 }; /* nobody waits for it but the next one */

#define DUE_CONTEXT "evidence-gateway/inspection-due/1"

struct inspecting {
    bool later; /* to be read back from `part` */
    struct uuid part;
    bool failed;                   /* could not even be begun */
    struct inspection *inspection; /* NULL: no byte has come */
    struct verdict verdict;        /* INSPECT_NONE until it is there */
    struct buf due;                /* the sealed key; empty: it is not due */
};

/* --- feeding it --------------------------------------------------------------------------- */

/* What the bytes are is known by the first block: it has the head, or is all there is. */
static enum err type_known(struct upload *u)
{
    char *type = u->artefact.media_type;
    return *type ? ERR_OK : seal_sniff(u->sealer, type);
}

static enum err inspection_start(struct upload *u)
{
    TRY(type_known(u));
    return inspection_begin(u->ev->parts.inspectors, u->artefact.media_type,
                            &u->inspecting->inspection);
}

static void tap(void *ctx, const void *data, size_t len)
{
    struct upload *u = ctx;
    struct inspecting *i = u->inspecting;
    if (!i->inspection && !i->failed)
        i->failed = inspection_start(u) != ERR_OK;
    if (i->inspection && len > 0)
        inspection_write(i->inspection, data, len);
}

static enum err inspecting_new(struct upload *u)
{
    bool wanted = u->ev->config.inspection && u->ev->parts.inspectors && !u->is_part;
    if (!wanted || u->inspecting)
        return ERR_OK;
    u->inspecting = calloc(1, sizeof(*u->inspecting));
    if (!u->inspecting)
        return err_set(ERR_NOMEM, "an inspection");
    buf_init(&u->inspecting->due, INSPECTION_KEY_MAX);
    return ERR_OK;
}

enum err inspecting_watch(struct upload *u)
{
    TRY(inspecting_new(u));
    if (u->inspecting)
        sealer_tap(u->sealer, tap, u);
    return ERR_OK;
}

enum err inspecting_later(struct upload *u, const struct uuid *part)
{
    TRY(inspecting_new(u));
    if (u->inspecting) {
        u->inspecting->later = true;
        u->inspecting->part = *part;
    }
    return ERR_OK;
}

/* --- reading it back ---------------------------------------------------------------------- */

static enum err payload_feed(struct payload *p, struct inspection *i, const _Atomic bool *stop)
{
    const uint8_t *data = NULL;
    size_t len = 0;
    do {
        if (stop && atomic_load(stop))
            return err_set(ERR_BUSY, "stopping");
        TRY(payload_next(p, &data, &len));
        if (len > 0)
            inspection_write(i, data, len);
    } while (len > 0);
    return ERR_OK;
}

enum err inspect_payload(struct inspectors *inspectors, struct payload *p, const char *type,
                         const _Atomic bool *stop, struct verdict *out)
{
    AUTO(inspection_free) struct inspection *i = NULL;
    TRY(inspection_begin(inspectors, type, &i));
    if (stop)
        inspection_patience(i, LATER_WAIT_MS, stop);
    TRY(payload_feed(p, i, stop));
    inspection_finish(i, out);
    return stop && atomic_load(stop) ? err_set(ERR_BUSY, "stopping") : ERR_OK;
}

enum err inspect_locked(struct inspectors *inspectors, struct payload *p, const char *type,
                        const char *password, struct verdict *out)
{
    AUTO(inspection_free) struct inspection *i = NULL;
    TRY(inspection_begin_locked(inspectors, type, password, strlen(password), &i));
    TRY(payload_feed(p, i, NULL));
    inspection_finish(i, out);
    return ERR_OK;
}

static enum err slot_payload_key(const struct upload *u, uint8_t out[AGE_PAYLOAD_KEY_SIZE])
{
    return age_payload_key(u->file_key + REST_KEY, u->file_key + REST_NONCE, out);
}

static enum err read_back_inspect(struct upload *u)
{
    struct inspecting *i = u->inspecting;
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    AUTO_CLEAR(payload_clear) struct payload payload = {.openers = NULL};
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    TRY(blob_part_open(u->ev->parts.blobs, &i->part, &blob));
    TRY(slot_payload_key(u, key));
    enum err e = payload_open(u->ev->openers, blob, key, u->sealed.size, &payload);
    sodium_memzero(key, sizeof(key));
    TRY(e);
    return inspect_payload(u->ev->parts.inspectors, &payload, u->artefact.media_type, NULL,
                           &i->verdict);
}

/* --- the verdict -------------------------------------------------------------------------- */

static enum err refusal_of(const struct upload *u, const struct verdict *v)
{
    switch (v->outcome) {
    case INSPECT_VIRUS:
        return u->ev->config.inspecting.restrict_infected ? ERR_OK
                                                          : refuse(REFUSAL_CONTAINS_VIRUS);
    case INSPECT_PASSWORD:
        return unlock_may_wait(&u->ev->config, v) ? ERR_OK
                                                  : refuse(REFUSAL_PASSWORD_PROTECTED);
    case INSPECT_UNREADABLE:
        return refuse(REFUSAL_UNREADABLE_FILE);
    case INSPECT_TYPE_MISMATCH:
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "The selected file is not what it is called");
    case INSPECT_NONE:
    case INSPECT_CLEAN:
    case INSPECT_COULD_NOT_SCAN:
        return ERR_OK;
    }
    return err_set(ERR_INTERNAL, "an unknown outcome");
}

/* Nothing came of it: as if the inspector had died. */
static void no_verdict(struct inspecting *i)
{
    i->verdict =
        (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN, .reason = REASON_NO_VERDICT};
}

enum err inspecting_verdict(struct upload *u)
{
    struct inspecting *i = u->inspecting;
    if (!i)
        return ERR_OK;
    if (i->later)
        TRY(read_back_inspect(u));
    else if (i->inspection)
        inspection_finish(i->inspection, &i->verdict);
    if (i->verdict.outcome == INSPECT_NONE)
        no_verdict(i);
    inspection_free(TAKE(i->inspection)); /* its place is another's now */
    return refusal_of(u, &i->verdict);
}

static bool is_due(const struct upload *u)
{
    return u->inspecting && findings_may_pass(&u->inspecting->verdict, 1);
}

void inspecting_status(const struct upload *u, struct artefact_record *a)
{
    const struct inspection_policy *policy = &u->ev->config.inspecting;
    struct finding_rules rules = {.recording = u->kind->recording,
                                  .tolerance_us =
                                      policy->interval_tolerance_s * MICROS_PER_SECOND,
                                  .shortfall_us =
                                      policy->interval_shortfall_s * MICROS_PER_SECOND};
    if (u->inspecting) {
        findings_status(&u->inspecting->verdict, 1, a, &rules, &a->status, a->status_reason);
        if (!unlock_may_wait(&u->ev->config, &u->inspecting->verdict))
            return;
        a->status = ARTEFACT_QUARANTINED;
        (void)snprintf(a->status_reason, sizeof(a->status_reason), STATUS_REASON_PASSWORD);
        return;
    }
    a->status = u->ev->config.inspection ? ARTEFACT_QUARANTINED : ARTEFACT_AVAILABLE;
    (void)snprintf(a->status_reason, sizeof(a->status_reason), "%s",
                   u->ev->config.inspection ? STATUS_REASON_NOT_INSPECTED : "");
}

void inspecting_entry(const struct upload *u, json_t *entry)
{
    if (u->inspecting && u->inspecting->verdict.outcome != INSPECT_NONE)
        findings_entry(entry, &u->inspecting->verdict);
}

enum err inspecting_store(const struct upload *u, struct db *db)
{
    const struct inspecting *i = u->inspecting;
    const struct artefact_record *a = &u->artefact;
    if (!i)
        return ERR_OK;
    TRY(findings_keep(db, &i->verdict, &a->id, a->received_at));
    TRY(unlock_wait(&u->ev->config, db, a));
    if (!is_due(u))
        return ERR_OK;
    struct inspection_due due = {
        .artefact = a->id,
        .attempts = 1,
        .since = a->received_at,
        .next_at = a->received_at + u->ev->config.inspecting.retry_s * MICROS_PER_SECOND,
    };
    return inspection_due_insert(db, &due, i->due.data, i->due.len);
}

void inspecting_free(struct upload *u)
{
    struct inspecting *i = u->inspecting;
    if (!i)
        return;
    inspection_free(i->inspection);
    buf_clear(&i->due);
    free(i);
    u->inspecting = NULL;
}

/* --- the key of what is due --------------------------------------------------------------- */

static enum err due_context(const struct uuid *artefact, struct buf *out)
{
    buf_init(out, sizeof(DUE_CONTEXT) + sizeof(artefact->bytes));
    TRY(buf_append_str(out, DUE_CONTEXT));
    return buf_append(out, artefact->bytes, sizeof(artefact->bytes));
}

enum err due_key_seal(const struct secret *intake_key, const struct uuid *artefact,
                      const uint8_t key[AGE_PAYLOAD_KEY_SIZE], struct buf *out)
{
    AUTO_CLEAR(buf_clear) struct buf context;
    TRY(due_context(artefact, &context));
    return wrap_seal(intake_key->bytes, context.data, context.len, key, AGE_PAYLOAD_KEY_SIZE,
                     out);
}

enum err due_key_open(const struct secret *intake_key, const struct uuid *artefact,
                      const struct buf *sealed, uint8_t key[AGE_PAYLOAD_KEY_SIZE])
{
    AUTO_CLEAR(buf_clear) struct buf context;
    TRY(due_context(artefact, &context));
    if (sealed->len != AGE_PAYLOAD_KEY_SIZE + WRAP_OVERHEAD)
        return err_set(ERR_CORRUPT,
                       "the key of an inspection that is due has no possible length");
    return wrap_open(intake_key->bytes, context.data, context.len, sealed->data, sealed->len,
                     key);
}

enum err inspecting_seal(struct upload *u)
{
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    if (!is_due(u))
        return ERR_OK;
    TRY(slot_payload_key(u, key));
    enum err e = due_key_seal(u->ev->intake_key, &u->artefact.id, key, &u->inspecting->due);
    sodium_memzero(key, sizeof(key));
    return e;
}
