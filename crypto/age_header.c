/* Wrapping a file key for its recipients, and finding it again.
 *
 * Both stanzas are one construction (an ephemeral X25519 exchange, HKDF over the exchanged
 * secret, ChaCha20-Poly1305 with a nonce of zeros under that single-use key); they differ in
 * the info, the associated data and the arguments. `struct binding` holds the difference.
 *
 * Invariants: an ephemeral secret is used for one stanza; no file key is handed out before the
 * header's MAC was checked with it; everything derived is wiped.
 */
#include "crypto/age_header.h"

#include "crypto/digest.h"
#include "gateway/base/encode.h"

#include <sodium.h>
#include <string.h>

enum {
    WRAPPED_SIZE = AGE_FILE_KEY_SIZE + crypto_aead_chacha20poly1305_ietf_ABYTES,
    INFO_MAX = 96,
    MAC_SIZE = 32,
};
_Static_assert(sizeof(((struct age_stanza *)0)->body) >= WRAPPED_SIZE, "our bodies are kept");

static const char plain_stanza[] = "X25519";
static const char plain_info[] = "age-encryption.org/v1/X25519";
static const char service_info[] = AGE_SERVICE_STANZA "/v1";

/* What a wrap is bound to, beside the key: nothing (standard) or the artefact (ours). */
struct binding {
    uint8_t info[INFO_MAX];
    size_t info_len;
    const uint8_t *aad;
    size_t aad_len;
};
_Static_assert(sizeof(service_info) + sizeof(struct uuid) <= INFO_MAX, "info fits");

static void bind_plain(struct binding *b)
{
    *b = (struct binding){.info_len = sizeof(plain_info) - 1};
    memcpy(b->info, plain_info, b->info_len);
}

static void bind_artefact(struct binding *b, const struct uuid *artefact)
{
    size_t name = sizeof(service_info) - 1;

    *b = (struct binding){.info_len = name + sizeof(artefact->bytes),
                          .aad = artefact->bytes,
                          .aad_len = sizeof(artefact->bytes)};
    memcpy(b->info, service_info, name);
    memcpy(b->info + name, artefact->bytes, sizeof(artefact->bytes));
}

static MUST_USE enum err wrap_key(const uint8_t shared[X25519_SIZE],
                                  const uint8_t share[X25519_SIZE],
                                  const struct age_recipient *recipient,
                                  const struct binding *binding, uint8_t out[32])
{
    uint8_t salt[2 * X25519_SIZE];

    memcpy(salt, share, X25519_SIZE);
    memcpy(salt + X25519_SIZE, recipient->point, X25519_SIZE);
    return hkdf_sha256(shared, X25519_SIZE, salt, sizeof(salt), binding->info,
                       binding->info_len, out, 32);
}

static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

struct exchange {
    uint8_t ephemeral[X25519_SIZE];
    uint8_t shared[X25519_SIZE];
    uint8_t key[crypto_aead_chacha20poly1305_ietf_KEYBYTES];
};

struct wrapped {
    uint8_t share[X25519_SIZE];
    uint8_t body[WRAPPED_SIZE];
};

static MUST_USE enum err wrap_with(struct exchange *x,
                                   const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                   const struct age_recipient *recipient,
                                   const struct binding *binding, struct wrapped *out)
{
    randombytes_buf(x->ephemeral, sizeof(x->ephemeral));
    if (crypto_scalarmult_base(out->share, x->ephemeral) != 0 ||
        crypto_scalarmult(x->shared, x->ephemeral, recipient->point) != 0)
        return err_set(ERR_CRYPTO, "no secret can be shared with this recipient");
    TRY(wrap_key(x->shared, out->share, recipient, binding, x->key));
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out->body, NULL, file_key,
                                                    AGE_FILE_KEY_SIZE, binding->aad,
                                                    binding->aad_len, NULL, zero_nonce, x->key);
    return ERR_OK;
}

static MUST_USE enum err wrap(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                              const struct age_recipient *recipient,
                              const struct binding *binding, struct wrapped *out)
{
    struct exchange x;
    enum err e = wrap_with(&x, file_key, recipient, binding, out);

    sodium_memzero(&x, sizeof(x));
    return e;
}

static MUST_USE enum err header_mac(const uint8_t file_key[AGE_FILE_KEY_SIZE], const void *text,
                                    size_t len, uint8_t out[MAC_SIZE])
{
    static const char info[] = "header";
    uint8_t key[32];
    enum err e;

    e = hkdf_sha256(file_key, AGE_FILE_KEY_SIZE, NULL, 0, info, sizeof(info) - 1, key,
                    sizeof(key));
    if (e == ERR_OK)
        e = hmac_sha256(key, sizeof(key), text, len, out);
    sodium_memzero(key, sizeof(key));
    return e;
}

/* `-> <type> [<key id>] <share>` and the body, which fits one short line. */
static MUST_USE enum err put_stanza(struct buf *out, const char *type, const char *key_id,
                                    const struct wrapped *w)
{
    char share[BASE64_SIZE(X25519_SIZE)], body[BASE64_SIZE(WRAPPED_SIZE)];

    (void)base64_encode(BASE64_STANDARD_UNPADDED, w->share, sizeof(w->share), share);
    (void)base64_encode(BASE64_STANDARD_UNPADDED, w->body, sizeof(w->body), body);
    return buf_printf(out, "-> %s%s%s %s\n%s\n", type, key_id != NULL ? " " : "",
                      key_id != NULL ? key_id : "", share, body);
}

static MUST_USE enum err put_plain(struct buf *out, const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                   const struct age_recipient *recipient)
{
    struct binding binding;
    struct wrapped w;

    bind_plain(&binding);
    TRY(wrap(file_key, recipient, &binding, &w));
    return put_stanza(out, plain_stanza, NULL, &w);
}

static MUST_USE enum err put_service(struct buf *out, const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                     const struct uuid *artefact,
                                     const struct age_recipient *service)
{
    struct binding binding;
    struct wrapped w;
    char key_id[KEY_ID_SIZE];

    bind_artefact(&binding, artefact);
    TRY(wrap(file_key, service, &binding, &w));
    service_key_id(service, key_id);
    return put_stanza(out, AGE_SERVICE_STANZA, key_id, &w);
}

/* The MAC line over everything that was put behind `from`. */
static MUST_USE enum err put_mac(struct buf *out, size_t from,
                                 const uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    uint8_t mac[MAC_SIZE];
    char text[BASE64_SIZE(MAC_SIZE)];

    TRY(buf_append_str(out, "---"));
    TRY(header_mac(file_key, out->data + from, out->len - from, mac));
    (void)base64_encode(BASE64_STANDARD_UNPADDED, mac, sizeof(mac), text);
    return buf_printf(out, " %s\n", text);
}

static const char version_line[] = "age-encryption.org/v1\n";

enum err age_header_seal(const uint8_t file_key[AGE_FILE_KEY_SIZE], const struct uuid *artefact,
                         const struct age_recipient *service,
                         const struct age_recipient *recovery, struct buf *out)
{
    size_t from = out->len;

    TRY(buf_append_str(out, version_line));
    TRY(put_service(out, file_key, artefact, service));
    if (recovery != NULL)
        TRY(put_plain(out, file_key, recovery));
    return put_mac(out, from, file_key);
}

enum err age_header_seal_plain(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                               const struct age_recipient *recipient, struct buf *out)
{
    size_t from = out->len;

    TRY(buf_append_str(out, version_line));
    TRY(put_plain(out, file_key, recipient));
    return put_mac(out, from, file_key);
}

static MUST_USE enum err read_share(const char *text, uint8_t share[X25519_SIZE])
{
    size_t n = 0;

    if (base64_decode(BASE64_STANDARD_UNPADDED, text, strlen(text), share, X25519_SIZE, &n) !=
            ERR_OK ||
        n != X25519_SIZE)
        return err_set(ERR_CORRUPT, "age header: an ephemeral share of a wrong form");
    return ERR_OK;
}

/* The key's owner, known by both halves. */
struct opener {
    const struct secret *identity;
    struct age_recipient recipient;
};

static MUST_USE enum err unwrap_with(struct exchange *x, const struct opener *opener,
                                     const uint8_t share[X25519_SIZE], const uint8_t *body,
                                     const struct binding *binding,
                                     uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    if (crypto_scalarmult(x->shared, opener->identity->bytes, share) != 0)
        return err_set(ERR_CORRUPT, "age header: an ephemeral share of low order");
    TRY(wrap_key(x->shared, share, &opener->recipient, binding, x->key));
    if (crypto_aead_chacha20poly1305_ietf_decrypt(file_key, NULL, NULL, body, WRAPPED_SIZE,
                                                  binding->aad, binding->aad_len, zero_nonce,
                                                  x->key) != 0)
        return err_set(ERR_CRYPTO, "the file key does not unwrap");
    return ERR_OK;
}

/* ERR_CORRUPT: malformed; ERR_CRYPTO: well-formed, and not for this key or this artefact. The
 * body's length is checked first: a longer key is never decrypted (partitioning oracles). */
static MUST_USE enum err unwrap(const struct age_stanza *stanza, const char *share_text,
                                const struct opener *opener, const struct binding *binding,
                                uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    uint8_t share[X25519_SIZE];
    struct exchange x;
    enum err e;

    TRY(read_share(share_text, share));
    if (stanza->body_len != WRAPPED_SIZE)
        return err_set(ERR_CORRUPT, "age header: a wrapped key of a wrong size");
    e = unwrap_with(&x, opener, share, stanza->body, binding, file_key);
    sodium_memzero(&x, sizeof(x));
    return e;
}

static MUST_USE enum err check_mac(const struct age_header *h,
                                   const uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    uint8_t mac[MAC_SIZE];

    TRY(header_mac(file_key, h->text, h->maced_len, mac));
    if (!equal_constant_time(mac, h->mac, sizeof(mac)))
        return err_set(ERR_CRYPTO, "age header: the MAC is wrong");
    return ERR_OK;
}

/* A service stanza has three arguments: type, key id, share. */
static bool is_service(const struct age_stanza *stanza)
{
    return stanza->n_args == 3 && strcmp(stanza->args[0], AGE_SERVICE_STANZA) == 0;
}

static MUST_USE enum err try_service(const struct age_header *h, const struct opener *opener,
                                     const struct binding *binding,
                                     uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    char key_id[KEY_ID_SIZE];

    service_key_id(&opener->recipient, key_id);
    for (size_t i = 0; i < h->n_stanzas; i++) {
        const struct age_stanza *stanza = &h->stanzas[i];

        if (is_service(stanza) && strcmp(stanza->args[1], key_id) == 0)
            return unwrap(stanza, stanza->args[2], opener, binding, file_key);
    }
    return err_set(ERR_NOT_FOUND, "no stanza for service key %s", key_id);
}

static MUST_USE enum err try_plain(const struct age_header *h, const struct opener *opener,
                                   const struct binding *binding,
                                   uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    for (size_t i = 0; i < h->n_stanzas; i++) {
        const struct age_stanza *stanza = &h->stanzas[i];
        enum err e;

        if (strcmp(stanza->args[0], plain_stanza) != 0)
            continue;
        if (stanza->n_args != 2)
            return err_set(ERR_CORRUPT, "age header: an X25519 stanza of a wrong form");
        e = unwrap(stanza, stanza->args[1], opener, binding, file_key);
        if (e != ERR_CRYPTO)
            return e;
    }
    return err_set(ERR_NOT_FOUND, "no stanza for this identity");
}

typedef enum err (*try_fn)(const struct age_header *h, const struct opener *opener,
                           const struct binding *binding, uint8_t file_key[AGE_FILE_KEY_SIZE]);

static MUST_USE enum err open_by(try_fn find, const struct age_header *h,
                                 const struct secret *identity, const struct binding *binding,
                                 uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    struct opener opener = {.identity = identity};
    enum err e;

    TRY(age_identity_recipient(identity, &opener.recipient));
    e = find(h, &opener, binding, file_key);
    if (e == ERR_OK)
        e = check_mac(h, file_key);
    if (e != ERR_OK)
        sodium_memzero(file_key, AGE_FILE_KEY_SIZE);
    return e;
}

enum err age_header_open_service(const struct age_header *h, const struct uuid *artefact,
                                 const struct secret *identity,
                                 uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    struct binding binding;

    bind_artefact(&binding, artefact);
    return open_by(try_service, h, identity, &binding, file_key);
}

enum err age_header_open_plain(const struct age_header *h, const struct secret *identity,
                               uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    struct binding binding;

    bind_plain(&binding);
    return open_by(try_plain, h, identity, &binding, file_key);
}

enum err age_header_key_id(const struct age_header *h, char out[KEY_ID_SIZE])
{
    for (size_t i = 0; i < h->n_stanzas; i++) {
        const struct age_stanza *stanza = &h->stanzas[i];

        if (is_service(stanza) && strlen(stanza->args[1]) == KEY_ID_SIZE - 1) {
            memcpy(out, stanza->args[1], KEY_ID_SIZE);
            return ERR_OK;
        }
    }
    return err_set(ERR_NOT_FOUND, "the header names no service key");
}
