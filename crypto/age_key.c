/* X25519 keys in age's text form. An identity lives in guarded memory from the first byte on:
 * what holds its text on the way is wiped. */
#include "crypto/age_key.h"

#include "crypto/bech32.h"
#include "gateway/base/buf.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <sodium.h>
#include <string.h>

static const char recipient_prefix[] = "age";
static const char identity_prefix[] = "AGE-SECRET-KEY-";

enum { IDENTITY_FILE_MAX = 4096, KEY_ID_BYTES = (KEY_ID_SIZE - 1) / 2 };
_Static_assert((int)X25519_SIZE == (int)crypto_scalarmult_BYTES, "one size of point");

enum err age_identity_recipient(const struct secret *identity, struct age_recipient *out)
{
    assert(identity->len == X25519_SIZE);
    if (crypto_scalarmult_base(out->point, identity->bytes) != 0)
        return err_set(ERR_CRYPTO, "no public key from this identity");
    return ERR_OK;
}

enum err age_identity_generate(struct secret **identity, struct age_recipient *recipient)
{
    AUTO(secret_free) struct secret *s = NULL;

    TRY(secret_new(X25519_SIZE, &s));
    randombytes_buf(s->bytes, s->len);
    TRY(age_identity_recipient(s, recipient));
    *identity = TAKE(s);
    return ERR_OK;
}

/* A multiple of the point by any clamped scalar is zero exactly if its order is low. */
static bool is_low_order(const uint8_t point[X25519_SIZE])
{
    const uint8_t scalar[X25519_SIZE] = {[0] = 8};
    uint8_t product[X25519_SIZE];

    return crypto_scalarmult(product, scalar, point) != 0;
}

enum err age_recipient_parse(const char *text, struct age_recipient *out)
{
    TRY(bech32_decode(BECH32_LOWER, recipient_prefix, text, strlen(text), out->point,
                      sizeof(out->point)));
    if (is_low_order(out->point))
        return err_set(ERR_INVALID, "a recipient of low order");
    return ERR_OK;
}

void age_recipient_format(const struct age_recipient *r, char out[AGE_RECIPIENT_TEXT_SIZE])
{
    assert(bech32_length(recipient_prefix, X25519_SIZE) + 1 == AGE_RECIPIENT_TEXT_SIZE);
    bech32_encode(BECH32_LOWER, recipient_prefix, r->point, sizeof(r->point), out);
}

enum err age_identity_parse(const char *text, size_t len, struct secret **out)
{
    AUTO(secret_free) struct secret *s = NULL;

    TRY(secret_new(X25519_SIZE, &s));
    TRY(bech32_decode(BECH32_UPPER, identity_prefix, text, len, s->bytes, s->len));
    *out = TAKE(s);
    return ERR_OK;
}

void age_identity_format(const struct secret *identity, char out[AGE_IDENTITY_TEXT_SIZE])
{
    assert(identity->len == X25519_SIZE);
    assert(bech32_length(identity_prefix, X25519_SIZE) + 1 == AGE_IDENTITY_TEXT_SIZE);
    bech32_encode(BECH32_UPPER, identity_prefix, identity->bytes, identity->len, out);
}

void service_key_id(const struct age_recipient *r, char out[KEY_ID_SIZE])
{
    uint8_t digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, r->point, sizeof(r->point)); /* libsodium's cannot fail */
    hex_encode(digest, KEY_ID_BYTES, out);
}

/* The one line of an identity file that is neither empty nor a comment. */
static MUST_USE enum err find_key_line(const struct secret *file, const char *path,
                                       const char **line, size_t *line_len)
{
    const char *at = (const char *)file->bytes, *end = at + file->len;

    *line = NULL;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline != NULL ? newline : end) - at);

        if (len > 0 && *at != '#') {
            if (*line != NULL)
                return err_set(ERR_INVALID, "%s: more than one identity", path);
            *line = at;
            *line_len = len;
        }
        at += len + 1;
    }
    if (*line == NULL)
        return err_set(ERR_INVALID, "%s: no identity", path);
    return ERR_OK;
}

enum err age_identity_file_read(const char *path, struct secret **identity)
{
    AUTO(secret_free) struct secret *file = NULL;
    const char *line = NULL;
    size_t len = 0;

    TRY(secret_file_read(path, IDENTITY_FILE_MAX, &file));
    TRY(find_key_line(file, path, &line, &len));
    return age_identity_parse(line, len, identity);
}

static MUST_USE enum err put_identity(struct buf *out, const struct secret *identity)
{
    char text[AGE_IDENTITY_TEXT_SIZE];
    enum err e;

    age_identity_format(identity, text);
    e = buf_append_str(out, text);
    sodium_memzero(text, sizeof(text));
    TRY(e);
    return buf_append_byte(out, '\n');
}

enum err age_identity_file_write(const char *path, const struct secret *identity)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    struct age_recipient recipient;
    char recipient_text[AGE_RECIPIENT_TEXT_SIZE], created[TIME_TEXT_SIZE];

    buf_init_secret(&text, IDENTITY_FILE_MAX);
    TRY(age_identity_recipient(identity, &recipient));
    age_recipient_format(&recipient, recipient_text);
    time_format(clock_now(), created);
    TRY(buf_printf(&text, "# created: %s\n# public key: %s\n", created, recipient_text));
    TRY(put_identity(&text, identity));
    return secret_file_write(path, text.data, text.len);
}
