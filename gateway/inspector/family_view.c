/* Whatever is drawn anew. It has libraries for everything, and fonts. */
#include "gateway/inspector/family.h"
#include "gateway/inspector/roles.h"
#include "gateway/inspector/warm.h"

const struct family FAMILY = {.warm = warm_libraries, .render = renderer_run};
