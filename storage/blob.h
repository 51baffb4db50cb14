/* Where sealed payloads live: write-once objects named by artefact id. Backends are a small table of
 * domain verbs; the file system is the embedded one (an S3 backend comes beside it).
 *
 * File system layout: <root>/objects/<6 hex>/<2 hex>/<artefact id>.age, the folders being the leading bits of the id's time (UUIDv7 milliseconds >> 24 and the next 8 bits),
 * so that uploads of one minute share a folder and one folder fsync. Unfinished writes are O_TMPFILE (or <root>/partial/ by mkstemp where
 * the file system has no O_TMPFILE); they vanish with the process, the rest is swept at start. Parts (below) are <root>/parts/<id>.part, and stay.
 *
 * Order of durability: blob_flush (data and file) -> blob_publish (linkat; EEXIST is ERR_EXISTS) -> blob_sync_folders -> the record's commit.
 * An fsync that fails is never retried: the caller stops the process.
 */
#ifndef STORAGE_BLOB_H
#define STORAGE_BLOB_H

#include "gateway/base/error.h"
#include "gateway/base/uuid.h"

#include <stdbool.h>

struct blob_store;
struct blob_writer;
struct blob_reader;

MUST_USE enum err blob_store_open_fs(const char *root, struct blob_store **out); /* creates the folders, 0700 */
void blob_store_free(struct blob_store *s);
DEFINE_AUTO(struct blob_store, blob_store_free);

MUST_USE enum err blob_begin(struct blob_store *s, const struct uuid *id, struct blob_writer **out);
/* Written at once at the end; sizes of 256 KiB are good. Every 8 MiB a write-back is started, so that the last flush is cheap. */
MUST_USE enum err blob_append(struct blob_writer *w, const void *data, size_t len);
uint64_t blob_written(const struct blob_writer *w);
MUST_USE enum err blob_flush(struct blob_writer *w);   /* fsync; ERR_IO is final */
MUST_USE enum err blob_publish(struct blob_writer *w); /* makes the name; not yet durable */
/* Discards an unpublished object, or unlinks a published one whose commit failed (blob_writer_free alone keeps a published one). */
void blob_discard(struct blob_writer *w);
void blob_writer_free(struct blob_writer *w); /* unpublished: discarded */
DEFINE_AUTO(struct blob_writer, blob_writer_free);
/* Makes the names of all these writers durable: one fsync for each distinct folder. */
MUST_USE enum err blob_sync_folders(struct blob_store *s, struct blob_writer *const *w, size_t n);

/* An object that is written over a longer time, by several writers one after the other: it has a name (<root>/parts/<id>.part) and
 * outlives the process. `id` names the part; under which id it is published is said by blob_publish_as. blob_writer_free keeps an
 * unpublished part (its descriptor closes, the bytes stay), blob_discard removes it. blob_flush makes bytes and name durable; it may be
 * called again after more was appended.
 *
 * blob_publish gives the part its object's name beside its own; the part's goes when the published writer is freed. So a commit that
 * failed, or a crash before it, costs nothing: from blob_publish on, also one that failed, blob_discard takes back the object's name
 * alone, and the part stays to be published again or removed (blob_part_remove). */
MUST_USE enum err blob_part_begin(struct blob_store *s, const struct uuid *id, struct blob_writer **out); /* ERR_EXISTS */
/* Goes on behind the last byte. ERR_CORRUPT if the part is not exactly `size` bytes long, or is published already: nothing is ever
 * written over. */
MUST_USE enum err blob_part_resume(struct blob_store *s, const struct uuid *id, uint64_t size, struct blob_writer **out);
MUST_USE enum err blob_part_open(struct blob_store *s, const struct uuid *id, struct blob_reader **out); /* ERR_NOT_FOUND */
MUST_USE enum err blob_part_remove(struct blob_store *s, const struct uuid *id); /* ERR_NOT_FOUND if absent */
MUST_USE enum err blob_part_each(struct blob_store *s, enum err (*fn)(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime), void *ctx);
/* The id under which an unpublished writer's bytes will be published. */
void blob_publish_as(struct blob_writer *w, const struct uuid *id);

MUST_USE enum err blob_open(struct blob_store *s, const struct uuid *id, struct blob_reader **out); /* ERR_NOT_FOUND */
uint64_t blob_size(const struct blob_reader *r);
/* Exactly len bytes at offset, else ERR_CORRUPT (short) or ERR_IO. Thread-safe (pread). */
MUST_USE enum err blob_read(const struct blob_reader *r, uint64_t offset, void *out, size_t len);
/* Of the object that w writes and nobody else has: what w has appended until now may be read, too. */
void blob_follow(struct blob_reader *r, const struct blob_writer *w);
void blob_reader_free(struct blob_reader *r);
DEFINE_AUTO(struct blob_reader, blob_reader_free);

MUST_USE enum err blob_remove(struct blob_store *s, const struct uuid *id); /* ERR_NOT_FOUND if absent */
/* Calls fn for every published object until it returns an error; mtime in micros. */
MUST_USE enum err blob_each(struct blob_store *s, enum err (*fn)(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime), void *ctx);
/* Bytes free for us and inodes free. */
MUST_USE enum err blob_space(struct blob_store *s, uint64_t *bytes_free, uint64_t *inodes_free);

#endif
