/* The folders of a file-system blob store: names, opening without following a link, and a few
 * kept open.
 *
 *     <root>/objects/0193ab/7c/0193ab7c-....age
 *                    |      |
 *                    |      byte 3 of the id: 65 seconds of milliseconds
 *                    bytes 0 to 2 of the id: 4.7 hours
 */
#ifndef STORAGE_BLOB_FOLDER_H
#define STORAGE_BLOB_FOLDER_H

#include "gateway/base/error.h"
#include "gateway/base/uuid.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum {
    FOLDER_NAME_SIZE = 10, /* "0193ab/7c" and its NUL */
    OBJECT_NAME_SIZE = UUID_TEXT_SIZE + 4,
    OBJECT_PATH_SIZE = FOLDER_NAME_SIZE + OBJECT_NAME_SIZE,
    FOLDERS_KEPT = 8,
};

void folder_name(const struct uuid *id, char out[FOLDER_NAME_SIZE]);
void object_name(const struct uuid *id, char out[OBJECT_NAME_SIZE]);
void object_path(const struct uuid *id, char out[OBJECT_PATH_SIZE]);
/* The id of an object's file name; false for a foreign one. */
bool object_name_parse(const char *name, struct uuid *out);

/* Opens a relative path of plain names below `at`; no component may be a symbolic link. -1 and
 * errno (ELOOP, ENOTDIR, EXDEV: planted). */
int open_beneath(int at, const char *path, int flags, mode_t mode, atomic_bool *no_openat2);

struct folder { /* one of the innermost folders, open */
    int fd;
    char name[FOLDER_NAME_SIZE];
    unsigned refs;
    atomic_bool anchored; /* its own name was made durable by us */
};

struct folder_cache {
    int objects; /* borrowed */
    atomic_bool no_openat2;
    pthread_mutex_t lock;
    struct folder *kept[FOLDERS_KEPT];
    size_t next; /* to be replaced */
};

void folder_cache_init(struct folder_cache *c, int objects);
void folder_cache_clear(struct folder_cache *c);
/* Opens it, or makes it (0700) where `create` says so. */
MUST_USE enum err folder_get(struct folder_cache *c, const char *name, bool create,
                             struct folder **out);
void folder_put(struct folder_cache *c, struct folder *f); /* NULL allowed */
/* Makes the names in it durable, and once also its own name and its parent's. */
MUST_USE enum err folder_sync(struct folder_cache *c, struct folder *f);

/* errno of a failed open below the store: what cannot be there by our doing is ERR_CORRUPT. */
MUST_USE enum err open_error(const char *what);

#endif
