/* Pictures, but for HEIC, whose libraries are larger than those of all others. */
#include "gateway/inspector/family.h"

static const struct step_row STEPS[] = {
    {"image/jpeg", step_jpeg}, {"image/png", step_png},   {"image/gif", step_gif},
    {"image/webp", step_webp}, {"image/tiff", step_tiff},
};

const struct family FAMILY = {FAMILY_STEPS(STEPS)};
