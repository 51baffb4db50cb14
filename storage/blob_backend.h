/* What a kind of blob store has to offer: the verbs behind storage/blob.h, for the files of
 * storage/ that are one.
 *
 * The states of a writer are kept in blob.c, for every backend alike:
 *
 *     WRITING --flush--> FLUSHED --publish--> PUBLISHED --discard--> GONE
 *        |                  |  \--discard--> GONE
 *        +------------------+----- a failed verb ---> FAILED --discard--> GONE
 *
 * A publish that found the name taken (ERR_EXISTS) leaves it FAILED: what stands under the name
 * is not ours to discard. A part also goes from FLUSHED back to WRITING, by blob_append.
 */
#ifndef STORAGE_BLOB_BACKEND_H
#define STORAGE_BLOB_BACKEND_H

#include "storage/blob.h"

struct blob_backend;

struct blob_store { /* each is the first member of the backend's own struct */
    const struct blob_backend *backend;
};

enum blob_state { BLOB_WRITING, BLOB_FLUSHED, BLOB_PUBLISHED, BLOB_FAILED, BLOB_GONE };
struct blob_writer {
    struct blob_store *store;
    struct uuid id;
    enum blob_state state;
    uint64_t written; /* of a part: also what was there */
    bool part;
    bool offered; /* blob_publish was asked for: what is left of a part stays */
};

struct blob_reader {
    struct blob_store *store;
    uint64_t size;
};

typedef enum err (*blob_each_fn)(void *ctx, const struct uuid *id, uint64_t size,
                                 int64_t mtime);

struct blob_backend {
    void (*free)(struct blob_store *s);
    enum err (*begin)(struct blob_store *s, const struct uuid *id, struct blob_writer **out);
    enum err (*append)(struct blob_writer *w, const void *data, size_t len);
    enum err (*flush)(struct blob_writer *w);
    enum err (*publish)(struct blob_writer *w);
    /* Removes what is there of it; of a part that was offered, the object's name alone. */
    void (*discard)(struct blob_writer *w, bool published);
    /* Memory and descriptors, and a published part's own name. */
    void (*writer_free)(struct blob_writer *w);
    enum err (*sync_folders)(struct blob_store *s, struct blob_writer *const *w, size_t n);
    enum err (*open)(struct blob_store *s, const struct uuid *id, struct blob_reader **out);
    enum err (*read)(const struct blob_reader *r, uint64_t offset, void *out, size_t len);
    void (*reader_free)(struct blob_reader *r);
    enum err (*remove)(struct blob_store *s, const struct uuid *id);
    enum err (*each)(struct blob_store *s, blob_each_fn fn, void *ctx);
    /* Parts: their writers and readers are the ones above. */
    enum err (*part_begin)(struct blob_store *s, const struct uuid *id,
                           struct blob_writer **out);
    enum err (*part_resume)(struct blob_store *s, const struct uuid *id, uint64_t size,
                            struct blob_writer **out);
    enum err (*part_open)(struct blob_store *s, const struct uuid *id,
                          struct blob_reader **out);
    enum err (*part_remove)(struct blob_store *s, const struct uuid *id);
    enum err (*part_each)(struct blob_store *s, blob_each_fn fn, void *ctx);
    enum err (*space)(struct blob_store *s, uint64_t *bytes_free, uint64_t *inodes_free);
};

#endif
