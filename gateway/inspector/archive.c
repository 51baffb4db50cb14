/* Archives as such: their members are counted and inflated, nothing more. */
#include "gateway/inspector/members.h"

enum err step_archive(struct source *s, struct verdict *v)
{
    struct members m = {.n = 0};
    const uint8_t *data;
    size_t len;

    TRY(source_hold(s, MEMBERS_HELD_MAX, &data, &len));
    TRY(members_walk(&m, data, len, 0));
    if (!members_judge(&m, v))
        v->flags |= INSPECT_EMBEDDED_FILES;
    return ERR_OK;
}
