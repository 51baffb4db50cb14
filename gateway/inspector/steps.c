/* What every step ends with. */
#include "gateway/inspector/steps.h"

#include <string.h>

enum err conclude(struct verdict *v, enum inspect_outcome outcome, enum inspect_reason reason)
{
    v->outcome = outcome;
    v->reason = reason;
    return ERR_OK;
}

void set_type(struct verdict *v, const char *type)
{
    verdict_text(v->type, sizeof(v->type), type, strlen(type));
}
