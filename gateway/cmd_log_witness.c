/* `log witness-push`: has others sign that the log was only ever appended to (C2SP
 * tlog-witness, add-checkpoint). Run it from a timer.
 *
 *     ask with the size that the witness cosigned last, as far as we know (else 0)
 *       200  keep its cosignature, once it verifies with the witness's key
 *       409  it stands elsewhere: ask once more from there, if that lies in our tree
 *       else an error of this witness; the others are asked all the same
 *
 * Invariants
 * - All witnesses are asked about one checkpoint, so that their cosignatures meet on it.
 * - A witness gets the checkpoint and a consistency proof, never a leaf or a tile.
 * - A witness that says we do not continue what it saw (422, or a larger tree) is a failed
 * check, not a passing trouble: it is what witnesses are for.
 */
#include "gateway/base/clock.h"
#include "gateway/base/http_client.h"
#include "gateway/cmd_log.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <string.h>

#define COMMAND "log witness-push"
#define ADD_CHECKPOINT "/add-checkpoint"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    TOTAL_TIMEOUT_MS = 20000, /* of one request, answer included */
    ASK_MAX = 2,              /* once with the size we know, once with the one it names */
    WITNESS_URL_MAX = 1024,
};

enum { OK = 200, CONFLICT = 409 };

struct witness {
    char url[WITNESS_URL_MAX + sizeof(ADD_CHECKPOINT)];
    const char *ca_file; /* NULL: the system's */
    bool allow_plain;
    struct note_verifier key;
};

struct push {
    struct offline o;
    struct cli_values given; /* URL=VKEY */
    struct witness witnesses[CONFIG_WITNESSES_MAX + 1];
    size_t n;
    struct buf note; /* the checkpoint that all of them are asked about */
    uint64_t size;
};

/* --- who is asked --------------------------------------------------------------------------
 */
static enum err witness_set(struct witness *w, const char *url, size_t url_len,
                            const char *vkey)
{
    if (url_len > WITNESS_URL_MAX)
        return err_set(ERR_INVALID, "an address of more than %d bytes", WITNESS_URL_MAX);
    while (url_len > 0 && url[url_len - 1] == '/')
        url_len--;
    (void)snprintf(w->url, sizeof(w->url), "%.*s" ADD_CHECKPOINT, (int)url_len, url);
    TRY(note_verifier_parse(vkey, strlen(vkey), &w->key));
    if (w->key.algorithm != NOTE_COSIGNATURE)
        return err_set(ERR_INVALID, "not the key of a witness (cosignature/v1)");
    return ERR_OK;
}

/* The keys have no equals sign, addresses may. */
static enum err given_set(struct witness *w, const char *text)
{
    const char *equals = strrchr(text, '=');

    if (!equals)
        return err_set(ERR_INVALID, "wants URL=VKEY");
    TRY(witness_set(w, text, (size_t)(equals - text), equals + 1));
    w->allow_plain = true;
    return http_url_check(w->url, true);
}

static enum err configured_set(struct witness *w, const struct config_witness *row)
{
    w->ca_file = *row->ca_file ? row->ca_file : NULL;
    w->allow_plain = row->allow_plain_http;
    return witness_set(w, row->url, strlen(row->url), row->vkey);
}

/* CLI_GO, or the exit code. */
static int witnesses_set(struct push *p)
{
    const struct config *c = p->o.config;

    p->n = p->given.n > 0 ? p->given.n : c->n_witnesses;
    if (p->n == 0 || p->n > CONFIG_WITNESSES_MAX) {
        cli_error(COMMAND, p->n == 0 ? "no witness is configured or given"
                                     : "more witnesses than a checkpoint has room for");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < p->n; i++) {
        bool given = p->given.n > 0;
        enum err e = given ? given_set(&p->witnesses[i], p->given.values[i])
                           : configured_set(&p->witnesses[i], &c->witnesses[i]);
        if (e == ERR_OK)
            continue;
        cli_error(COMMAND, "%s[%zu]: %s", given ? "--witness" : "witnesses", i, err_message(e));
        return EXIT_USAGE;
    }
    return CLI_GO;
}

/* --- one witness ---------------------------------------------------------------------------
 */
static enum err size_known(struct push *p, const struct witness *w, uint64_t *size)
{
    AUTO(db_read_end) struct db *db = NULL;

    TRY(db_read_begin(p->o.db, &db));
    enum err e = ledger_cosigned_size(db, w->key.name, size);
    if (e == ERR_NOT_FOUND || (e == ERR_OK && *size > p->size)) {
        *size = 0;
        return ERR_OK;
    }
    return e;
}

static enum err ask(struct push *p, const struct witness *w, uint64_t old_size,
                    struct buf *answer, long *status)
{
    static const char *const headers[] = {"Content-Type: text/plain; charset=utf-8", NULL};
    AUTO_CLEAR(buf_clear) struct buf body;
    struct merkle_proof proof = {.n = 0};
    long max_age;

    buf_init(&body, WITNESS_REQUEST_MAX);
    TRY(ledger_consistency(p->o.ledger, old_size, p->size, &proof));
    TRY(witness_request_format(old_size, &proof, buf_text(&p->note), p->note.len, &body));
    const struct http_fetch request = {
        .method = "POST",
        .url = w->url,
        .headers = headers,
        .body = body.data,
        .body_len = body.len,
        .ca_file = w->ca_file,
        .allow_plain = w->allow_plain,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .total_timeout_ms = TOTAL_TIMEOUT_MS,
    };
    return http_client_fetch(&request, answer, status, &max_age);
}

static enum err refused(long status)
{
    static const struct {
        long status;
        enum err e;
        const char *words;
    } rows[] = {
        {403, ERR_DENIED, "it does not accept the signature: it has another key for this log"},
        {404, ERR_NOT_FOUND, "it does not know this log: its operator needs the log's key"},
        {CONFLICT, ERR_BUSY, "its size keeps changing: somebody else asks it, too"},
        {422, ERR_CONFLICT,
         "it says that this log does not continue what it has cosigned: see "
         "docs/operations.md, \"Witnesses\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].status == status)
            return err_set(rows[i].e, "%s", rows[i].words);
    }
    return err_set(ERR_UNAVAILABLE, "it answers with status %ld", status);
}

/* Where it stands, as a 409 says: a place to prove from, or one that we do not have. */
static enum err stands_at(const struct push *p, const struct buf *answer, uint64_t *size)
{
    TRY(witness_size_parse(buf_text(answer), answer->len, size));
    if (*size > p->size)
        return err_set(ERR_CONFLICT,
                       "it has cosigned %llu entries, this log has %llu: an older copy? See "
                       "docs/operations.md, \"Witnesses\"",
                       (unsigned long long)*size, (unsigned long long)p->size);
    return ERR_OK;
}

static enum err cosignature_get(struct push *p, const struct witness *w,
                                struct cosignature *out)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    uint64_t old_size = 0;
    long status = 0;

    buf_init(&answer, WITNESS_ANSWER_MAX);
    TRY(size_known(p, w, &old_size));
    for (int asked = 1;; asked++) {
        TRY(ask(p, w, old_size, &answer, &status));
        if (status != CONFLICT || asked == ASK_MAX)
            break;
        TRY(stands_at(p, &answer, &old_size));
    }
    if (status != OK)
        return refused(status);
    return witness_answer_parse(buf_text(&answer), answer.len, buf_text(&p->note), p->note.len,
                                &w->key, out);
}

struct keeping {
    const struct push *p;
    const struct witness *w;
    struct cosignature cosignature;
};

static enum err keep(struct commit_tx *tx, void *ctx)
{
    const struct keeping *k = ctx;

    return ledger_cosignature_put(tx, &k->p->note, k->w->key.name, &k->cosignature);
}

/* One witness, one line. */
static int push_to(struct push *p, const struct witness *w)
{
    struct keeping k = {.p = p, .w = w};
    struct commit_job job = {.apply = keep, .ctx = &k, .unlogged = true};
    char time[TIME_TEXT_SIZE];
    enum err e = cosignature_get(p, w, &k.cosignature);

    if (e == ERR_OK)
        e = committer_run(p->o.committer, &job);
    if (e != ERR_OK) {
        cli_error(COMMAND, "%s: %s", w->key.name, err_message(e));
        return e == ERR_CRYPTO || e == ERR_CONFLICT ? EXIT_CHECK_FAILED : EXIT_ENVIRONMENT;
    }
    time_format((int64_t)k.cosignature.time * MICROS_PER_SECOND, time);
    (void)printf("%s: cosigned %llu entries at %s\n", w->key.name, (unsigned long long)p->size,
                 time);
    return EXIT_GOOD;
}

/* --- all of them ---------------------------------------------------------------------------
 */
/* A failed check says more than trouble with another witness. */
static int worse(int a, int b)
{
    if (a == EXIT_CHECK_FAILED || b == EXIT_GOOD)
        return a;
    return b;
}

static int push_all(struct push *p)
{
    int code = EXIT_GOOD;

    enum err e = ledger_checkpoint(p->o.ledger, &p->note, &p->size);
    if (e == ERR_NOT_FOUND) {
        (void)printf("nothing was signed yet: there is nothing to cosign\n");
        return EXIT_GOOD;
    }
    if (e != ERR_OK)
        return cli_failed(COMMAND, e);
    for (size_t i = 0; i < p->n; i++)
        code = worse(code, push_to(p, &p->witnesses[i]));
    return code;
}

static int push_open(struct push *p, const char *config)
{
    enum err e = http_client_init(); /* before threads */

    if (e != ERR_OK)
        return cli_failed(COMMAND, e);
    int code = offline_open(&p->o, COMMAND, config, OFFLINE_LOG);
    if (code == CLI_GO)
        code = witnesses_set(p);
    return code == CLI_GO ? offline_writable(&p->o) : code;
}

int log_witness_push(int argc, char **argv)
{
    struct push p = {.o = {.command = COMMAND}};
    const char *config = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config},
        {"witness", "URL=VKEY", "asks this one instead of those configured", CLI_MANY, false,
         &p.given},
    };
    const struct cli_command command = {
        .name = COMMAND,
        .operands = "",
        .about =
            "Shows the newest checkpoint, and the proof that it continues the one they saw "
            "last, to the witnesses of the\n"
            "configuration, and keeps their cosignatures for later receipts.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code != CLI_GO)
        return code;
    buf_init(&p.note, NOTE_MAX);
    code = push_open(&p, config);
    if (code == CLI_GO)
        code = push_all(&p);
    buf_clear(&p.note);
    offline_close(&p.o);
    return code;
}
