/* The bodies of the frames; their shapes are drawn in protocol.h.
 *
 * Invariant: a decoder gives back only what it fully checked for shape; what the values mean is
 * the service's concern. */
#include "gateway/keeper/protocol.h"

#include <string.h>

enum {
    FLAG_INTAKE_ONLY = 1,
    FLAG_REQUIRE_MLOCK = 2,
    FLAG_ADMIN = 4,
    FLAG_COLUMNS = 8,
    FLAGS_ALL = 15
};

static enum err put_text(struct buf *out, const char *text)
{
    return buf_append_blob(out, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

enum err settings_encode(const struct keeper_config *config, struct buf *out)
{
    uint8_t flags =
        (uint8_t)((config->intake_only ? FLAG_INTAKE_ONLY : 0) |
                  (config->require_mlock ? FLAG_REQUIRE_MLOCK : 0) |
                  (config->admin ? FLAG_ADMIN : 0) | (config->columns ? FLAG_COLUMNS : 0));

    TRY(put_text(out, config->keys_dir));
    TRY(put_text(out, config->log_key_file));
    TRY(put_text(out, config->log_name));
    TRY(put_text(out, config->state_file));
    TRY(put_text(out, config->user));
    TRY(buf_append_byte(out, flags));
    TRY(buf_append_u32(out, config->read_session_s));
    return buf_append_u32(out, config->opens_per_second);
}

enum err settings_decode(const void *body, size_t len, struct keeper_settings *out)
{
    struct reader r;
    uint8_t flags;

    reader_init(&r, body, len);
    TRY(reader_text(&r, out->keys_dir, sizeof(out->keys_dir)));
    TRY(reader_text(&r, out->log_key_file, sizeof(out->log_key_file)));
    TRY(reader_text(&r, out->log_name, sizeof(out->log_name)));
    TRY(reader_text(&r, out->state_file, sizeof(out->state_file)));
    TRY(reader_text(&r, out->user, sizeof(out->user)));
    TRY(reader_u8(&r, &flags));
    TRY(reader_u32(&r, &out->read_session_s));
    TRY(reader_u32(&r, &out->opens_per_second));
    if ((flags & ~FLAGS_ALL) != 0)
        return err_set(ERR_INVALID, "unknown flags in the keeper's settings");
    out->intake_only = (flags & FLAG_INTAKE_ONLY) != 0;
    out->require_mlock = (flags & FLAG_REQUIRE_MLOCK) != 0;
    out->admin = (flags & FLAG_ADMIN) != 0;
    out->columns = (flags & FLAG_COLUMNS) != 0;
    return reader_end(&r);
}

/* vkey (blob) | intake only[1] | signed size[8] | pid[8] | n[4] | recipients[32 * n] */
enum err info_encode(const struct keeper_info *info, struct buf *out)
{
    TRY(put_text(out, info->log_vkey));
    TRY(buf_append_byte(out, info->intake_only ? 1 : 0));
    TRY(buf_append_u64(out, info->signed_size));
    TRY(buf_append_u64(out, (uint64_t)info->pid));
    TRY(buf_append_u32(out, (uint32_t)info->n_identities));
    for (size_t i = 0; i < info->n_identities; i++)
        TRY(buf_append(out, info->recipients[i].point, X25519_SIZE));
    return ERR_OK;
}

enum err info_decode(struct reader *r, struct keeper_info *out)
{
    uint8_t intake_only;
    uint64_t pid;
    uint32_t n;

    TRY(reader_text(r, out->log_vkey, sizeof(out->log_vkey)));
    TRY(reader_u8(r, &intake_only));
    TRY(reader_u64(r, &out->signed_size));
    TRY(reader_u64(r, &pid));
    TRY(reader_u32(r, &n));
    if (n > KEEPER_IDENTITIES_MAX)
        return err_set(ERR_INVALID, "too many identities in the keeper's answer");
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *point;

        TRY(reader_bytes(r, X25519_SIZE, &point));
        memcpy(out->recipients[i].point, point, X25519_SIZE);
    }
    out->intake_only = intake_only != 0;
    out->pid = (long)pid;
    out->n_identities = n;
    return reader_end(r);
}

enum err sign_encode(const struct sign_request *q, struct buf *out)
{
    if (q->n > KEEPER_LEAVES_MAX)
        return err_set(ERR_TOO_LARGE, "more than %d leaves in one signature",
                       KEEPER_LEAVES_MAX);
    TRY(buf_append_u64(out, q->first));
    TRY(buf_append(out, q->root.bytes, MERKLE_HASH_SIZE));
    TRY(buf_append_u32(out, (uint32_t)q->n));
    return q->n == 0 ? ERR_OK : buf_append(out, q->leaves, q->n * MERKLE_HASH_SIZE);
}

enum err sign_decode(const void *body, size_t len, struct sign_request *out)
{
    struct reader r;
    const uint8_t *bytes;
    uint32_t n;

    _Static_assert(sizeof(struct merkle_hash) == MERKLE_HASH_SIZE, "hashes lie side by side");
    _Static_assert(_Alignof(struct merkle_hash) == 1, "and anywhere");
    reader_init(&r, body, len);
    TRY(reader_u64(&r, &out->first));
    TRY(reader_bytes(&r, MERKLE_HASH_SIZE, &bytes));
    memcpy(out->root.bytes, bytes, MERKLE_HASH_SIZE);
    TRY(reader_u32(&r, &n));
    if (n > KEEPER_LEAVES_MAX)
        return err_set(ERR_INVALID, "more than %d leaves in one signature", KEEPER_LEAVES_MAX);
    TRY(reader_bytes(&r, (size_t)n * MERKLE_HASH_SIZE, &bytes));
    out->leaves = (const struct merkle_hash *)bytes;
    out->n = n;
    return reader_end(&r);
}

static enum err put_case(const char *receipt, size_t receipt_len, const void *header,
                         size_t header_len, struct buf *out)
{
    if (receipt_len > RECEIPT_MAX || header_len > AGE_HEADER_MAX)
        return err_set(ERR_TOO_LARGE, "a receipt or header beyond its limit");
    TRY(buf_append_blob(out, receipt, receipt_len));
    return buf_append_blob(out, header, header_len);
}

static enum err take_case(struct reader *r, const char **receipt, size_t *receipt_len,
                          const void **header, size_t *header_len)
{
    const uint8_t *text, *head;

    TRY(reader_blob(r, RECEIPT_MAX, &text, receipt_len));
    TRY(reader_blob(r, AGE_HEADER_MAX, &head, header_len));
    *receipt = (const char *)text;
    *header = head;
    return reader_end(r);
}

enum err intake_encode(const struct intake_answer *a, struct buf *out)
{
    TRY(buf_append_byte(out, a->persistent ? 1 : 0));
    return buf_append(out, a->key, KEEPER_INTAKE_KEY_SIZE);
}

enum err intake_decode(struct reader *r, struct intake_answer *out)
{
    uint8_t persistent;

    TRY(reader_u8(r, &persistent));
    if (persistent > 1)
        return err_set(ERR_INVALID, "an intake key is persistent or not");
    TRY(reader_bytes(r, KEEPER_INTAKE_KEY_SIZE, &out->key));
    out->persistent = persistent != 0;
    return reader_end(r);
}

enum err columns_encode(const struct columns_answer *a, struct buf *out)
{
    assert(a->n <= COLUMN_KEYS_MAX);
    TRY(buf_append_byte(out, (uint8_t)a->n));
    return buf_append(out, a->masters, a->n * COLUMN_MASTER_SIZE);
}

enum err columns_decode(struct reader *r, struct columns_answer *out)
{
    uint8_t n;

    TRY(reader_u8(r, &n));
    if (n > COLUMN_KEYS_MAX)
        return err_set(ERR_INVALID, "more than %d column keys", COLUMN_KEYS_MAX);
    TRY(reader_bytes(r, (size_t)n * COLUMN_MASTER_SIZE, &out->masters));
    out->n = n;
    return reader_end(r);
}

enum err open_encode(const struct keeper_opening *o, struct buf *out)
{
    TRY(buf_append(out, o->artefact.bytes, sizeof(o->artefact.bytes)));
    TRY(buf_append(out, o->nonce, AGE_NONCE_SIZE));
    return put_case(o->receipt, o->receipt_len, o->header, o->header_len, out);
}

enum err open_decode(const void *body, size_t len, struct keeper_opening *out)
{
    struct reader r;
    const uint8_t *bytes;

    reader_init(&r, body, len);
    TRY(reader_bytes(&r, sizeof(out->artefact.bytes), &bytes));
    memcpy(out->artefact.bytes, bytes, sizeof(out->artefact.bytes));
    TRY(reader_bytes(&r, AGE_NONCE_SIZE, &bytes));
    memcpy(out->nonce, bytes, AGE_NONCE_SIZE);
    return take_case(&r, &out->receipt, &out->receipt_len, &out->header, &out->header_len);
}

enum err rewrap_encode(const struct keeper_rewrap *o, struct buf *out)
{
    uint8_t kinds = (uint8_t)((o->service != NULL ? REWRAP_SERVICE : 0) |
                              (o->recovery != NULL ? REWRAP_RECOVERY : 0) |
                              (o->plain != NULL ? REWRAP_PLAIN : 0));

    TRY(buf_append(out, o->artefact.bytes, sizeof(o->artefact.bytes)));
    TRY(buf_append_byte(out, kinds));
    if (o->service != NULL)
        TRY(buf_append(out, o->service->point, X25519_SIZE));
    if (o->recovery != NULL)
        TRY(buf_append(out, o->recovery->point, X25519_SIZE));
    if (o->plain != NULL)
        TRY(buf_append(out, o->plain->point, X25519_SIZE));
    return put_case(o->receipt, o->receipt_len, o->header, o->header_len, out);
}

static enum err take_point(struct reader *r, struct age_recipient *out)
{
    const uint8_t *point;

    TRY(reader_bytes(r, X25519_SIZE, &point));
    memcpy(out->point, point, X25519_SIZE);
    return ERR_OK;
}

enum err rewrap_decode(const void *body, size_t len, struct rewrap_request *out)
{
    struct keeper_rewrap *o = &out->order;
    struct reader r;
    const uint8_t *bytes;
    uint8_t kinds;

    *out = (struct rewrap_request){0};
    reader_init(&r, body, len);
    TRY(reader_bytes(&r, sizeof(o->artefact.bytes), &bytes));
    memcpy(o->artefact.bytes, bytes, sizeof(o->artefact.bytes));
    TRY(reader_u8(&r, &kinds));
    if (kinds != REWRAP_SERVICE && kinds != (REWRAP_SERVICE | REWRAP_RECOVERY) &&
        kinds != REWRAP_PLAIN)
        return err_set(
            ERR_INVALID,
            "a re-wrap is for a service key (and recovery), or for one plain recipient");
    TRY(take_point(&r, &out->first));
    if ((kinds & REWRAP_RECOVERY) != 0)
        TRY(take_point(&r, &out->second));
    o->service = (kinds & REWRAP_SERVICE) != 0 ? &out->first : NULL;
    o->recovery = (kinds & REWRAP_RECOVERY) != 0 ? &out->second : NULL;
    o->plain = kinds == REWRAP_PLAIN ? &out->first : NULL;
    return take_case(&r, &o->receipt, &o->receipt_len, &o->header, &o->header_len);
}
