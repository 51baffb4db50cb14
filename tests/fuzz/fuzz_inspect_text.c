/* layer: eg_inspector */
/* Any bytes as letters, and as JSON. */
#include "tests/fuzz/inspect_step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_step(step_text, "text/plain", data, size);
    run_step(step_json, "application/json", data, size);
    return 0;
}
