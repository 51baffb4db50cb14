/* PDF, by qpdf; also behind a password. */
#include "gateway/inspector/family.h"
#include "gateway/inspector/roles.h"

static const struct step_row STEPS[] = {
    {"application/pdf", step_pdf},
};

const struct family FAMILY = {FAMILY_STEPS(STEPS), .open = opener_run};
