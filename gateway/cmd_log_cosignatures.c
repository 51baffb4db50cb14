/* The cosignatures that are kept, against the keys of the configured witnesses. Whoever changed
 * a checkpoint together with everything of ours is still found out by what others signed of it.
 */
#include "gateway/cmd_log.h"

#include <stdio.h>
#include <string.h>

enum { WITNESS_WORDS_MAX = 200 };

struct keys {
    struct log_check *check;
    struct note_verifier of[CONFIG_WITNESSES_MAX];
    size_t n;
};

static enum err keys_read(const struct config *config, struct keys *out)
{
    for (size_t i = 0; i < config->n_witnesses; i++) {
        const char *vkey = config->witnesses[i].vkey;

        TRY(note_verifier_parse(vkey, strlen(vkey), &out->of[out->n++]));
    }
    return ERR_OK;
}

static const struct note_verifier *key_find(const struct keys *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->of[i].name, name) == 0)
            return &k->of[i];
    }
    return NULL;
}

static enum err check_one(void *ctx, uint64_t size, const char *witness, const struct buf *note)
{
    struct keys *k = ctx;
    const struct note_verifier *key = key_find(k, witness);
    char words[WITNESS_WORDS_MAX];
    uint64_t time;

    if (!key) {
        (void)snprintf(words, sizeof(words), "%s has cosigned, its key is not configured",
                       witness);
        log_finding(k->check, "unknown-witness", size, words);
        return ERR_OK;
    }
    if (note_verify_cosignature(buf_text(note), note->len, key, &time) == ERR_OK) {
        k->check->cosignatures++;
        return ERR_OK;
    }
    (void)snprintf(words, sizeof(words), "the cosignature of %s is not good", witness);
    log_finding(k->check, "cosignature", size, words);
    return ERR_OK;
}

enum err log_check_cosignatures(struct log_check *c)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct keys keys = {.check = c};

    TRY(keys_read(c->o->config, &keys));
    TRY(db_read_begin(c->o->db, &db));
    return ledger_cosignature_each(db, check_one, &keys);
}
