#include "gateway/evidence/log/transparency.h"

#include "crypto/tile.h"
#include "gateway/evidence/internal.h"

static enum err may_read_log(const struct principal *p)
{
    struct access access = {
        .action = ACTION_LOG_READ, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    return permission_check(p, &access, NULL, NULL) == PERMIT ? ERR_OK
                                                              : refuse(REFUSAL_NOT_PERMITTED);
}

enum err transparency_checkpoint(struct evidence *ev, bool cosigned, struct buf *note)
{
    struct ledger *ledger = ev->parts.ledger;
    uint64_t size = 0, newest = 0;

    enum err e = ledger_checkpoint_cosigned(ledger, note, &size);
    if (cosigned && e == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    if (cosigned || (e != ERR_OK && e != ERR_NOT_FOUND))
        return e;

    AUTO_CLEAR(buf_clear) struct buf plain;
    buf_init(&plain, NOTE_MAX);
    TRY(ledger_checkpoint(ledger, &plain, &newest));
    if (e == ERR_OK && size == newest)
        return ERR_OK; /* the same checkpoint, with what was signed below it */
    buf_reset(note);
    return buf_append(note, plain.data, plain.len);
}

/* Settles which tree is meant and whether `within` lies in it. */
static enum err proof_begin(struct evidence *ev, const struct principal *p,
                            struct log_proof *out, uint64_t within, bool may_equal)
{
    uint64_t newest = 0;
    TRY(may_read_log(p));
    TRY(ledger_checkpoint(ev->parts.ledger, &out->checkpoint, &newest));
    if (out->size == 0)
        out->size = newest;
    bool inside = within < out->size || (may_equal && within == out->size);
    if (out->size > newest || !inside)
        return refuse_because(REFUSAL_INVALID_REQUEST, "that lies beyond the log");
    return ERR_OK;
}

enum err transparency_inclusion(struct evidence *ev, const struct principal *p, uint64_t leaf,
                                struct log_proof *inout)
{
    TRY(proof_begin(ev, p, inout, leaf, false));
    return ledger_inclusion(ev->parts.ledger, leaf, inout->size, &inout->proof);
}

enum err transparency_consistency(struct evidence *ev, const struct principal *p, uint64_t from,
                                  struct log_proof *inout)
{
    TRY(proof_begin(ev, p, inout, from, true));
    return ledger_consistency(ev->parts.ledger, from, inout->size, &inout->proof);
}

enum err transparency_tile(struct evidence *ev, const struct principal *p, const char *path,
                           struct merkle_hash out[256], unsigned *width)
{
    unsigned level = 0;
    uint64_t index = 0;
    TRY(may_read_log(p));
    if (tile_path_parse(path, &level, &index, width) != ERR_OK)
        return refuse(REFUSAL_NOT_FOUND);
    enum err e = ledger_tile(ev->parts.ledger, level, index, *width, out);
    return e == ERR_NOT_FOUND ? refuse(REFUSAL_NOT_FOUND) : e;
}
