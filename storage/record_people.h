/* What the records keep of people beyond claims and parties: see records.h for the manner. */
#ifndef STORAGE_RECORD_PEOPLE_H
#define STORAGE_RECORD_PEOPLE_H

#include "storage/records.h"

/* When the claimant died, as the claims system told: insert or replace. */
MUST_USE enum err claim_death_put(struct db *db, const struct uuid *claim, int64_t died_at,
                                  int64_t recorded_at);
MUST_USE enum err claim_death_remove(struct db *db,
                                     const struct uuid *claim); /* it was not so */
MUST_USE enum err claim_death_find(struct db *db, const struct uuid *claim,
                                   int64_t *died_at); /* 0: none is on record */

#endif
