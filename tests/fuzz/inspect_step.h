/* One step over any bytes, as the examiner runs it but for the sandbox: whatever they are, what
 * comes of them is a valid verdict, and the step does not fail in a way that it may not. */
#ifndef TESTS_FUZZ_INSPECT_STEP_H
#define TESTS_FUZZ_INSPECT_STEP_H

#include "gateway/inspector/steps.h"
#include "gateway/inspector/warm.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The libraries ask for what a file says, and take no for an answer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=2048";
}

static inline void run_step(step_run *step, const char *type, const uint8_t *data, size_t size)
{
    AUTO_CLEAR(source_clear) struct source s;
    struct verdict v = {.outcome = INSPECT_CLEAN};
    static bool warmed;
    const uint8_t *head;
    size_t len;
    uint8_t bytes[VERDICT_SIZE];

    if (!warmed)
        warm_steps();
    warmed = true;
    source_from_memory(&s, data, size);
    set_type(&v, type);
    if (source_peek(&s, &head, &len) != ERR_OK)
        abort();
    if (step(&s, &v) != ERR_OK)
        return;
    if (v.outcome == INSPECT_VIRUS || v.virus[0] != '\0')
        abort();
    if (verdict_is_valid(&v))
        verdict_encode(&v, bytes);
}

#define FUZZ_STEP(step, type)                                                                  \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                               \
    {                                                                                          \
        run_step((step), (type), data, size);                                                  \
        return 0;                                                                              \
    }

#endif
