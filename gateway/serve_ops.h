/* What /readyz asks and /metrics tells: the parts of a running gateway as checks and gauges. */
#ifndef GATEWAY_SERVE_OPS_H
#define GATEWAY_SERVE_OPS_H

#include "gateway/auth/authenticate.h"
#include "gateway/evidence/evidence.h"
#include "gateway/notify/notify.h"
#include "gateway/routes/ops.h"

struct serve_sources { /* borrowed */
    struct evidence *evidence;
    struct authenticator *auth;
    struct ledger *ledger;
    struct committer *committer;
    struct db_pool *db;
    struct keeper *keeper;
    struct inspectors *inspectors; /* NULL: inspection is off */
    struct notify *notify;
    struct http_server *server;
};
void serve_ops_fill(struct ops *ops, struct serve_sources *sources,
                    struct request_metrics *requests);

#endif
