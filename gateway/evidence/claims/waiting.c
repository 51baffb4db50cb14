/* Put together from the pure parts (deadline.h) and the records. Invariant: the clock's row is
 * written in the same commit as the claim's, so that lists by age miss none. */
#include "gateway/evidence/claims/waiting.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"

#include <stdio.h>
#include <string.h>

static bool permits(const struct principal *p, enum action action, uint32_t relations)
{
    struct access access = {
        .action = action, .relations = relations, .status = PERMISSION_NO_ARTEFACT};
    return permission_check(p, &access, NULL, NULL) == PERMIT;
}

static enum err clock_of(struct db *db, const struct claim_record *claim,
                         struct claim_clock *out)
{
    enum err found = claim_clock_find(db, &claim->id, out);
    if (found == ERR_NOT_FOUND)
        *out = (struct claim_clock){.claim = claim->id, .started_at = claim->created_at};
    return found == ERR_NOT_FOUND ? ERR_OK : found;
}

enum err waiting_fill(struct evidence *ev, struct db *db, const struct claim_record *claim,
                      const struct principal *p, uint32_t relations, struct claim_waiting *out)
{
    struct claim_clock clock;
    memset(out, 0, sizeof(*out));
    out->counted = permits(p, ACTION_REQUEST_READ, relations);
    out->aged = permits(p, ACTION_CLAIM_AGE, relations);
    out->kept = permits(p, ACTION_LEASE_TAKE, relations);
    if (out->counted)
        TRY(asking_count(db, &claim->id, p, relations, &out->counts));
    TRY(clock_of(db, claim, &clock));
    if (clock.ended_at == 0 && deadline_stage_ends(&ev->config.deadlines, claim->stage))
        clock.ended_at = claim->updated_at; /* before there were clocks, or other settings */
    memcpy(out->nation, clock.nation, sizeof(out->nation));
    deadline_age(ev->parts.calendar, &ev->config.deadlines, &clock, clock_now(), &out->age);
    return out->kept ? lease_look(db, &claim->id, p, relations, &out->lease) : ERR_OK;
}

enum err waiting_clock(struct evidence *ev, struct db *db, const struct claim_record *claim,
                       const char *nation)
{
    struct claim_clock clock;
    TRY(clock_of(db, claim, &clock));
    bool ends = deadline_stage_ends(&ev->config.deadlines, claim->stage);
    clock.special_rules = claim->special_rules;
    if (!ends)
        clock.ended_at = 0;
    else if (clock.ended_at == 0)
        clock.ended_at = clock_now();
    if (nation)
        (void)snprintf(clock.nation, sizeof(clock.nation), "%s", nation);
    return claim_clock_put(db, &clock);
}

int64_t waiting_since(struct evidence *ev)
{
    return deadline_ageing_since(ev->parts.calendar, &ev->config.deadlines, clock_now());
}

enum err waiting_opened(struct db *db, const struct uuid *artefact, enum role role)
{
    struct artefact_opened o = {.at = clock_now()};
    if (role != ROLE_ASSESSOR && role != ROLE_CASE_MANAGER)
        return ERR_OK;
    (void)snprintf(o.role, sizeof(o.role), "%s", role_name(role));
    return artefact_opened_note(db, artefact, &o);
}

enum err waiting_aim(struct evidence *ev, struct db *db, const struct artefact_record *a,
                     struct artefact_times *out)
{
    struct assessment_record assessment;
    if (strcmp(a->kind, "assessment_report") != 0 || uuid_is_nil(&a->assessment))
        return ERR_OK;
    TRY(assessment_find(db, &a->assessment, &assessment));
    if (assessment.scheduled_at == 0)
        return ERR_OK;
    out->aim = assessment.scheduled_at + ev->config.deadlines.aim_s * MICROS_PER_SECOND;
    out->within_aim = a->received_at <= out->aim;
    return ERR_OK;
}

enum err waiting_times(struct db *db, const struct uuid *artefact, struct artefact_times *out)
{
    TRY(artefact_available_find(db, artefact, &out->available_at));
    return artefact_opened_list(db, artefact, out->opened, &out->n_opened);
}
