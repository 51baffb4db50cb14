/* They stay open, so that their tables stay. */
#include "gateway/inspector/characters.h"

#include <iconv.h>
#include <locale.h>
#include <stddef.h>

void warm_characters(void)
{
    static const char *const sets[] = {"UTF-16LE", "UTF-16BE", "CP1252", "ISO-8859-1", "CP437"};
    static volatile iconv_t open[sizeof(sets) / sizeof(sets[0])];

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        open[i] = iconv_open("UTF-8", sets[i]);
    (void)open[0];
}
