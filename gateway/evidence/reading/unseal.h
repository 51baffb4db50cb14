/* From an entry of the log to the key that it permits: what every opening of a stored artefact
 * ends with. No entry, no key: the keeper reads the entry's receipt. */
#ifndef GATEWAY_EVIDENCE_READING_UNSEAL_H
#define GATEWAY_EVIDENCE_READING_UNSEAL_H

#include "crypto/age_payload.h"
#include "gateway/keeper/keeper.h"
#include "storage/blob.h"
#include "storage/ledger.h"

struct unsealing { /* borrowed */
    struct ledger *ledger;
    struct keeper *keeper;
    const struct uuid *artefact;
    const struct buf *header;
    uint64_t entry; /* of the opening */
};
/* The caller wipes `key`. */
MUST_USE enum err unseal_key(const struct unsealing *u, const struct blob_reader *blob,
                             uint8_t key[AGE_PAYLOAD_KEY_SIZE]);

#endif
