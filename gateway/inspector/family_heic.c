/* HEIC, by libheif. */
#include "gateway/inspector/family.h"

#include <libheif/heif.h>

static const struct step_row STEPS[] = {
    {"image/heic", step_heic},
};

static void warm(void)
{
    (void)heif_init(NULL);
}

const struct family FAMILY = {FAMILY_STEPS(STEPS), .warm = warm};
