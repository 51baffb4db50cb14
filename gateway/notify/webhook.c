#include "gateway/notify/webhook.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 4096, HEADER_MAX = 256 };

enum err webhook_signature(const struct secret *secret, int64_t seconds, const char *body,
                           size_t len, char out[WEBHOOK_SIGNATURE_MAX])
{
    AUTO_CLEAR(buf_clear) struct buf signed_part;
    uint8_t mac[SHA256_SIZE];
    char hex[HEX_SIZE(SHA256_SIZE)];
    buf_init(&signed_part, BODY_MAX);
    TRY(buf_printf(&signed_part, "%" PRId64 ".", seconds));
    TRY(buf_append(&signed_part, body, len));
    TRY(hmac_sha256(secret->bytes, secret->len, signed_part.data, signed_part.len, mac));
    hex_encode(mac, sizeof(mac), hex);
    (void)snprintf(out, WEBHOOK_SIGNATURE_MAX, "t=%" PRId64 ",v1=%s", seconds, hex);
    return ERR_OK;
}

static void put_id(json_t *o, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_put_text(o, name, text);
}

static enum err body_of(const struct message_record *m, char **out, size_t *len)
{
    AUTO(json_free) json_t *o = json_object();
    put_id(o, "id", &m->id);
    json_put_text(o, "event", message_event_name(m->event));
    put_id(o, "claim", &m->claim);
    put_id(o, "about", &m->about);
    json_put_time(o, "occurred_at", m->occurred_at);
    if (m->due != 0)
        json_put_time(o, "due", m->due);
    return json_text(o, out, len);
}

enum err webhook_send(const struct webhook *w, const struct message_record *m,
                      struct delivery *out)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    AUTO_FREE char *body = NULL;
    char id[UUID_TEXT_SIZE], mark[WEBHOOK_SIGNATURE_MAX], key[HEADER_MAX], sign[HEADER_MAX];
    size_t len = 0;
    buf_init(&answer, DELIVERY_ANSWER_MAX);
    TRY(body_of(m, &body, &len));
    TRY(webhook_signature(w->secret, clock_now_seconds(), body, len, mark));
    uuid_format(&m->id, id);
    (void)snprintf(key, sizeof(key), "Idempotency-Key: %s", id);
    (void)snprintf(sign, sizeof(sign), "Evidence-Gateway-Signature: %s", mark);
    const char *headers[] = {"Content-Type: application/json", key, sign, NULL};
    struct http_fetch fetch = {
        .method = "POST", .url = w->url, .headers = headers, .body = body, .body_len = len};
    delivery_call(&w->way, &fetch, &answer, out);
    return ERR_OK;
}
