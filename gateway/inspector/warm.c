/* Everything that a library would open a file for, once locked in, it opens here. */
#include "gateway/inspector/warm.h"

#include <jansson.h>
#include <locale.h>
#include <time.h>

void warm_libraries(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    tzset();
    json_object_seed(0);
}
