/* A few kilobytes sealed under a key of our own. Nonces are random and 24 bytes long, so that
 * one key may seal for ever without anybody counting.
 *
 * Invariants: plaintext stands in `out` only between its copy and its encryption in place,
 * never across a growth of the buffer; on a failure `out` is as long as it was. What does not
 * open leaves nothing.
 */
#include "crypto/wrap.h"

#include <sodium.h>

enum {
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

_Static_assert((int)WRAP_KEY_SIZE == (int)crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
               "the key is XChaCha20-Poly1305's");
_Static_assert((int)WRAP_OVERHEAD == (int)NONCE_SIZE + (int)TAG_SIZE,
               "nonce and tag are all that is added");

static MUST_USE enum err seal(const uint8_t *key, const void *context, size_t context_len,
                              const void *data, size_t len, struct buf *out)
{
    size_t start = out->len;
    uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];
    uint8_t *text;

    if (len > SIZE_MAX - WRAP_OVERHEAD || len + WRAP_OVERHEAD > out->max - start)
        return err_set(ERR_TOO_LARGE, "no room for what is sealed");
    randombytes_buf(nonce, sizeof(nonce));
    TRY(buf_append(out, nonce, sizeof(nonce)));
    TRY(buf_append(out, data, len));
    text = out->data + start + NONCE_SIZE;
    if (crypto_aead_xchacha20poly1305_ietf_encrypt_detached(text, tag, NULL, text, len, context,
                                                            context_len, NULL, nonce, key) != 0)
        return err_set(ERR_CRYPTO, "sealing failed");
    return buf_append(out, tag, sizeof(tag));
}

enum err wrap_seal(const uint8_t key[WRAP_KEY_SIZE], const void *context, size_t context_len,
                   const void *data, size_t len, struct buf *out)
{
    size_t start = out->len;
    enum err e = seal(key, context, context_len, data, len, out);

    if (e != ERR_OK && out->len > start) {
        sodium_memzero(out->data + start, out->len - start);
        out->len = start;
    }
    return e;
}

enum err wrap_open(const uint8_t key[WRAP_KEY_SIZE], const void *context, size_t context_len,
                   const void *sealed, size_t len, void *out)
{
    const uint8_t *nonce = sealed, *text, *tag;
    size_t text_len;

    if (len < WRAP_OVERHEAD)
        return err_set(ERR_CORRUPT, "too short to have been sealed");
    text = nonce + NONCE_SIZE;
    text_len = len - WRAP_OVERHEAD;
    tag = text + text_len;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            out, NULL, text, text_len, tag, context, context_len, nonce, key) == 0)
        return ERR_OK;
    if (text_len > 0)
        sodium_memzero(out, text_len);
    return err_set(ERR_CORRUPT, "not sealed by this key for this use");
}
