/* The log over HTTP: checkpoint, proofs, tiles (paths of C2SP tlog-tiles). */
#include "gateway/base/encode.h"
#include "gateway/evidence/log/transparency.h"
#include "gateway/routes/api.h"

#include <stdlib.h>
#include <string.h>

static enum err checkpoint_find(struct http_exchange *x, struct buf *note)
{
    static const char *const KNOWN[] = {"cosigned", NULL};
    const char *cosigned = http_query(x, "cosigned");
    TRY(api_query_known(x, KNOWN));
    if (cosigned && strcmp(cosigned, "true") != 0)
        return refuse_because(REFUSAL_INVALID_REQUEST, "cosigned may only be true");
    return transparency_checkpoint(api_of(x)->evidence, cosigned != NULL, note);
}

void log_checkpoint_handle(struct http_exchange *x)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    buf_init(&note, NOTE_MAX);
    enum err e = checkpoint_find(x, &note);
    if (e == ERR_OK)
        http_reply_bytes(x, 200, "text/plain; charset=utf-8", note.data, note.len);
    else
        api_problem(x, e);
}

static enum err number_argument(const struct http_exchange *x, const char *name, bool *present,
                                uint64_t *out)
{
    enum { DIGITS_MAX = 18 };
    const char *text = http_query(x, name);
    char *end = NULL;
    *present = text != NULL;
    if (!text)
        return ERR_OK;
    *out = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || strlen(text) > DIGITS_MAX)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s must be a number", name);
    return ERR_OK;
}

static json_t *proof_json(const struct merkle_proof *proof)
{
    json_t *list = json_array();
    for (size_t i = 0; i < proof->n; i++) {
        char text[BASE64_SIZE(MERKLE_HASH_SIZE)];
        base64_encode(BASE64_STANDARD, proof->hashes[i].bytes, MERKLE_HASH_SIZE, text);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

/* ?leaf=N: inclusion of an entry; ?from=N: consistency with the tree of N entries; both against
 * ?size= or the newest checkpoint. */
static enum err proof_find(struct http_exchange *x, const struct principal *p, json_t *body,
                           struct log_proof *proof)
{
    static const char *const KNOWN[] = {"leaf", "from", "size", NULL};
    bool by_leaf = false, by_from = false, sized = false;
    uint64_t leaf = 0, from = 0;
    TRY(api_query_known(x, KNOWN));
    TRY(number_argument(x, "leaf", &by_leaf, &leaf));
    TRY(number_argument(x, "from", &by_from, &from));
    TRY(number_argument(x, "size", &sized, &proof->size));
    if (by_leaf == by_from)
        return refuse_because(REFUSAL_INVALID_REQUEST, "say either leaf= or from=");
    json_put_int(body, by_leaf ? "leaf" : "from", (json_int_t)(by_leaf ? leaf : from));
    struct evidence *ev = api_of(x)->evidence;
    return by_leaf ? transparency_inclusion(ev, p, leaf, proof)
                   : transparency_consistency(ev, p, from, proof);
}

static enum err proof_run(struct http_exchange *x, const struct principal *p)
{
    struct log_proof proof = {.size = 0};
    AUTO(json_free) json_t *body = json_object();
    buf_init(&proof.checkpoint, NOTE_MAX);
    enum err e = proof_find(x, p, body, &proof);
    if (e == ERR_OK) {
        json_put_int(body, "size", (json_int_t)proof.size);
        json_put(body, "proof", proof_json(&proof.proof));
        json_put_text(body, "checkpoint", buf_text(&proof.checkpoint));
        http_reply_json(x, 200, TAKE(body));
    }
    buf_clear(&proof.checkpoint);
    return e;
}
const struct api_call LOG_PROOF = {proof_run};

static enum err tile_run(struct http_exchange *x, const struct principal *p)
{
    enum { TILE_WIDTH = 256 };
    unsigned width = 0;
    AUTO_FREE struct merkle_hash *hashes = calloc(TILE_WIDTH, sizeof(*hashes));
    if (!hashes)
        return err_set(ERR_NOMEM, "tile");
    TRY(transparency_tile(api_of(x)->evidence, p, http_param(x, "rest"), hashes, &width));
    http_reply_bytes(x, 200, "application/octet-stream", hashes, width * sizeof(*hashes));
    return ERR_OK;
}
const struct api_call LOG_TILE = {tile_run};
