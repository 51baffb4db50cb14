/* How long a claim has been here, and by when what is asked for is due: pure, on working days
 * (calendar.h). Every threshold is a setting.
 *
 * A claim's clock starts when it is registered and stops when its stage is one of those that
 * end it. The day of the start does not count. A due date is over when its day is over in
 * London.
 */
#ifndef GATEWAY_EVIDENCE_CLAIMS_DEADLINE_H
#define GATEWAY_EVIDENCE_CLAIMS_DEADLINE_H

#include "gateway/evidence/claims/calendar.h"
#include "storage/record_requests.h"

struct deadline_policy {
    enum nation nation;       /* of claims that name none */
    unsigned aim_s;           /* from an assessment to its report */
    unsigned contract_days;   /* working days from registration */
    unsigned ageing_days;     /* past so many the claim is ageing ... */
    bool ageing_working;      /* ... working days, else calendar days */
    const char *ended_stages; /* words with a space between */
    unsigned lease_max_s;
    unsigned soon_days; /* working days before a due date that it is told of */
};

struct claim_age {
    enum nation nation;
    int32_t days, working_days; /* until now, or until it ended */
    int64_t due;                /* the end of the contract's last working day */
    bool ended, overdue, ageing;
    bool known; /* the bank holidays of all these days are */
};
void deadline_age(const struct calendar *c, const struct deadline_policy *p,
                  const struct claim_clock *clock, int64_t now, struct claim_age *out);
/* Clocks that started before this instant may be ageing, by whatever nation's calendar; those
 * that started at it or later cannot. */
int64_t deadline_ageing_since(const struct calendar *c, const struct deadline_policy *p,
                              int64_t now);
/* Working days from today to the day of `due`: 0 today, negative behind it. */
int32_t deadline_left(const struct calendar *c, enum nation n, int64_t due, int64_t now);
/* What is due before this instant is due soon. */
int64_t deadline_soon(const struct calendar *c, const struct deadline_policy *p, enum nation n,
                      int64_t now);
bool deadline_stage_ends(const struct deadline_policy *p, const char *stage);
enum nation deadline_nation(const struct deadline_policy *p, const char *name);

#endif
