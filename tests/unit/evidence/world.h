/* A whole evidence context in a folder of its own: database, blobs, a real keeper, ledger,
 * committer, the kinds table that ships. Each test runs in a process of its own (Check forks).
 *
 *     struct world w = {.tiny = NULL};
 *     world_make(&w, NULL);
 *     struct uuid claim = world_claim(&w, "ada");
 *     struct uuid id = world_letter(&w, "ada", &claim, "hello");
 *     ...
 *     world_end(&w);
 */
#ifndef TESTS_UNIT_EVIDENCE_WORLD_H
#define TESTS_UNIT_EVIDENCE_WORLD_H

#include "gateway/base/log.h"
#include "gateway/evidence/claims/claim.h"
#include "gateway/evidence/claims/consent.h"
#include "gateway/evidence/claims/history.h"
#include "gateway/evidence/intake/upload.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/reading/artefact.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/recording/choice.h"
#include "gateway/evidence/rules/authority.h"
#include "tests/support/columns.h"
#include "tests/unit/storage/scratch.h"

#include <sodium.h>

#define WORLD_ISSUER "https://login.test"
#define WORLD_LOG "log.test.invalid/evidence"

struct world {
    struct scratch dir;
    char keys[PATH_MAX], log_key[PATH_MAX], state[PATH_MAX], keyring[PATH_MAX];
    char database[PATH_MAX], blob_dir[PATH_MAX], vkey[NOTE_VKEY_MAX];
    struct keeper_config keeper_config;
    struct evidence_config config;
    struct keeper *keeper;
    struct db_pool *db;
    struct blob_store *blobs;
    struct ledger_signer signer;
    struct ledger *ledger;
    struct committer *committer;
    struct kinds kinds;
    struct evidence *ev;
    _Atomic bool mute; /* the signer does not answer */
    const char *tiny;  /* mount options of a file system of its own for the folder; NULL */
};

#define refused(code, expr)                                                                    \
    do {                                                                                       \
        enum err refused_err_ = (expr);                                                        \
        ck_assert_msg(refused_err_ == ERR_REFUSED && err_detail(refused_err_) == (int)(code),  \
                      "%s: %s (%s), not refused as %s", #expr, err_name(refused_err_),         \
                      err_message(refused_err_), refusal_name(code));                          \
    } while (0)

/* --- making it ---------------------------------------------------------------------------- */

static inline enum err world_sign(void *ctx, uint64_t first, const struct merkle_hash *leaves,
                                  size_t n, const struct merkle_hash *root, struct buf *note,
                                  uint64_t *signed_size)
{
    struct world *w = ctx;
    if (w->mute)
        return err_set(ERR_UNAVAILABLE, "the signer is mute");
    return keeper_sign(w->keeper, first, leaves, n, root, note, signed_size);
}

static inline void world_keys(struct world *w)
{
    struct keyring ring = {.n = 1, .active = 0};
    (void)snprintf(w->keys, sizeof(w->keys), "%s/keys", w->dir.root);
    (void)snprintf(w->log_key, sizeof(w->log_key), "%s/log.key", w->dir.root);
    (void)snprintf(w->state, sizeof(w->state), "%s/state", w->dir.root);
    (void)snprintf(w->keyring, sizeof(w->keyring), "%s/keyring.json", w->dir.root);
    ck_assert_int_eq(mkdir(w->keys, 0700), 0);
    ok(keeper_identity_create(w->keys, ring.keys[0].id, &ring.keys[0].recipient));
    ring.keys[0].created_at = clock_now();
    ok(keeper_log_key_create(w->log_key, WORLD_LOG, w->vkey));
    ok(keeper_state_create(w->state));
    ok(keyring_write(w->keyring, &ring));
}

/* The parts in the order of gateway/serve.c. */
static inline void world_open(struct world *w)
{
    keeper_set_program(KEEPER_TOOL);
    ok(keeper_start(&w->keeper_config, &w->keeper));
    ok(blob_store_open_fs(w->blob_dir, &w->blobs));
    ok(db_pool_open(w->database, true, 4, &w->db));
    columns_for_tests(w->db);
    w->signer = (struct ledger_signer){.sign = world_sign, .ctx = w};
    ok(ledger_open(w->db, &w->signer, &w->ledger));
    ok(committer_start(w->db, w->ledger, w->blobs, &w->committer));
    struct evidence_parts parts = {.db = w->db,
                                   .ledger = w->ledger,
                                   .committer = w->committer,
                                   .blobs = w->blobs,
                                   .keeper = w->keeper,
                                   .kinds = &w->kinds};
    ok(evidence_new(&w->config, &parts, &w->ev));
}

static inline void world_close(struct world *w)
{
    evidence_free(w->ev);
    committer_stop(w->committer);
    ledger_free(w->ledger);
    db_pool_free(w->db);
    blob_store_free(w->blobs);
    keeper_stop(w->keeper);
}

/* All zeros but for `tiny`. `adapt` may change w->config, w->keeper_config and w->kinds before
 * the context is made; NULL: as it is. */
static inline void world_make(struct world *w, void (*adapt)(struct world *w))
{
    const char *tiny = w->tiny;
    memset(w, 0, sizeof(*w));
    log_set_level(LOG_ERROR);
    ok(crypto_init());
    secrets_allow_unlocked(true);
    w->dir = scratch_new();
    w->tiny = tiny;
    if (tiny)
        ck_assert(scratch_mount_tiny(&w->dir, tiny));
    (void)snprintf(w->database, sizeof(w->database), "%s/gateway.db", w->dir.root);
    (void)snprintf(w->blob_dir, sizeof(w->blob_dir), "%s/blobs", w->dir.root);
    world_keys(w);
    ok(kinds_load(TEST_SOURCE_DIR "/config/kinds.conf", &w->kinds));
    w->config = (struct evidence_config){.party_issuer = WORLD_ISSUER,
                                         .keyring_file = w->keyring,
                                         .read_session_s = 900,
                                         .read_sessions = 16,
                                         .uploads = 8,
                                         .recheck_bytes_mib = 1,
                                         .idempotency_ttl_s = 3600,
                                         .upload_expiry_s = 3600,
                                         .upload_memory_s = 86400,
                                         .open_uploads_per_person = 64,
                                         .upload_records_per_person = 10000,
                                         .uploads_warm = 8};
    w->keeper_config = (struct keeper_config){.keys_dir = w->keys,
                                              .log_key_file = w->log_key,
                                              .log_name = WORLD_LOG,
                                              .state_file = w->state,
                                              .read_session_s = 900,
                                              .opens_per_second = 10000};
    if (adapt)
        adapt(w);
    world_open(w);
}

static inline void world_end(struct world *w)
{
    world_close(w);
    if (w->tiny)
        (void)umount2(w->dir.root, MNT_DETACH);
    scratch_remove(&w->dir);
}

/* --- people and claims -------------------------------------------------------------------- */

static inline struct principal someone(const char *subject, uint32_t roles)
{
    struct principal p = {.issuer = WORLD_ISSUER, .client_id = "test", .roles = roles};
    (void)snprintf(p.subject, sizeof(p.subject), "%s", subject);
    p.expires_at = clock_now() + 3600 * MICROS_PER_SECOND;
    return p;
}

static inline struct principal claimant(const char *subject)
{
    return someone(subject, 1u << ROLE_CLAIMANT);
}

static inline struct principal manager(void)
{
    return someone("morgan", 1u << ROLE_CASE_MANAGER);
}

static inline struct principal doctor(void)
{
    return someone("dr-gray", 1u << ROLE_HEALTH_PROFESSIONAL);
}

static inline struct principal assessor(void)
{
    return someone("asim", 1u << ROLE_ASSESSOR);
}

static inline struct principal registry(void)
{
    return someone("registry", 1u << ROLE_CLAIMS_SYSTEM);
}

static inline struct party_record party(const char *subject, const char *role, const char *kind)
{
    struct party_record p = {.from = clock_now() - 3600 * MICROS_PER_SECOND};
    (void)snprintf(p.person.subject, sizeof(p.person.subject), "%s", subject);
    (void)snprintf(p.role, sizeof(p.role), "%s", role);
    (void)snprintf(p.kind, sizeof(p.kind), "%s", kind);
    return p;
}

/* A claim of `subject`, assigned to the assessor asim, with these parties. */
static inline struct uuid world_claim_with(struct world *w, const char *subject,
                                           const struct party_record *parties, size_t n)
{
    static unsigned number;
    struct principal system = registry();
    struct claim_draft *d = calloc(1, sizeof(*d));
    struct claim_view *v = calloc(1, sizeof(*v));
    bool existed = true;
    (void)snprintf(d->record.external_reference, sizeof(d->record.external_reference), "EXT-%u",
                   number++);
    strcpy(d->record.benefit, "pip");
    strcpy(d->record.stage, "evidence");
    (void)snprintf(d->record.claimant.subject, sizeof(d->record.claimant.subject), "%s",
                   subject);
    strcpy(d->assigned[0], "asim");
    d->n_assigned = 1;
    for (size_t i = 0; i < n; i++)
        d->parties[d->n_parties++] = parties[i];
    ok(claim_register(w->ev, &system, d, NULL, v, &existed));
    ck_assert(!existed);
    struct uuid id = v->record.id;
    free(d);
    free(v);
    return id;
}

static inline struct uuid world_claim(struct world *w, const char *subject)
{
    return world_claim_with(w, subject, NULL, 0);
}

static inline struct uuid world_assessment(struct world *w, const struct uuid *claim)
{
    struct principal p = assessor();
    struct assessment_record a = {.channel = "telephone"};
    ok(assessment_create(w->ev, &p, claim, NULL, &a));
    return a.id;
}

static inline enum err world_choose(struct world *w, const struct principal *p,
                                    const struct uuid *assessment, const char *event,
                                    int64_t effective_at, struct choice_result *out)
{
    static unsigned number;
    struct choice_event e = {.assessment = *assessment, .effective_at = effective_at};
    (void)snprintf(e.event_id, sizeof(e.event_id), "event-%u", number++);
    (void)snprintf(e.event, sizeof(e.event), "%s", event);
    memset(out, 0, sizeof(*out));
    buf_init(&out->receipt, RECEIPT_MAX);
    enum err code = choice_record(w->ev, p, &e, NULL, out);
    struct err_info info;
    err_save(code, &info);
    buf_clear(&out->receipt);
    return code == ERR_OK ? ERR_OK : err_restore(&info);
}

/* --- evidence ----------------------------------------------------------------------------- */

#define WAV "RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data"
#define PDF "%PDF-1.7\n%made up\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"

static inline struct upload_request letter_request(const struct uuid *claim)
{
    struct upload_request rq = {.claim = *claim, .length = -1};
    strcpy(rq.kind, "further_evidence");
    strcpy(rq.filename, "letter.txt");
    return rq;
}

static inline struct upload_request
audio_request(const struct uuid *claim, const struct uuid *assessment, int64_t from, int64_t to)
{
    struct upload_request rq = {.claim = *claim,
                                .length = -1,
                                .has_assessment = true,
                                .assessment = *assessment,
                                .recording_started_at = from,
                                .recording_stopped_at = to};
    strcpy(rq.kind, "assessment_audio");
    return rq;
}

/* The whole road in. `out` may be NULL. */
static inline enum err world_upload(struct world *w, const struct principal *p,
                                    const struct upload_request *rq, const void *data,
                                    size_t len, struct upload_result *out)
{
    AUTO(upload_free) struct upload *u = NULL;
    struct upload_result result = {.repeated = false};
    TRY(upload_begin(w->ev, p, rq, &u));
    TRY(upload_write(u, data, len));
    TRY(upload_finish(u, &result));
    buf_clear(&result.receipt);
    if (out)
        *out = result;
    return ERR_OK;
}

static inline struct uuid world_letter(struct world *w, const char *subject,
                                       const struct uuid *claim, const char *text)
{
    struct principal p = claimant(subject);
    struct upload_request rq = letter_request(claim);
    struct upload_result result;
    ok(world_upload(w, &p, &rq, text, strlen(text), &result));
    return result.artefact.id;
}

/* One that nobody has sent before. */
static inline struct uuid world_new_letter(struct world *w, const char *subject,
                                           const struct uuid *claim)
{
    static unsigned number;
    char text[32];
    (void)snprintf(text, sizeof(text), "letter %u", number++);
    return world_letter(w, subject, claim, text);
}

/* A medical report under the harm rule, by the doctor. */
static inline struct uuid world_sr1(struct world *w, const struct uuid *claim)
{
    struct principal p = doctor();
    struct upload_request rq = {.claim = *claim, .length = -1};
    struct upload_result result;
    strcpy(rq.kind, "medical_report");
    ok(world_upload(w, &p, &rq, PDF, strlen(PDF), &result));
    return result.artefact.id;
}

/* Permission, then the content opened; *out is NULL after a failure. */
static inline enum err world_retrieve(struct world *w, const struct principal *p,
                                      const struct uuid *id, enum purpose purpose,
                                      struct retrieval **out)
{
    AUTO(retrieve_free) struct retrieval *r = NULL;
    TRY(retrieve_prepare(w->ev, p, id, purpose, &r));
    TRY(retrieve_open(r));
    *out = TAKE(r);
    return ERR_OK;
}

/* What HEAD does. */
static inline enum err world_describe(struct world *w, const struct principal *p,
                                      const struct uuid *id, enum purpose purpose,
                                      struct artefact_record *out)
{
    AUTO(retrieve_free) struct retrieval *r = NULL;
    TRY(retrieve_prepare(w->ev, p, id, purpose, &r));
    *out = *retrieve_artefact(r);
    return ERR_OK;
}

/* The whole way out; `out` holds at least `cap` bytes. */
static inline enum err world_read(struct world *w, const struct principal *p,
                                  const struct uuid *id, enum purpose purpose, uint8_t *out,
                                  size_t cap, size_t *n)
{
    AUTO(retrieve_free) struct retrieval *r = NULL;
    *n = 0;
    TRY(world_retrieve(w, p, id, purpose, &r));
    for (size_t len = 1; len > 0 && *n < cap; *n += len)
        TRY(retrieve_read(r, *n, out + *n, cap - *n, &len));
    return ERR_OK;
}

static inline enum err world_open_only(struct world *w, const struct principal *p,
                                       const struct uuid *id, enum purpose purpose)
{
    uint8_t byte[1];
    size_t n;
    return world_read(w, p, id, purpose, byte, sizeof(byte), &n);
}

/* --- the log ------------------------------------------------------------------------------ */

/* How many entries have this action and, unless NULL, this text in their details. */
static inline size_t world_entries(struct world *w, const char *action, const char *text)
{
    enum { PAGE = 64 };
    struct ledger_entry page[PAGE];
    struct ledger_filter filter = {.action = action};
    uint64_t after = UINT64_MAX;
    size_t found = 0, n = PAGE;
    while (n == PAGE) {
        struct db *db = NULL;
        ok(db_read_begin(w->db, &db));
        ok(ledger_query(db, &filter, after, page, PAGE, &n));
        db_read_end(db);
        for (size_t i = 0; i < n; i++) {
            after = page[i].index;
            found += !text || strstr(page[i].details, text) != NULL;
            ledger_entry_clear(&page[i]);
        }
    }
    return found;
}

/* The scribe writes behind the answers: waits until that many stand, or a few seconds. */
static inline void world_awaits(struct world *w, const char *action, const char *text,
                                size_t wanted)
{
    size_t found = 0;
    for (unsigned i = 0; i < 1500; i++) { /* half a minute */
        found = world_entries(w, action, text);
        if (found >= wanted)
            break;
        (void)usleep(20000);
    }
    ck_assert_msg(found == wanted, "%s (%s): %zu entries, not %zu", action, text ? text : "any",
                  found, wanted);
}

/* What the history shows, as one text. Freed by the caller. */
static inline char *world_history(struct world *w, const struct principal *p,
                                  const struct uuid *claim)
{
    json_t *events = NULL;
    uint64_t next = 0;
    ok(history_of_claim(w->ev, p, claim, UINT64_MAX, HISTORY_PAGE_MAX, &events, &next));
    char *text = json_dumps(events, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_ptr_nonnull(text);
    json_decref(events);
    return text;
}

/* Files below the blob folder. */
static inline enum err world_count_one(void *ctx, const struct uuid *id, uint64_t size,
                                       int64_t mtime)
{
    (void)id, (void)size, (void)mtime;
    ++*(size_t *)ctx;
    return ERR_OK;
}

static inline size_t world_blobs(struct world *w)
{
    size_t n = 0;
    ok(blob_each(w->blobs, world_count_one, &n));
    return n;
}

#endif
