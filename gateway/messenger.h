/* Wires the outbox to who sends it: settings to gateway/notify/, its templates to the policy of
 * gateway/evidence/claims/telling.h, and the domain's word on who may be told to the sender. */
#ifndef GATEWAY_MESSENGER_H
#define GATEWAY_MESSENGER_H

#include "config/config.h"
#include "gateway/evidence/evidence.h"
#include "gateway/notify/notify.h"

/* Secrets are read: before the front confines itself. */
MUST_USE enum err messenger_new(const struct config *c, struct notify **out);
/* What is worth writing to the outbox. */
void messenger_policy(const struct notify *n, struct telling_policy *out);
MUST_USE enum err messenger_start(struct notify *n, struct db_pool *db,
                                  struct committer *committer);

#endif
