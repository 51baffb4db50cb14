/* layer: eg_inspector */
/* Any bytes as a PDF. */
#include "tests/fuzz/inspect_step.h"

FUZZ_STEP(step_pdf, "application/pdf")
