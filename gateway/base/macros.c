/* The two clean-up functions that every layer uses. Both keep errno, because they run on the
 * way out of a function whose caller may still look at it. */
#include "gateway/base/macros.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fd_close_auto(int *fd)
{
    int kept = errno;

    if (*fd >= 0)
        (void)close(*fd); /* never retried: Linux frees the number even on EINTR */
    *fd = -1;
    errno = kept;
}

void heap_free_auto(void *p)
{
    int kept = errno;
    void *heap;

    memcpy(&heap, p, sizeof(heap)); /* p is some T **: no aliasing through void ** */
    free(heap);
    errno = kept;
}
