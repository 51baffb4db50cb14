/* The verbs of every blob store: they check the order of a writer's life and hand over to the
 * backend.
 *
 * Invariants: nothing is published that was not flushed whole; a writer that failed once never
 * publishes; an object that is not published is gone when its writer is freed, unless it is a
 * part.
 */
#include "storage/blob.h"

#include "storage/blob_backend.h"

void blob_store_free(struct blob_store *s)
{
    if (s)
        s->backend->free(s);
}

enum err blob_begin(struct blob_store *s, const struct uuid *id, struct blob_writer **out)
{
    return s->backend->begin(s, id, out);
}

/* The one place where a writer's state moves forward. */
static enum err advance(struct blob_writer *w, enum blob_state from, enum blob_state to,
                        enum err (*verb)(struct blob_writer *w))
{
    enum err e;

    if (w->state == BLOB_FAILED)
        return err_set(ERR_IO, "the object was not written whole");
    assert(w->state == from);
    e = verb(w);
    w->state = e == ERR_OK ? to : BLOB_FAILED;
    return e;
}

enum err blob_append(struct blob_writer *w, const void *data, size_t len)
{
    enum err e;

    if (w->state == BLOB_FAILED)
        return err_set(ERR_IO, "the object was not written whole");
    if (w->part && w->state == BLOB_FLUSHED)
        w->state = BLOB_WRITING;
    assert(w->state == BLOB_WRITING);
    e = w->store->backend->append(w, data, len);
    if (e == ERR_OK)
        w->written += len;
    else
        w->state = BLOB_FAILED;
    return e;
}

uint64_t blob_written(const struct blob_writer *w)
{
    return w->written;
}

enum err blob_flush(struct blob_writer *w)
{
    if (w->part && w->state == BLOB_FLUSHED)
        return ERR_OK; /* nothing was added since */
    return advance(w, BLOB_WRITING, BLOB_FLUSHED, w->store->backend->flush);
}

enum err blob_publish(struct blob_writer *w)
{
    w->offered = true;
    return advance(w, BLOB_FLUSHED, BLOB_PUBLISHED, w->store->backend->publish);
}

void blob_discard(struct blob_writer *w)
{
    if (w->state == BLOB_GONE)
        return;
    w->store->backend->discard(w, w->state == BLOB_PUBLISHED);
    w->state = BLOB_GONE;
}

void blob_writer_free(struct blob_writer *w)
{
    if (!w)
        return;
    if (w->state != BLOB_PUBLISHED && !w->part)
        blob_discard(w);
    w->store->backend->writer_free(w);
}

enum err blob_sync_folders(struct blob_store *s, struct blob_writer *const *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert(w[i]->store == s && w[i]->state == BLOB_PUBLISHED);
    return s->backend->sync_folders(s, w, n);
}

/* --- parts -------------------------------------------------------------------------------- */
enum err blob_part_begin(struct blob_store *s, const struct uuid *id, struct blob_writer **out)
{
    return s->backend->part_begin(s, id, out);
}

enum err blob_part_resume(struct blob_store *s, const struct uuid *id, uint64_t size,
                          struct blob_writer **out)
{
    return s->backend->part_resume(s, id, size, out);
}

enum err blob_part_open(struct blob_store *s, const struct uuid *id, struct blob_reader **out)
{
    return s->backend->part_open(s, id, out);
}

enum err blob_part_remove(struct blob_store *s, const struct uuid *id)
{
    return s->backend->part_remove(s, id);
}

enum err blob_part_each(struct blob_store *s, blob_each_fn fn, void *ctx)
{
    return s->backend->part_each(s, fn, ctx);
}

void blob_publish_as(struct blob_writer *w, const struct uuid *id)
{
    assert(w->state != BLOB_PUBLISHED && w->state != BLOB_GONE);
    w->id = *id;
}

/* --- reading ------------------------------------------------------------------------------ */
enum err blob_open(struct blob_store *s, const struct uuid *id, struct blob_reader **out)
{
    return s->backend->open(s, id, out);
}

uint64_t blob_size(const struct blob_reader *r)
{
    return r->size;
}

enum err blob_read(const struct blob_reader *r, uint64_t offset, void *out, size_t len)
{
    if (offset > r->size || len > r->size - offset)
        return err_set(ERR_CORRUPT, "the object is shorter than its record says");
    return r->store->backend->read(r, offset, out, len);
}

void blob_follow(struct blob_reader *r, const struct blob_writer *w)
{
    assert(w->written >= r->size);
    r->size = w->written;
}

void blob_reader_free(struct blob_reader *r)
{
    if (r)
        r->store->backend->reader_free(r);
}

enum err blob_remove(struct blob_store *s, const struct uuid *id)
{
    return s->backend->remove(s, id);
}

enum err blob_each(struct blob_store *s, blob_each_fn fn, void *ctx)
{
    return s->backend->each(s, fn, ctx);
}

enum err blob_space(struct blob_store *s, uint64_t *bytes_free, uint64_t *inodes_free)
{
    return s->backend->space(s, bytes_free, inodes_free);
}
