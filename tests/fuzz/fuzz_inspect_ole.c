/* layer: eg_inspector */
/* Any bytes as a compound file. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_ole, "application/msword")

/* libgsf leaks directory entries of a malformed file; the examiner dies with its artefact. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libglib-2.0";
}
