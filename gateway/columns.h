/* The keys of the personal columns (storage/sealed.h), as this process may have them. */
#ifndef GATEWAY_COLUMNS_H
#define GATEWAY_COLUMNS_H

#include "config/config.h"
#include "gateway/keeper/keeper.h"
#include "storage/sealed.h"

/* A serving plane must have one: the keeper's, or, for intake only, the public key in the
 * keyring, with which it seals and does not read. An offline command does without where there
 * is none (it sees empty names and writes none).
 *
 * What it hands to the pool is owned by *out and outlives the pool. */
enum columns_need { COLUMNS_MUST, COLUMNS_MAY };
MUST_USE enum err columns_open(const struct config *c, struct keeper *keeper,
                               enum columns_need need, struct db_pool *pool,
                               struct db_columns *out);
/* Every value under the active key, before the plane serves (storage/record_sealing.h); nothing
 * where it only seals. */
MUST_USE enum err columns_catch_up(struct db_pool *pool, const struct db_columns *c);
void columns_close(struct db_columns *c);

#endif
