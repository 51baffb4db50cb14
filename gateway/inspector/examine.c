/* Which step for which type, and what becomes of its answer. Invariant: whatever a step did to
 * the verdict, it is a valid one when it leaves here. */
#include "gateway/inspector/family.h"

#include <string.h>

step_run *step_for(const char *type)
{
    for (size_t i = 0; i < FAMILY.n_steps; i++) {
        if (strcmp(type, FAMILY.steps[i].type) == 0)
            return FAMILY.steps[i].run;
    }
    return NULL;
}

static void conclude_error(struct verdict *v, enum err e)
{
    enum inspect_reason reason = REASON_EXAMINER_DIED;

    if (e == ERR_TOO_LARGE)
        reason = REASON_TOO_LARGE;
    else if (e == ERR_NOMEM)
        reason = REASON_MEMORY;
    else if (e == ERR_REFUSED)
        reason = REASON_BOUNDS;
    (void)conclude(v, INSPECT_COULD_NOT_SCAN, reason);
}

/* A file of another type than was said is refused, unless it is refused for a reason that says
 * more: a document with a password cannot be told from others of its container. */
static void compare_type(const char *declared, struct verdict *v)
{
    if (strcmp(declared, v->type) != 0 &&
        (v->outcome == INSPECT_CLEAN || v->outcome == INSPECT_UNREADABLE))
        (void)conclude(v, INSPECT_TYPE_MISMATCH, REASON_NONE);
}

/* Numbers that a parser read from the file and that cannot be meant. */
static void bound(struct verdict *v)
{
    struct verdict again = {.outcome = v->outcome, .reason = v->reason, .flags = v->flags};

    if (verdict_is_valid(v))
        return;
    set_type(&again, v->type);
    *v = again;
    if (!verdict_is_valid(v))
        *v = (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN, .reason = REASON_BOUNDS};
}

void examine(struct sniffer *sniffer, struct source *s, const char *declared_type,
             struct verdict *v)
{
    char type[SNIFF_TYPE_MAX + 1];
    const uint8_t *head;
    size_t len;
    step_run *run;
    enum err e;

    *v = (struct verdict){.outcome = INSPECT_CLEAN};
    e = source_peek(s, &head, &len);
    if (e == ERR_OK)
        e = sniff_type(sniffer, head, len, type);
    if (e == ERR_OK) {
        set_type(v, type);
        run = step_for(type);
        if (run != NULL)
            e = run(s, v);
        else if (strcmp(type, declared_type) == 0)
            (void)conclude(v, INSPECT_COULD_NOT_SCAN, REASON_NO_STEP);
    }
    if (e != ERR_OK)
        conclude_error(v, e);
    else
        compare_type(declared_type, v);
    bound(v);
}
