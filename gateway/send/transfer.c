/* The course of one upload: which request comes next, and what to do when its answer is not a
 * good one. Every step can be repeated without harm, so that a run that was killed, a lost
 * answer and a broken connection are one case: ask where the upload stands, and go on.
 *
 * Invariants: a wait ends when nothing has gone forward for --retry-for seconds; an upload
 * begins anew at most ANEW_MAX times; the state file is removed only when there is nothing to
 * go on with, that is when the file has been received or refused. */
#include "gateway/send/transfer.h"

#include "gateway/base/clock.h"
#include "gateway/send/confirm.h"
#include "gateway/send/metadata.h"
#include "gateway/send/patience.h"
#include "gateway/send/upload.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANEW_MAX = 3, TOKEN_LOOK_MS = 500 };

struct transfer {
    struct upload upload;
    struct patience patience;
    struct result *result;
    const char *file;
    enum step step;
    bool done;
    unsigned anew;
    struct problem problem; /* of the last answer that was not good */
};

/* --- waiting -------------------------------------------------------------------------------
 */

static void sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* What is done after trouble: where is it? The answer to a creation may have been lost; its key
 * makes the same upload again. */
static void step_after_trouble(struct transfer *t)
{
    t->step = t->upload.state.upload[0] ? STEP_ASK : STEP_CREATE;
}

static MUST_USE enum err wait_and_retry(struct transfer *t, int64_t asked_ms, const char *why)
{
    int64_t wait = 0;
    char told[ERR_MESSAGE_MAX];

    (void)snprintf(told, sizeof(told), "%s", why);
    enum err e =
        patience_next(&t->patience, clock_steady_ms(), asked_ms, randombytes_random(), &wait);
    if (e != ERR_OK)
        return err_set(e, "%s (gave up: %s)", told, err_message(e));
    report_say(t->upload.report, "%s; trying again in %" PRId64 ".%" PRId64 " s", told,
               wait / 1000, wait % 1000 / 100);
    sleep_ms(wait);
    step_after_trouble(t);
    return ERR_OK;
}

/* Whoever keeps the token fresh is waited for: an upload must not be lost to a session's end.
 */
static MUST_USE enum err wait_for_login(struct transfer *t)
{
    struct token *token = t->upload.shared->token;
    bool changed = false;

    if (!token->path)
        return err_set(ERR_REFUSED, "%s", t->problem.words);
    TRY(token_read(token, &changed)); /* it may have changed while the request was on its way */
    if (!changed)
        report_say(t->upload.report,
                   "the service does not accept the token: waiting until %s changes, for up to "
                   "%" PRId64 " s",
                   token->path, patience_trouble(&t->patience, clock_steady_ms()) / 1000);
    while (!changed) {
        if (patience_trouble(&t->patience, clock_steady_ms()) == 0)
            return err_set(ERR_TIMEOUT, "%s, and %s did not change", t->problem.words,
                           token->path);
        sleep_ms(TOKEN_LOOK_MS);
        TRY(token_read(token, &changed));
    }
    step_after_trouble(t);
    return ERR_OK;
}

/* --- beginning -----------------------------------------------------------------------------
 */

static const char *name_of(const struct transfer *t)
{
    const char *given = t->upload.shared->options->filename, *slash = strrchr(t->file, '/');

    if (given)
        return given;
    return slash ? slash + 1 : t->file;
}

static MUST_USE enum err metadata_make(struct transfer *t)
{
    const struct send_options *o = t->upload.shared->options;
    const struct metadata_pair pairs[] = {
        {"claim", o->claim},
        {"kind", o->kind},
        {"filename", name_of(t)},
        {"filetype", o->filetype},
        {"description", o->description},
        {"assessment", o->assessment},
        {"recording_started_at", o->recording_started},
        {"recording_stopped_at", o->recording_stopped},
    };
    struct buf *line = &t->upload.metadata;

    TRY(buf_append_str(line, "Upload-Metadata: "));
    TRY(metadata_encode(pairs, ARRAY_LEN(pairs), line));
    return sha256_once(line->data, line->len, t->upload.state.request);
}

/* A state with nothing sent: what the file is now, and a key of its own. */
static void state_fresh(struct transfer *t)
{
    struct upload *u = &t->upload;
    struct uuid key = uuid_new();

    uuid_format(&key, u->state.key);
    u->state.upload[0] = '\0';
    u->state.size = u->source.size;
    u->state.mtime_ns = u->source.mtime_ns;
    u->state.hashed = 0;
    u->offset = u->acknowledged = 0;
    t->step = STEP_CREATE;
}

/* `last` is what it comes to when it has happened too often. */
static MUST_USE enum err begin_anew(struct transfer *t, const char *why, enum err last)
{
    char told[ERR_MESSAGE_MAX];

    (void)snprintf(told, sizeof(told), "%s", why);
    if (++t->anew > ANEW_MAX)
        return err_set(last, "%s, again and again", told);
    report_say(t->upload.report, "%s; starting again from the beginning", told);
    source_close(&t->upload.source);
    TRY(source_open(t->file, &t->upload.source));
    state_fresh(t);
    return ERR_OK;
}

/* What an earlier run left. */
static MUST_USE enum err resume(struct transfer *t)
{
    static const char *const WHY[] = {
        [STATE_OTHER_SERVICE] = "an upload to another service was not finished",
        [STATE_OTHER_REQUEST] = "an upload for another claim, kind or name was not finished",
        [STATE_OTHER_FILE] = "the file was changed since a part of it was sent",
    };
    struct upload *u = &t->upload;
    struct state found;
    enum err e = state_load(u->state_path, &found);

    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e != ERR_OK && e != ERR_INVALID && e != ERR_TOO_LARGE)
        return e;
    if (e != ERR_OK)
        return begin_anew(t, "what an earlier run left is damaged", ERR_CONFLICT);
    enum state_fit fit = state_fits(&found, &u->state);
    if (fit == STATE_FITS) {
        u->state = found;
        step_after_trouble(t);
        return ERR_OK;
    }
    if (fit != STATE_OTHER_SERVICE) {
        memcpy(u->state.upload, found.upload, sizeof(u->state.upload));
        upload_forget(u);
    }
    return begin_anew(t, WHY[fit], ERR_CONFLICT);
}

static struct confirmation confirmation_of(const struct transfer *t)
{
    const struct send_options *o = t->upload.shared->options;

    return (struct confirmation){.path = t->file,
                                 .key = o->has_log_key ? &o->log_key : NULL,
                                 .claim = o->claim,
                                 .kind = o->kind};
}

static MUST_USE enum err begin(struct transfer *t)
{
    struct upload *u = &t->upload;
    int len = snprintf(u->state_path, sizeof(u->state_path), "%s" STATE_SUFFIX, t->file);

    if (len < 0 || (size_t)len >= sizeof(u->state_path))
        return err_set(ERR_INVALID, "its name is too long");
    TRY(source_open(t->file, &u->source));
    t->result->size = u->source.size;
    TRY(metadata_make(t));
    (void)snprintf(u->state.service, sizeof(u->state.service), "%s",
                   u->shared->options->service);
    const struct confirmation c = confirmation_of(t);
    enum err e = confirm_earlier(&c, &u->source, t->result);
    t->done = e == ERR_OK;
    if (t->done)
        return ERR_OK;
    if (e == ERR_CRYPTO)
        report_say(u->report, "%s", err_message(e));
    source_close(&u->source); /* what was hashed to compare is not what was sent */
    TRY(source_open(t->file, &u->source));
    state_fresh(t);
    return resume(t);
}

/* --- good answers --------------------------------------------------------------------------
 */

static void note_progress(struct transfer *t)
{
    struct upload *u = &t->upload;

    if (u->offset > u->acknowledged) {
        u->acknowledged = u->offset;
        patience_progress(&t->patience);
    }
}

static MUST_USE enum err after_asked(struct transfer *t)
{
    struct upload *u = &t->upload;
    char at[16], size[16];

    TRY(upload_asked(u));
    note_progress(t);
    size_format(u->offset, at, sizeof(at));
    size_format(u->source.size, size, sizeof(size));
    report_say(u->report, "going on at %s of %s", at, size);
    t->step = STEP_SEND;
    return ERR_OK;
}

static MUST_USE enum err after_sent(struct transfer *t)
{
    struct upload *u = &t->upload;

    TRY(upload_sent(u));
    note_progress(t);
    if (u->offset == u->source.size)
        t->step = STEP_RESULT;
    return ERR_OK;
}

static MUST_USE enum err after_result(struct transfer *t)
{
    struct upload *u = &t->upload;
    const struct confirmation c = confirmation_of(t);

    TRY(source_hash_to(&u->source, u->source.size));
    TRY(source_digest(&u->source, t->result->sha256));
    t->result->has_digest = true;
    enum err e = confirm(&c, u->answer.body.data, u->answer.body.len, t->result);
    if (e == ERR_NOT_FOUND)
        return err_set(ERR_UNAVAILABLE, "%s", err_message(e));
    TRY(e);
    if (source_unchanged(&u->source) != ERR_OK)
        report_say(u->report, "the file was changed since: the receipt is of what was sent");
    t->done = true;
    return ERR_OK;
}

static MUST_USE enum err good(struct transfer *t)
{
    switch (t->step) {
    case STEP_CREATE:
        TRY(upload_created(&t->upload));
        t->step = STEP_SEND;
        return ERR_OK;
    case STEP_ASK:
        return after_asked(t);
    case STEP_SEND:
        return after_sent(t);
    case STEP_RESULT:
        return after_result(t);
    case STEP_COUNT:
        break;
    }
    return err_set(ERR_INTERNAL, "no such step");
}

/* --- the others ----------------------------------------------------------------------------
 */

static MUST_USE enum err not_good(struct transfer *t, enum verdict verdict)
{
    const struct answer *a = &t->upload.answer;
    long status = a->status;

    switch (verdict) {
    case VERDICT_AGAIN:
        return wait_and_retry(t, a->retry_after_ms, t->problem.words);
    case VERDICT_LOGIN:
        return wait_for_login(t);
    case VERDICT_ANEW:
        if (t->step != STEP_CREATE && status == 410 && upload_ended(&t->upload, &t->problem))
            break;
        return begin_anew(t, t->problem.words, ERR_REFUSED);
    case VERDICT_REFUSED:
    case VERDICT_GOOD:
        break;
    }
    t->result->status = status;
    memcpy(t->result->problem, t->problem.name, sizeof(t->result->problem));
    return err_set(ERR_REFUSED, "%s", t->problem.words);
}

static MUST_USE enum err trouble(struct transfer *t, enum err e)
{
    char why[ERR_MESSAGE_MAX];

    if (e == ERR_UNAVAILABLE || e == ERR_TIMEOUT)
        return wait_and_retry(t, -1, err_message(e));
    if (e != ERR_CONFLICT)
        return e;
    (void)snprintf(why, sizeof(why), "%s", err_message(e));
    upload_forget(&t->upload);
    return begin_anew(t, why, ERR_CONFLICT);
}

/* A token that is only expired is no 401 where clients would then give their upload up. */
static enum verdict judge(struct transfer *t)
{
    const struct answer *a = &t->upload.answer;

    problem_read(a->status, a->body.data, a->body.len, &t->problem);
    return a->status == 423 && a->challenged ? VERDICT_LOGIN
                                             : verdict_of(t->step, a->status, t->problem.name);
}

/* A request and what follows from it. */
static MUST_USE enum err advance(struct transfer *t)
{
    enum err e = upload_call(&t->upload, t->step);

    if (e == ERR_OK) {
        enum verdict verdict = judge(t);
        if (verdict != VERDICT_GOOD)
            return not_good(t, verdict);
        e = good(t);
    }
    return e == ERR_OK ? ERR_OK : trouble(t, e);
}

/* A refusal of the person leaves the upload for somebody else's token to go on with. */
static bool is_over(const struct transfer *t, enum err e)
{
    return e == ERR_OK ||
           (e == ERR_REFUSED && !(t->result->status == 403 && t->upload.state.upload[0]));
}

static void finish(struct transfer *t, enum err e)
{
    struct upload *u = &t->upload;

    t->result->outcome = outcome_of(e);
    if (e != ERR_OK)
        words_clean(err_message(e), t->result->message, sizeof(t->result->message));
    if (u->source.fd >= 0 && is_over(t, e) && state_remove(u->state_path) != ERR_OK)
        report_say(u->report, "%s cannot be removed", u->state_path);
}

void transfer_run(const struct shared *shared, const char *file, struct report *report,
                  struct result *result)
{
    AUTO_FREE struct transfer *t = calloc(1, sizeof(*t));

    *result = (struct result){.outcome = OUTCOME_LOCAL,
                              .claim = shared->options->claim,
                              .kind = shared->options->kind,
                              .message = "out of memory"};
    if (!t)
        return;
    *t = (struct transfer){.result = result, .file = file};
    t->upload.shared = shared;
    t->upload.report = report;
    t->upload.source.fd = -1;
    buf_init(&t->upload.metadata, 2 * METADATA_MAX);
    answer_init(&t->upload.answer);
    patience_begin(&t->patience, (int64_t)shared->options->retry_for_s * 1000);
    enum err e = begin(t);
    while (e == ERR_OK && !t->done)
        e = advance(t);
    result->message[0] = '\0';
    finish(t, e);
    source_close(&t->upload.source);
    buf_clear(&t->upload.metadata);
    answer_clear(&t->upload.answer);
}
