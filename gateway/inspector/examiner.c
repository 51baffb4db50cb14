/* The examiner: reads one artefact to its end, or as far as it needs, and reports. It dies with
 * its report; the next artefact gets another. */
#include "gateway/inspector/family.h"
#include "gateway/inspector/roles.h"

#include <stdlib.h>
#include <unistd.h>

static struct sniffer *sniffer; /* the nursery's: its rules cannot be read once locked in */

void examiner_warm(void)
{
    if (sniffer_new(&sniffer) != ERR_OK)
        abort();
    if (FAMILY.warm != NULL)
        FAMILY.warm();
}

int examiner_run(int plain, int report, const char *declared_type)
{
    static struct verdict v;
    uint8_t bytes[VERDICT_SIZE];
    struct source s;

    source_from_pipe(&s, plain);
    examine(sniffer, &s, declared_type, &v);
    verdict_encode(&v, bytes);
    return write(report, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) ? EXIT_SUCCESS
                                                                         : EXIT_FAILURE;
}
