/* The log as a third party verifies it: checkpoint for everybody, proofs and tiles for whom the table lets (C2SP tlog-tiles). */
#include "gateway/base/encode.h"
#include "crypto/tile.h"
#include "gateway/routes/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void log_checkpoint_handle(struct http_exchange *x)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint64_t size = 0;
    buf_init(&note, NOTE_MAX);
    enum err e = ledger_checkpoint(api_of(x)->ledger, &note, &size);
    if (e == ERR_OK)
        http_reply_bytes(x, 200, "text/plain; charset=utf-8", note.data, note.len);
    else
        api_problem(x, e);
}

static enum err may_read_log(const struct principal *p)
{
    struct access access = {.action = ACTION_LOG_READ, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    return permission_check(p, &access, NULL, NULL) == PERMIT ? ERR_OK : refuse(REFUSAL_NOT_PERMITTED);
}

static enum err number_argument(const struct http_exchange *x, const char *name, bool *present, uint64_t *out)
{
    const char *text = http_query(x, name);
    char *end = NULL;
    *present = text != NULL;
    if (!text)
        return ERR_OK;
    *out = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || strlen(text) > 19)
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

/* ?leaf=N: inclusion of an entry; ?from=N: consistency with the tree of N entries. Both against ?size= or the newest checkpoint. */
static enum err proof_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"leaf", "from", "size", NULL};
    bool by_leaf = false, by_from = false, sized = false;
    uint64_t leaf = 0, from = 0, size = 0, newest = 0;
    struct merkle_proof proof;
    AUTO_CLEAR(buf_clear) struct buf note;
    buf_init(&note, NOTE_MAX);
    TRY(may_read_log(p));
    TRY(api_query_known(x, KNOWN));
    TRY(number_argument(x, "leaf", &by_leaf, &leaf));
    TRY(number_argument(x, "from", &by_from, &from));
    TRY(number_argument(x, "size", &sized, &size));
    TRY(ledger_checkpoint(api_of(x)->ledger, &note, &newest));
    size = sized ? size : newest;
    if (by_leaf == by_from || size > newest || (by_leaf && leaf >= size) || (by_from && from > size))
        return refuse_because(REFUSAL_INVALID_REQUEST, "say leaf= or from=, within the log");
    if (by_leaf)
        TRY(ledger_inclusion(api_of(x)->ledger, leaf, size, &proof));
    else
        TRY(ledger_consistency(api_of(x)->ledger, from, size, &proof));
    json_t *body = json_object();
    json_put_int(body, by_leaf ? "leaf" : "from", (json_int_t)(by_leaf ? leaf : from));
    json_put_int(body, "size", (json_int_t)size);
    json_put(body, "proof", proof_json(&proof));
    json_put_text(body, "checkpoint", buf_text(&note));
    http_reply_json(x, 200, body);
    return ERR_OK;
}
const struct api_call LOG_PROOF = {proof_run};

static enum err tile_run(struct http_exchange *x, const struct principal *p)
{
    unsigned level = 0, width = 0;
    uint64_t index = 0;
    TRY(may_read_log(p));
    if (tile_path_parse(http_param(x, "rest"), &level, &index, &width) != ERR_OK)
        return refuse(REFUSAL_NOT_FOUND);
    AUTO_FREE struct merkle_hash *hashes = calloc(256, sizeof(*hashes));
    if (!hashes)
        return err_set(ERR_NOMEM, "tile");
    enum err e = ledger_tile(api_of(x)->ledger, level, index, width, hashes);
    if (e == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(e);
    http_reply_bytes(x, 200, "application/octet-stream", hashes, width * sizeof(*hashes));
    return ERR_OK;
}
const struct api_call LOG_TILE = {tile_run};
