/* What the files of the file-system store share. */
#ifndef STORAGE_BLOB_FS_INTERNAL_H
#define STORAGE_BLOB_FS_INTERNAL_H

#include "storage/blob_backend.h"
#include "storage/blob_folder.h"

struct fs_store {
    struct blob_store base;
    int root, objects, partial;
    atomic_bool no_tmpfile, no_noreplace; /* found out once */
    struct folder_cache folders;
};

static inline struct fs_store *fs_of(struct blob_store *s)
{
    return (struct fs_store *)s;
}

/* blob_each. */
MUST_USE enum err blob_fs_each(struct blob_store *store,
                               enum err (*fn)(void *ctx, const struct uuid *id, uint64_t size,
                                              int64_t mtime),
                               void *ctx);
/* Removes the leftovers of writers that are dead: those in partial/ whose lock is free. */
MUST_USE enum err blob_fs_sweep(struct fs_store *s);

#endif
