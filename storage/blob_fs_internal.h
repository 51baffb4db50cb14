/* What the files of the file-system store share. */
#ifndef STORAGE_BLOB_FS_INTERNAL_H
#define STORAGE_BLOB_FS_INTERNAL_H

#include "storage/blob_backend.h"
#include "storage/blob_folder.h"

enum { PART_NAME_SIZE = UUID_TEXT_SIZE + 5 }; /* "<uuid>.part" */

struct fs_store {
    struct blob_store base;
    int root, objects, partial, parts;
    atomic_bool no_tmpfile, no_noreplace; /* found out once */
    struct folder_cache folders;
};

static inline struct fs_store *fs_of(struct blob_store *s)
{
    return (struct fs_store *)s;
}

struct fs_writer {
    struct blob_writer base;
    int fd;
    uint64_t written_back;
    char name[PART_NAME_SIZE]; /* in partial/ or, of a part, in parts/; "": it has none */
    bool name_durable;         /* of a part: made so by this writer */
    struct folder *folder;     /* where it was published */
};

static inline struct fs_writer *writer_of(struct blob_writer *w)
{
    return (struct fs_writer *)w;
}

/* Without a file yet. */
MUST_USE enum err blob_fs_writer_new(struct blob_store *store, const struct uuid *id,
                                     struct fs_writer **out);
/* Over what was opened (-1: errno says why not); takes the descriptor over, also on failure. */
MUST_USE enum err blob_fs_reader_new(struct blob_store *store, int fd,
                                     struct blob_reader **out);
/* Any failure is final. */
MUST_USE enum err blob_fs_fsync(int fd, const char *what);

/* storage/blob_fs_parts.c: the verbs of parts, and where a part's writer differs. */
void blob_fs_part_name(const struct uuid *id, char out[PART_NAME_SIZE]);
MUST_USE enum err blob_fs_part_begin(struct blob_store *store, const struct uuid *id,
                                     struct blob_writer **out);
MUST_USE enum err blob_fs_part_resume(struct blob_store *store, const struct uuid *id,
                                      uint64_t size, struct blob_writer **out);
MUST_USE enum err blob_fs_part_open(struct blob_store *store, const struct uuid *id,
                                    struct blob_reader **out);
MUST_USE enum err blob_fs_part_remove(struct blob_store *store, const struct uuid *id);
MUST_USE enum err blob_fs_part_flush(struct fs_store *s, struct fs_writer *w);    /* its name */
int blob_fs_part_link(struct fs_store *s, struct fs_writer *w, const char *name); /* errno */
void blob_fs_part_unlink(struct fs_store *s, struct fs_writer *w, const char *name);

/* blob_each and blob_part_each. */
MUST_USE enum err blob_fs_each(struct blob_store *store, blob_each_fn fn, void *ctx);
MUST_USE enum err blob_fs_part_each(struct blob_store *store, blob_each_fn fn, void *ctx);
/* Removes the leftovers of writers that are dead: those in partial/ whose lock is free. */
MUST_USE enum err blob_fs_sweep(struct fs_store *s);

#endif
