/* Signing: only what continues what was signed last.
 *
 * The front sends the leaf hashes that follow leaf `first` and the root it expects. The keeper
 * appends what it has not seen to its own frontier, and signs its own root if that is the
 * expected one. Order: the state with the new checkpoint is durable before the note leaves, so
 * that no note exists outside that a restarted keeper would contradict. */
#include "gateway/keeper/service.h"

#include <string.h>

static enum err put_note(const struct service *s, struct buf *note)
{
    const struct signed_state *now = &s->state.now;
    struct checkpoint empty = {.size = 0};

    if (now->note_len > 0)
        return buf_append(note, now->note, now->note_len);
    /* Nothing was ever signed: the empty tree's checkpoint, which is always the same. */
    memcpy(empty.origin, s->signer.verifier.name, sizeof(empty.origin));
    TRY(merkle_frontier_root(&now->frontier, &empty.root));
    return checkpoint_sign(&s->signer, &empty, note);
}

/* The frontier with the leaves appended that it lacks; its root must be the expected one. */
static enum err extend(const struct sign_request *q, struct merkle_frontier *f,
                       struct checkpoint *c)
{
    for (size_t i = (size_t)(f->size - q->first); i < q->n; i++)
        TRY(merkle_frontier_append(f, &q->leaves[i]));
    c->size = f->size;
    TRY(merkle_frontier_root(f, &c->root));
    if (memcmp(&c->root, &q->root, sizeof(c->root)) != 0)
        return err_set(ERR_CONFLICT,
                       "the leaves give another root than the one to be signed (size %llu)",
                       (unsigned long long)f->size);
    return ERR_OK;
}

static enum err sign_new(struct service *s, const struct sign_request *q, struct buf *note)
{
    AUTO_CLEAR(buf_clear) struct buf fresh;
    struct merkle_frontier f = s->state.now.frontier;
    struct checkpoint c = {0};

    buf_init(&fresh, NOTE_MAX);
    memcpy(c.origin, s->signer.verifier.name, sizeof(c.origin));
    TRY(extend(q, &f, &c));
    TRY(checkpoint_sign(&s->signer, &c, &fresh));
    TRY(state_store(&s->state, &f, &fresh));
    return buf_append(note, fresh.data, fresh.len);
}

static enum err sign_locked(struct service *s, const struct sign_request *q, struct buf *note)
{
    uint64_t size = s->state.now.frontier.size;

    if (q->n == 0 || (q->first <= size && q->n <= size - q->first))
        return put_note(s, note); /* nothing to add: the caller compares */
    if (q->first > size)
        return err_set(ERR_CONFLICT, "%llu leaves are signed, leaf %llu does not follow",
                       (unsigned long long)size, (unsigned long long)q->first);
    return sign_new(s, q, note);
}

enum err service_sign(struct service *s, const struct sign_request *q, struct buf *note,
                      uint64_t *signed_size)
{
    enum err e;

    *signed_size = s->state.now.frontier.size;
    if (q->first > MERKLE_SIZE_MAX - q->n)
        return err_set(ERR_INVALID, "a log cannot have that many leaves");
    TRY(state_begin(&s->state));
    e = sign_locked(s, q, note);
    *signed_size = s->state.now.frontier.size;
    state_end(&s->state);
    return e;
}
