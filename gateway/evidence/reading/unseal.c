/* The receipt is made anew each time, so that it is of a checkpoint that the keeper has signed.
 */
#include "gateway/evidence/reading/unseal.h"

#include "gateway/evidence/internal.h"

enum err unseal_key(const struct unsealing *u, const struct blob_reader *blob,
                    uint8_t key[AGE_PAYLOAD_KEY_SIZE])
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    struct keeper_opening opening = {
        .header = u->header->data, .header_len = u->header->len, .artefact = *u->artefact};
    buf_init(&receipt, RECEIPT_MAX);
    TRY(blob_read(blob, 0, opening.nonce, sizeof(opening.nonce)));
    TRY(evidence_unsigned(ledger_receipt(u->ledger, u->entry, &receipt)));
    opening.receipt = buf_text(&receipt);
    opening.receipt_len = receipt.len;
    return keeper_open(u->keeper, &opening, key);
}
