/* The talk with the signer, and publishing.
 *
 * The signer stands at some size and signs what continues it; `signer_tree` is what we think of
 * where it stands. Each answer corrects that, until it has signed the edge:
 *
 *     asked (first, n leaves)      it answers                            then
 *     n > 0                        a checkpoint of first + n             go on behind it, or
 * publish n = 0, or others signed      a checkpoint of another size S        stand at S
 *                                  conflict, it stands at S != first     stand at S
 *                                  conflict, it stands at first          the trees differ:
 * refuse
 *
 * Standing at S means: our rows reach S (else they were put back to an older state: refuse),
 * and the root there is the signed one if we were shown it (else rows were changed: refuse).
 *
 * Invariants: what is published was signed, and its root is the edge's own; the signer only
 * ever gets leaves that are durable.
 */
#include "gateway/base/encode.h"
#include "storage/ledger_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSAL                                                                                \
    "the log does not fit: %s; do not run it, see docs/operations.md, \"The log does not "     \
    "fit\""

/* The reason is cut rather than the advice behind it. */
enum {
    ROOT_TEXT = BASE64_SIZE(MERKLE_HASH_SIZE),
    WHY_MAX = ERR_MESSAGE_MAX - sizeof(REFUSAL) + 3
};

/* --- health ---------------------------------------------------------------------------- */
static void health_set(struct ledger *l, enum err e, bool refused)
{
    struct err_info info;

    err_save(e, &info);
    pthread_mutex_lock(&l->lock);
    if (!l->refused)
        l->health = info;
    l->refused |= refused;
    pthread_mutex_unlock(&l->lock);
}

enum err ledger_refuse(struct ledger *l, const char *fmt, ...)
{
    char why[WHY_MAX];
    va_list args;
    enum err e;

    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    e = err_set(ERR_CONFLICT, REFUSAL, why);
    health_set(l, e, true);
    return e;
}

static enum err refuse_older(struct ledger *l, uint64_t signed_size)
{
    struct merkle_hash root;
    char text[ROOT_TEXT];
    uint64_t size = tile_edge_size(l->edge);

    TRY(tile_edge_root(l->edge, &root));
    (void)base64_encode(BASE64_STANDARD, root.bytes, sizeof(root.bytes), text);
    return ledger_refuse(
        l,
        "%llu entries were signed, this database has %llu (root %s): an older copy, "
        "restore the newer one",
        (unsigned long long)signed_size, (unsigned long long)size, text);
}

static enum err refuse_different(struct ledger *l, uint64_t size,
                                 const struct merkle_hash *root,
                                 const struct merkle_hash *signed_root)
{
    char ours[ROOT_TEXT], theirs[ROOT_TEXT];

    (void)base64_encode(BASE64_STANDARD, root->bytes, sizeof(root->bytes), ours);
    (void)base64_encode(BASE64_STANDARD, signed_root->bytes, sizeof(signed_root->bytes),
                        theirs);
    return ledger_refuse(l, "at %llu entries root %s was signed, this database has %s",
                         (unsigned long long)size, theirs, ours);
}

/* --- publishing ------------------------------------------------------------------------ */
static void snapshot_free(struct ledger_snapshot *s)
{
    if (s == NULL)
        return;
    buf_clear(&s->note);
    free(s);
}

static struct ledger_snapshot *snapshot_new(struct ledger *l)
{
    struct ledger_snapshot *s;

    pthread_mutex_lock(&l->lock);
    s = l->spare;
    if (s != NULL) {
        l->spare = s->next;
        l->n_spare--;
    }
    pthread_mutex_unlock(&l->lock);
    if (s == NULL) {
        s = calloc(1, sizeof(*s));
        if (s != NULL)
            buf_init(&s->note, NOTE_MAX);
    }
    return s;
}

struct ledger_snapshot *ledger_snapshot_take(struct ledger *l)
{
    struct ledger_snapshot *s;

    pthread_mutex_lock(&l->lock);
    s = l->published;
    if (s != NULL)
        s->references++;
    pthread_mutex_unlock(&l->lock);
    return s;
}

void ledger_snapshot_give(struct ledger *l, struct ledger_snapshot *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    assert(s->references > 0);
    if (--s->references == 0 && l->n_spare < SNAPSHOTS_KEPT_MAX) {
        s->next = l->spare;
        l->spare = s;
        l->n_spare++;
        s = NULL;
    } else if (s->references > 0) {
        s = NULL;
    }
    pthread_mutex_unlock(&l->lock);
    snapshot_free(s);
}

void ledger_snapshots_free(struct ledger *l)
{
    ledger_snapshot_give(l, l->published);
    l->published = NULL;
    while (l->spare != NULL) {
        struct ledger_snapshot *next = l->spare->next;

        snapshot_free(l->spare);
        l->spare = next;
    }
}

enum err ledger_publish(struct ledger *l, const struct checkpoint *c, const void *note,
                        size_t len)
{
    struct ledger_snapshot *s = snapshot_new(l), *before;
    enum err e;

    assert(c->size == tile_edge_size(l->edge));
    if (s == NULL)
        return ERR_NOMEM;
    s->references = 1;
    s->checkpoint = *c;
    tile_edge_copy(&s->edge, l->edge);
    buf_reset(&s->note);
    e = buf_append(&s->note, note, len);
    if (e != ERR_OK) {
        ledger_snapshot_give(l, s);
        return e;
    }
    pthread_mutex_lock(&l->lock);
    before = l->published;
    l->published = s;
    pthread_mutex_unlock(&l->lock);
    ledger_snapshot_give(l, before);
    l->published_size = c->size;
    return ERR_OK;
}

/* --- what the signer gets -------------------------------------------------------------- */
enum err ledger_catch_up(struct ledger *l, struct db *db, uint64_t size)
{
    AUTO_FREE struct merkle_hash *leaves = NULL;
    size_t n;

    if (tile_edge_size(l->edge) >= size)
        return ERR_OK; /* as a rule: nobody else writes */
    leaves = malloc(ROWS_AT_ONCE * sizeof(*leaves));
    if (leaves == NULL)
        return ERR_NOMEM;
    while (tile_edge_size(l->edge) < size) {
        uint64_t missing = size - tile_edge_size(l->edge);

        TRY(rows_leaf_hashes(db, tile_edge_size(l->edge),
                             missing < ROWS_AT_ONCE ? (size_t)missing : ROWS_AT_ONCE, leaves,
                             &n));
        if (n == 0)
            return err_set(ERR_NOT_FOUND, "the log has %llu entries",
                           (unsigned long long)tile_edge_size(l->edge));
        for (size_t i = 0; i < n; i++)
            TRY(tile_edge_append(l->edge, &leaves[i], NULL,
                                 NULL)); /* who wrote the rows wrote their tiles */
    }
    return ERR_OK;
}

/* *leaves points into the latest batch, or into *heap when the rows had to be read. */
static enum err leaves_from(struct ledger *l, struct db *db, uint64_t first, size_t n,
                            struct merkle_hash **heap, const struct merkle_hash **leaves)
{
    size_t have;

    if (first >= l->leaves_first && first + n <= l->leaves_first + l->n_leaves) {
        *leaves = l->leaves + (first - l->leaves_first);
        return ERR_OK;
    }
    *heap = malloc(n * sizeof(**heap));
    if (*heap == NULL)
        return ERR_NOMEM;
    TRY(rows_leaf_hashes(db, first, n, *heap, &have));
    *leaves = *heap;
    return have == n ? ERR_OK
                     : err_set(ERR_CORRUPT, "entry %llu of the log is not there",
                               (unsigned long long)(first + have));
}

/* --- rounds ---------------------------------------------------------------------------- */
struct round { /* one question and its answer */
    struct merkle_frontier asked;
    size_t n;
    struct buf note;
    uint64_t signed_size;
};

/* The signer stands at `size`; root: what it signed there, NULL if we were not shown. */
static enum err stand_at(struct ledger *l, struct db *db, const struct round *r, uint64_t size,
                         const struct merkle_hash *root)
{
    struct ledger_nodes nodes = {.ledger = l, .edge = l->edge, .db = db};
    struct merkle_frontier tree = r->asked;
    struct merkle_hash ours;
    enum err e = size > MERKLE_SIZE_MAX ? ERR_NOT_FOUND : ledger_catch_up(l, db, size);

    if (e == ERR_NOT_FOUND)
        return refuse_older(l, size);
    TRY(e);
    if (tree.size != size || r->n == 0)
        TRY(ledger_frontier(&nodes, size, &tree));
    TRY(merkle_frontier_root(&tree, &ours));
    if (root != NULL && !equal_constant_time(root->bytes, ours.bytes, sizeof(ours.bytes)))
        return refuse_different(l, size, &ours, root);
    l->signer_tree = tree;
    l->signer_known = true;
    return ERR_OK;
}

static enum err take_checkpoint(struct ledger *l, struct db *db, const struct round *r,
                                bool *done)
{
    struct checkpoint c;
    size_t text_len;

    TRY(checkpoint_parse(buf_text(&r->note), r->note.len, &c, &text_len));
    if (r->n > 0 && c.size < r->asked.size)
        return err_set(ERR_INTERNAL,
                       "the signer answered with a smaller tree than it was given");
    TRY(stand_at(l, db, r, c.size, &c.root));
    *done = c.size == tile_edge_size(l->edge);
    return *done ? ledger_publish(l, &c, r->note.data, r->note.len) : ERR_OK;
}

static enum err take_conflict(struct ledger *l, struct db *db, const struct round *r,
                              uint64_t first)
{
    if (r->signed_size != first)
        return stand_at(l, db, r, r->signed_size, NULL);
    return ledger_refuse(l, "at %llu entries this database differs from what was signed (%s)",
                         (unsigned long long)first, err_message(ERR_CONFLICT));
}

/* Prepares the question: n = 0 asks where the signer stands. */
static enum err ask(struct ledger *l, struct db *db, uint64_t first, struct round *r)
{
    AUTO_FREE struct merkle_hash *heap = NULL;
    const struct merkle_hash *leaves = NULL;
    struct merkle_hash root;

    if (r->n == 0) {
        TRY(tile_edge_root(l->edge, &root));
    } else {
        TRY(leaves_from(l, db, first, r->n, &heap, &leaves));
        r->asked = l->signer_tree;
        for (size_t i = 0; i < r->n; i++)
            TRY(merkle_frontier_append(&r->asked, &leaves[i]));
        TRY(merkle_frontier_root(&r->asked, &root));
    }
    r->signed_size = first;
    return l->signer.sign(l->signer.ctx, first, leaves, r->n, &root, &r->note, &r->signed_size);
}

static enum err sign_round(struct ledger *l, struct db *db, struct round *r, bool *done)
{
    uint64_t size = tile_edge_size(l->edge);
    uint64_t first = l->signer_known ? l->signer_tree.size : size;
    uint64_t missing = size - first;
    enum err e;

    r->n = missing < SIGN_LEAVES_MAX ? (size_t)missing : SIGN_LEAVES_MAX;
    buf_reset(&r->note);
    e = ask(l, db, first, r);
    if (e == ERR_OK)
        return take_checkpoint(l, db, r, done);
    if (e == ERR_CONFLICT)
        return take_conflict(l, db, r, first);
    if (e == ERR_NOT_FOUND && r->n == 0) { /* nothing was ever signed */
        *done = size == 0;
        return stand_at(l, db, r, 0, NULL);
    }
    return e;
}

static enum err sign_rounds(struct ledger *l, struct db *db, struct round *r)
{
    unsigned rounds = 0;
    bool done = false;

    while (rounds < SIGN_ROUNDS_MAX) {
        uint64_t before = l->signer_known ? l->signer_tree.size : 0;

        TRY(sign_round(l, db, r, &done));
        if (done)
            return ERR_OK;
        if (r->n == 0 || l->signer_tree.size <= before)
            rounds++;
    }
    return err_set(ERR_BUSY, "the signer's place keeps changing");
}

enum err ledger_sign(struct ledger *l, struct db *db)
{
    struct round r = {.n = 0};
    enum err e;

    buf_init(&r.note, NOTE_MAX);
    e = sign_rounds(l, db, &r);
    buf_clear(&r.note);
    if (e != ERR_OK && e != ERR_CONFLICT)
        l->signer_known = false; /* it may have signed all the same */
    health_set(l, e, false);
    return e;
}
