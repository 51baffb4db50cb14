/* layer: eg_inspect */
/* Any bytes as a verdict, as clamd's answer and as its version: refused, or something that is
 * valid and has one form. */
#include "gateway/inspect/clamd_reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[VERDICT_SIZE];
    struct clamd_about about;
    struct verdict v, judged = {.outcome = INSPECT_NONE};

    if (verdict_decode(data, size, &v) == ERR_OK) {
        verdict_encode(&v, again);
        if (size != sizeof(again) || memcmp(data, again, size) != 0)
            abort();
    } else if (v.outcome != INSPECT_NONE) {
        abort();
    }
    clamd_judge((const char *)data, size, &judged);
    if (judged.outcome == INSPECT_CLEAN && (size != 11 || memcmp(data, "stream: OK", 11) != 0))
        abort();
    memcpy(judged.type, "text/plain", 11);
    if (!verdict_is_valid(&judged))
        abort();
    if (clamd_version_parse((const char *)data, size, &about) != ERR_OK)
        return 0;
    return strnlen(about.engine, sizeof(about.engine)) < sizeof(about.engine) ? 0 : (abort(), 0);
}
