/* layer: eg_inspector */
/* Any bytes as audio: the first chooses the container. */
#include "tests/fuzz/inspect_step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg",
                                        "audio/mp4"};

    if (size > 0)
        run_step(step_audio, types[data[0] % ARRAY_LEN(types)], data + 1, size - 1);
    return 0;
}
