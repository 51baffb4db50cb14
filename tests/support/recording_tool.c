/* Prints docs/recording.md from the tables in the code. */
#include "gateway/evidence/recording/recording.h"

#include <stdio.h>

enum { PAGE_MAX_BYTES = 64 * 1024 };

int main(void)
{
    AUTO_CLEAR(buf_clear) struct buf page;
    buf_init(&page, PAGE_MAX_BYTES);
    if (recording_print(&page) != ERR_OK)
        return 1;
    return fwrite(page.data, 1, page.len, stdout) == page.len ? 0 : 1;
}
