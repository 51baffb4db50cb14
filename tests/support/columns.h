/* Keys of personal columns for a test's database: the same in every test. */
#ifndef TESTS_SUPPORT_COLUMNS_H
#define TESTS_SUPPORT_COLUMNS_H

#include "crypto/secret.h"
#include "storage/sealed.h"

#include <stdlib.h>

static inline struct column_keys *columns_of_test(uint8_t first_byte)
{
    uint8_t master[COLUMN_MASTER_SIZE] = {first_byte, 0x7e, 0x57};
    struct column_keys *keys = NULL;

    secrets_allow_unlocked(true);
    if (crypto_init() != ERR_OK || column_keys_new(&keys) != ERR_OK ||
        column_keys_add(keys, master, sizeof(master)) != ERR_OK)
        abort();
    return keys;
}

/* They live as long as the process. */
static inline void columns_for_tests(struct db_pool *pool)
{
    static struct db_columns columns;

    if (columns.personal == NULL)
        columns = (struct db_columns){
            .personal = columns_of_test(1), .intake = columns_of_test(2), .intake_lasts = true};
    db_pool_columns(pool, &columns);
}

#endif
