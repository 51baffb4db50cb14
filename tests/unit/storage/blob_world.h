/* A store of blobs in a folder of its own, and what is asked of it: shared by the tests of
 * objects and of parts. */
#ifndef TESTS_UNIT_STORAGE_BLOB_WORLD_H
#define TESTS_UNIT_STORAGE_BLOB_WORLD_H

#include "storage/blob.h"
#include "storage/blob_folder.h"
#include "storage/blob_fs.h"
#include "tests/unit/storage/scratch.h"

#include <sys/wait.h>

static struct scratch dir;
static struct blob_store *store;

static inline void open_store(void)
{
    dir = scratch_new();
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
}

static inline void close_store(void)
{
    blob_store_free(store);
    scratch_remove(&dir);
}

static inline void reopen_store(void)
{
    blob_store_free(store);
    ok(blob_store_open_fs(scratch_path(&dir, "store"), &store));
}

static inline const char *part_file(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE], name[128];

    uuid_format(id, text);
    (void)snprintf(name, sizeof(name), "store/parts/%s.part", text);
    return scratch_path(&dir, name);
}

static inline const char *object_file(const struct uuid *id)
{
    char path[OBJECT_PATH_SIZE], name[128];

    object_path(id, path);
    (void)snprintf(name, sizeof(name), "store/objects/%s", path);
    return scratch_path(&dir, name);
}

static inline struct stat stat_of(const char *path)
{
    struct stat st;

    ck_assert_int_eq(lstat(path, &st), 0);
    return st;
}

static inline size_t parts(void)
{
    return scratch_count(&dir, "store/parts");
}

static inline void read_all(struct blob_reader *r, const char *text)
{
    char out[256] = "";

    ck_assert_uint_eq(blob_size(r), strlen(text));
    ok(blob_read(r, 0, out, strlen(text)));
    ck_assert_str_eq(out, text);
    blob_reader_free(r);
}

static inline void part_reads(const struct uuid *id, const char *text)
{
    struct blob_reader *r;

    ok(blob_part_open(store, id, &r));
    read_all(r, text);
}

static inline void object_reads(const struct uuid *id, const char *text)
{
    struct blob_reader *r;

    ok(blob_open(store, id, &r));
    read_all(r, text);
}

static inline void no_object(const struct uuid *id)
{
    struct blob_reader *r = NULL;

    fails(ERR_NOT_FOUND, blob_open(store, id, &r));
}

static inline void no_part(const struct uuid *id)
{
    struct blob_reader *r = NULL;
    struct blob_writer *w = NULL;

    fails(ERR_NOT_FOUND, blob_part_open(store, id, &r));
    fails(ERR_NOT_FOUND, blob_part_resume(store, id, 0, &w));
    fails(ERR_NOT_FOUND, blob_part_remove(store, id));
}

static inline struct uuid put_object(const char *text)
{
    struct uuid id = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;

    ok(blob_begin(store, &id, &w));
    ok(blob_append(w, text, strlen(text)));
    ok(blob_flush(w));
    ok(blob_publish(w));
    ok(blob_sync_folders(store, &w, 1));
    return id;
}

static inline struct uuid put_part(const char *text)
{
    struct uuid id = uuid_new();
    AUTO(blob_writer_free) struct blob_writer *w = NULL;

    ok(blob_part_begin(store, &id, &w));
    ok(blob_append(w, text, strlen(text)));
    ok(blob_flush(w));
    return id;
}

static inline enum err count_one(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    size_t *n = ctx;

    ck_assert(!uuid_is_nil(id));
    ck_assert_uint_gt(size, 0);
    ck_assert_int_gt(mtime, INT64_C(1500000000000000));
    (*n)++;
    return ERR_OK;
}

static inline size_t objects(void)
{
    size_t n = 0;

    ok(blob_each(store, count_one, &n));
    return n;
}

static inline enum err object_remove(void *ctx, const struct uuid *id, uint64_t size,
                                     int64_t mtime)
{
    (void)ctx, (void)size, (void)mtime;
    return blob_remove(store, id);
}

static inline enum err part_remove(void *ctx, const struct uuid *id, uint64_t size,
                                   int64_t mtime)
{
    (void)ctx, (void)size, (void)mtime;
    return blob_part_remove(store, id);
}

#endif
