/* The auditor's questions to the log. Each answer is an entry itself: "audit.read", with what
 * was asked and how much was shown, durable before the answer leaves. */
#ifndef GATEWAY_EVIDENCE_LOG_AUDIT_H
#define GATEWAY_EVIDENCE_LOG_AUDIT_H

#include "gateway/evidence/evidence.h"
#include "storage/record_audit.h"

enum { AUDIT_PAGE_MAX = 200 };

struct audit_question {
    struct ledger_filter filter;
    const struct audit_place *after; /* NULL: from the start */
    size_t limit;                    /* 1 to AUDIT_PAGE_MAX */
};
/* `out` has room for `limit`; each of the *n is cleared by the caller. *more: there are others
 * behind them. REFUSAL_NOT_PERMITTED */
MUST_USE enum err audit_ask(struct evidence *ev, const struct principal *p,
                            const struct audit_question *q, struct ledger_entry *out, size_t *n,
                            bool *more);

#endif
