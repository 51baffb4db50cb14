/* What the tests of the file-system store reach for beyond storage/blob.h. */
#ifndef STORAGE_BLOB_FS_H
#define STORAGE_BLOB_FS_H

#include "storage/blob.h"

/* Pretends that this kernel or file system lacks something, so that the way around it is taken.
 */
enum blob_fs_lack {
    BLOB_FS_NO_TMPFILE = 1,   /* O_TMPFILE */
    BLOB_FS_NO_OPENAT2 = 2,   /* openat2 */
    BLOB_FS_NO_NOREPLACE = 4, /* renameat2 with RENAME_NOREPLACE */
};
void blob_fs_pretend(struct blob_store *s, unsigned lacks);

#endif
