/* All of it is arithmetic on days; instants come in at the edges alone. */
#include "gateway/evidence/claims/deadline.h"

#include "gateway/base/clock.h"

#include <string.h>

enum nation deadline_nation(const struct deadline_policy *p, const char *name)
{
    enum nation n = p->nation;
    if (*name && nation_parse(name, &n) != ERR_OK)
        n = p->nation; /* one that is no more */
    return n;
}

bool deadline_stage_ends(const struct deadline_policy *p, const char *stage)
{
    size_t len = strlen(stage);
    for (const char *word = p->ended_stages; len > 0 && word && *word;) {
        size_t n = strcspn(word, " ");
        if (n == len && memcmp(word, stage, len) == 0)
            return true;
        word += n + (word[n] == ' ');
    }
    return false;
}

void deadline_age(const struct calendar *c, const struct deadline_policy *p,
                  const struct claim_clock *clock, int64_t now, struct claim_age *out)
{
    int64_t end = clock->ended_at != 0 ? clock->ended_at : now;
    int32_t first = day_of(clock->started_at), last = day_of(end);
    enum nation n = deadline_nation(p, clock->nation);
    int32_t due = calendar_add(c, n, first, p->contract_days);
    int32_t limit = (int32_t)p->ageing_days;
    out->nation = n;
    out->days = last - first;
    out->working_days = calendar_between(c, n, first, last);
    out->due = day_begins(due + 1);
    out->ended = clock->ended_at != 0;
    out->overdue = end >= out->due;
    out->ageing = !out->ended && (p->ageing_working ? out->working_days : out->days) > limit;
    out->known = calendar_knows(c, n, first) && calendar_knows(c, n, last > due ? last : due);
}

/* The day itself is asked of each nation: the latest one lets no ageing claim out. */
int64_t deadline_ageing_since(const struct calendar *c, const struct deadline_policy *p,
                              int64_t now)
{
    int32_t today = day_of(now), limit = (int32_t)p->ageing_days, latest = 0;
    if (!p->ageing_working)
        return day_begins(today - limit);
    for (unsigned n = 0; n < NATION_COUNT; n++) {
        int32_t day = today - limit;
        while (calendar_between(c, (enum nation)n, day, today) <= limit)
            day--;
        latest = day > latest ? day : latest;
    }
    return day_begins(latest + 1);
}

int32_t deadline_left(const struct calendar *c, enum nation n, int64_t due, int64_t now)
{
    /* The end of a day is the beginning of the next: it belongs to the day before. */
    return calendar_between(c, n, day_of(now), day_of(due - 1));
}

int64_t deadline_soon(const struct calendar *c, const struct deadline_policy *p, enum nation n,
                      int64_t now)
{
    return day_begins(calendar_add(c, n, day_of(now), p->soon_days) + 1) + 1;
}
