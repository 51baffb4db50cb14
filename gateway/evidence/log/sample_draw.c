#include "gateway/evidence/log/sample_draw.h"

#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

struct stratum { /* a run of members, once they are sorted */
    size_t first, count;
    uint64_t take, remainder;
};

static enum err rank(struct sample_member *m, const char *seed)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&m->item.artefact, id);
    const void *parts[] = {seed, ":", id};
    const size_t lens[] = {strlen(seed), 1, strlen(id)};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), m->rank);
}

static int by_stratum_and_rank(const void *a, const void *b)
{
    const struct sample_member *x = a, *y = b;
    int order = strcmp(x->item.stratum, y->item.stratum);
    return order != 0 ? order : memcmp(x->rank, y->rank, sizeof(x->rank));
}

/* The larger remainder first; qsort is not stable, the place in `all` is the order of names. */
static int by_remainder(const void *a, const void *b)
{
    const struct stratum *x = *(const struct stratum *const *)a;
    const struct stratum *y = *(const struct stratum *const *)b;
    if (x->remainder != y->remainder)
        return x->remainder > y->remainder ? -1 : 1;
    return x->first < y->first ? -1 : 1;
}

static size_t strata_of(const struct sample_member *all, size_t n, struct stratum *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(all[i].item.stratum, all[i - 1].item.stratum) != 0)
            out[count++] = (struct stratum){.first = i};
        out[count - 1].count++;
    }
    return count;
}

static enum err allocate(struct stratum *strata, size_t count, uint64_t n, uint64_t size)
{
    AUTO_FREE struct stratum **order = calloc(count, sizeof(struct stratum *));
    uint64_t given = 0;
    if (!order)
        return err_set(ERR_NOMEM, "strata");
    for (size_t i = 0; i < count; i++) {
        strata[i].take = size * strata[i].count / n;
        strata[i].remainder = size * strata[i].count % n;
        given += strata[i].take;
        order[i] = &strata[i];
    }
    qsort(order, count, sizeof(struct stratum *), by_remainder);
    for (size_t i = 0; given < size; i++, given++)
        order[i]->take++;
    return ERR_OK;
}

enum err sample_draw(struct sample_member *all, size_t n, uint64_t size, const char *seed,
                     struct audit_sample_item *out, size_t *drawn)
{
    *drawn = 0;
    if (n == 0)
        return ERR_OK;
    AUTO_FREE struct stratum *strata = calloc(n, sizeof(*strata));
    if (!strata)
        return err_set(ERR_NOMEM, "strata");
    for (size_t i = 0; i < n; i++)
        TRY(rank(&all[i], seed));
    qsort(all, n, sizeof(*all), by_stratum_and_rank);
    size_t count = strata_of(all, n, strata);
    TRY(allocate(strata, count, n, size < n ? size : n));
    for (size_t i = 0; i < count; i++) {
        assert(strata[i].take <= strata[i].count);
        for (size_t k = 0; k < strata[i].take; k++)
            out[(*drawn)++] = all[strata[i].first + k].item;
    }
    return ERR_OK;
}

enum err sample_text(const struct audit_sample_item *item, struct buf *out)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&item->artefact, id);
    return buf_printf(out, "%s %s\n", id, item->stratum);
}
