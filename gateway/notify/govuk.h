/* GOV.UK Notify, as its REST API is documented
 * (docs.notifications.service.gov.uk/rest-api.html).
 *
 *     POST /v2/notifications/sms     {"phone_number", "template_id", "personalisation",
 * "reference"} POST /v2/notifications/email   {"email_address", ...} POST
 * /v2/notifications/letter  {... personalisation with address_line_1 .. address_line_7} GET
 * /v2/notifications/{id}                {"id", "status", ...} GET
 * /v2/notifications?reference={ours}    {"notifications": [...]} Authorization: Bearer <JWT,
 * HS256 by the key's secret: {"iss": service id, "iat": seconds}>
 *
 * An API key reads <name>-<service id>-<secret>, both of them UUIDs. The reference is the
 * message's id: after a crash it tells whether the message went out before.
 */
#ifndef GATEWAY_NOTIFY_GOVUK_H
#define GATEWAY_NOTIFY_GOVUK_H

#include "gateway/notify/delivery.h"

struct govuk {
    const char *url; /* "https://api.notifications.service.gov.uk" */
    char service[UUID_TEXT_SIZE];
    const struct secret *key; /* the whole API key */
    struct delivery_way way;
};
/* ERR_INVALID: not an API key. */
MUST_USE enum err govuk_key_check(const struct secret *key, char service[UUID_TEXT_SIZE]);

/* DELIVERY_DONE fills provider_id. */
MUST_USE enum err govuk_send(const struct govuk *g, const struct message_record *m,
                             const char *template_id, const char *address,
                             const struct message_words *words, struct delivery *out);
/* Whether they have it by our reference. DELIVERY_DONE with provider_id "": they do not. */
MUST_USE enum err govuk_find(const struct govuk *g, const struct uuid *reference,
                             struct delivery *out);
/* DELIVERY_DONE: detail is the status they tell. */
MUST_USE enum err govuk_status(const struct govuk *g, const char *provider_id,
                               struct delivery *out);
enum govuk_fate { GOVUK_UNDER_WAY, GOVUK_DELIVERED, GOVUK_FAILED };
enum govuk_fate govuk_fate_of(const char *status);

/* For the tests: the token at a time. */
MUST_USE enum err govuk_token(const struct govuk *g, int64_t seconds, struct buf *out);

#endif
