/* The first program: starts the others, and does what needs no library of its own. */
#include "gateway/inspector/family.h"

#include <jansson.h>

static const struct step_row STEPS[] = {
    {"text/plain", step_text},
    {"application/json", step_json},
};

static void warm(void)
{
    json_object_seed(0);
}

const struct family FAMILY = {FAMILY_STEPS(STEPS), .warm = warm, .routes = true};
