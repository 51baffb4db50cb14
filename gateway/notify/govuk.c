/* Invariant: of what they answer nothing is kept but an id, a status and the name of an error,
 * each checked: an error's message may repeat an address. */
#include "gateway/notify/govuk.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ID_LEN = UUID_TEXT_SIZE - 1,
    TOKEN_MAX = 1024,
    HEADER_MAX = TOKEN_MAX + 64,
    LETTER_LINES = 7,
};

/* --- the token ---------------------------------------------------------------------------- */

/* <name>-<service id>-<secret>, read from its end: the name may have hyphens, too. */
enum err govuk_key_check(const struct secret *key, char service[UUID_TEXT_SIZE])
{
    struct uuid id;
    const char *text = (const char *)key->bytes;
    size_t tail = (size_t)ID_LEN * 2 + 1;
    if (key->len <= tail || text[key->len - ID_LEN - 1] != '-' ||
        text[key->len - tail - 1] != '-')
        return err_set(ERR_INVALID, "not an API key of GOV.UK Notify");
    memcpy(service, text + key->len - tail, ID_LEN);
    service[ID_LEN] = 0;
    return uuid_parse(service, &id) == ERR_OK
               ? ERR_OK
               : err_set(ERR_INVALID, "not an API key of GOV.UK Notify");
}

static enum err append_base64url(struct buf *out, const void *data, size_t len)
{
    char text[TOKEN_MAX];
    assert(len <= TOKEN_MAX / 2);
    (void)base64_encode(BASE64_URL_UNPADDED, data, len, text);
    return buf_append_str(out, text);
}

enum err govuk_token(const struct govuk *g, int64_t seconds, struct buf *out)
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";
    char claims[128];
    uint8_t mac[SHA256_SIZE];
    const uint8_t *secret = g->key->bytes + g->key->len - ID_LEN;
    int n = snprintf(claims, sizeof(claims), "{\"iss\":\"%s\",\"iat\":%" PRId64 "}", g->service,
                     seconds);
    TRY(append_base64url(out, header, sizeof(header) - 1));
    TRY(buf_append_str(out, "."));
    TRY(append_base64url(out, claims, (size_t)n));
    TRY(hmac_sha256(secret, ID_LEN, out->data, out->len, mac));
    TRY(buf_append_str(out, "."));
    return append_base64url(out, mac, sizeof(mac));
}

/* --- calls -------------------------------------------------------------------------------- */

static enum err call(const struct govuk *g, const char *method, const char *path,
                     const char *body, size_t len, struct buf *answer, struct delivery *out)
{
    AUTO_CLEAR(buf_clear) struct buf token;
    char url[DELIVERY_URL_MAX], header[HEADER_MAX];
    const char *headers[] = {header, "Content-Type: application/json", NULL};
    buf_init(&token, TOKEN_MAX);
    memset(out, 0, sizeof(*out));
    TRY(govuk_token(g, clock_now_seconds(), &token));
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s", buf_text(&token));
    if ((size_t)snprintf(url, sizeof(url), "%s%s", g->url, path) >= sizeof(url))
        return err_set(ERR_TOO_LARGE, "a URL");
    struct http_fetch fetch = {
        .method = method, .url = url, .headers = headers, .body = body, .body_len = len};
    delivery_call(&g->way, &fetch, answer, out);
    sodium_memzero(header, sizeof(header));
    return ERR_OK;
}

/* Letters, digits and hyphens: an id, a status or the name of an error. */
static bool is_word(const char *text, size_t max)
{
    size_t n = 0;
    for (; text && text[n]; n++) {
        if (n == max || !(isalnum((unsigned char)text[n]) || text[n] == '-'))
            return false;
    }
    return n > 0;
}

static void take_word(const json_t *object, const char *name, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(object, name));
    out[0] = 0;
    if (is_word(text, cap - 1))
        memcpy(out, text, strlen(text) + 1);
}

/* {"status_code": 400, "errors": [{"error": "BadRequestError", "message": "..."}]} */
static void take_error(const struct buf *answer, struct delivery *out)
{
    AUTO(json_free) json_t *told = NULL;
    char word[SHORT_TEXT_MAX + 1], status[MESSAGE_DETAIL_MAX + 1];
    if (json_parse(answer->data, answer->len, &told) != ERR_OK)
        return;
    take_word(json_array_get(json_object_get(told, "errors"), 0), "error", word, sizeof(word));
    memcpy(status, out->detail, sizeof(status));
    if (word[0])
        (void)snprintf(out->detail, sizeof(out->detail), "%.30s %.40s", status, word);
}

static void put_address(json_t *body, json_t *words, const struct message_record *m,
                        const char *address)
{
    if (m->channel == MESSAGE_SMS)
        json_put_text(body, "phone_number", address);
    if (m->channel == MESSAGE_EMAIL)
        json_put_text(body, "email_address", address);
    if (m->channel != MESSAGE_LETTER)
        return;
    for (int i = 1; i <= LETTER_LINES && *address; i++) {
        char name[32], line[ADDRESS_MAX + 1];
        size_t len = strcspn(address, "\n");
        (void)snprintf(name, sizeof(name), "address_line_%d", i);
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, address);
        json_put_text(words, name, line);
        address += len + (address[len] == '\n');
    }
}

static enum err body_of(const struct message_record *m, const char *template_id,
                        const char *address, const struct message_words *words, char **out,
                        size_t *len)
{
    AUTO(json_free) json_t *body = json_object();
    json_t *personal = json_object();
    char reference[UUID_TEXT_SIZE];
    uuid_format(&m->id, reference);
    json_put_text(personal, "claim", words->claim);
    json_put_text(personal, "date", words->date);
    json_put_text_if(personal, "due", words->due);
    put_address(body, personal, m, address);
    json_put_text(body, "template_id", template_id);
    json_put(body, "personalisation", personal);
    json_put_text(body, "reference", reference);
    return json_text(body, out, len);
}

enum err govuk_send(const struct govuk *g, const struct message_record *m,
                    const char *template_id, const char *address,
                    const struct message_words *words, struct delivery *out)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    AUTO_FREE char *body = NULL;
    AUTO(json_free) json_t *told = NULL;
    char path[64];
    size_t len = 0;
    assert(m->channel != MESSAGE_WEBHOOK);
    buf_init(&answer, DELIVERY_ANSWER_MAX);
    (void)snprintf(path, sizeof(path), "/v2/notifications/%s",
                   message_channel_name(m->channel));
    TRY(body_of(m, template_id, address, words, &body, &len));
    enum err e = call(g, "POST", path, body, len, &answer, out);
    sodium_memzero(body, len); /* the address */
    TRY(e);
    if (out->outcome != DELIVERY_DONE) {
        take_error(&answer, out);
        return ERR_OK;
    }
    if (json_parse(answer.data, answer.len, &told) == ERR_OK)
        take_word(told, "id", out->provider_id, sizeof(out->provider_id));
    return ERR_OK;
}

enum err govuk_find(const struct govuk *g, const struct uuid *reference, struct delivery *out)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    AUTO(json_free) json_t *told = NULL;
    char path[128], id[UUID_TEXT_SIZE];
    buf_init(&answer, DELIVERY_ANSWER_MAX);
    uuid_format(reference, id);
    (void)snprintf(path, sizeof(path), "/v2/notifications?reference=%s", id);
    TRY(call(g, "GET", path, NULL, 0, &answer, out));
    if (out->outcome == DELIVERY_DONE && json_parse(answer.data, answer.len, &told) == ERR_OK)
        take_word(json_array_get(json_object_get(told, "notifications"), 0), "id",
                  out->provider_id, sizeof(out->provider_id));
    return ERR_OK;
}

enum err govuk_status(const struct govuk *g, const char *provider_id, struct delivery *out)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    AUTO(json_free) json_t *told = NULL;
    char path[128];
    buf_init(&answer, DELIVERY_ANSWER_MAX);
    (void)snprintf(path, sizeof(path), "/v2/notifications/%s", provider_id);
    TRY(call(g, "GET", path, NULL, 0, &answer, out));
    if (out->outcome != DELIVERY_DONE)
        return ERR_OK;
    out->detail[0] = 0;
    if (json_parse(answer.data, answer.len, &told) == ERR_OK)
        take_word(told, "status", out->detail, sizeof(out->detail));
    return ERR_OK;
}

enum govuk_fate govuk_fate_of(const char *status)
{
    static const struct {
        const char *status;
        enum govuk_fate fate;
    } FATES[] = {
        {"delivered", GOVUK_DELIVERED},      {"received", GOVUK_DELIVERED}, /* a letter */
        {"permanent-failure", GOVUK_FAILED}, {"temporary-failure", GOVUK_FAILED},
        {"technical-failure", GOVUK_FAILED}, {"validation-failed", GOVUK_FAILED},
        {"virus-scan-failed", GOVUK_FAILED}, {"cancelled", GOVUK_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(FATES); i++) {
        if (strcmp(FATES[i].status, status) == 0)
            return FATES[i].fate;
    }
    return GOVUK_UNDER_WAY; /* created, sending, pending, sent, accepted, pending-virus-check */
}
