/* Has a file changed since it was last read? Inode, size and both times decide, so that a file
 * renamed into place and one written in place are both seen. */
#ifndef GATEWAY_AUTH_FILE_STAMP_H
#define GATEWAY_AUTH_FILE_STAMP_H

#include "gateway/base/buf.h"

#include <sys/stat.h>

enum { FILE_CHECK_MS = 1000 }; /* how often the files are looked at */

struct file_stamp {
    bool known;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

/* Reads the whole file into out (at most out->max) and stamps what was read. ERR_NOT_FOUND and
 * the like from err_errno. *changed false: it is as `stamp` says, and nothing was read. */
MUST_USE enum err file_read_if_changed(const char *path, struct file_stamp *stamp,
                                       bool *changed, struct buf *out);

#endif
