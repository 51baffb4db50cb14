/* layer: eg_inspector */
/* Any bytes as a PDF that a password may open. */
#include "gateway/inspector/opener.h"
#include "tests/fuzz/inspect_step.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int nowhere = -1;
    AUTO_CLEAR(source_clear) struct source s;
    enum opened said;

    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    source_from_memory(&s, data, size);
    said = open_locked(&s, "p\xc3\xa4ss", nowhere);
    if (said != OPENED_WHOLE && said != OPENED_WRONG_PASSWORD && said != OPENED_TROUBLE)
        abort();
    return 0;
}
