/* Archives, by libarchive: zip, 7z and tar alone, no filter (which may be an outside program),
 * from memory alone. Archives in archives are walked too, to a bounded depth: deeper is "beyond
 * bounds", never silence. */
#include "gateway/inspector/members.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

static struct archive *open_archive(const uint8_t *data, size_t len)
{
    struct archive *a = archive_read_new();

    if (a == NULL)
        return NULL;
    if (archive_read_support_format_zip(a) != ARCHIVE_OK ||
        archive_read_support_format_7zip(a) != ARCHIVE_OK ||
        archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, data, len) != ARCHIVE_OK) {
        (void)archive_read_free(a);
        return NULL;
    }
    return a;
}

static bool is_archive(const uint8_t *data, size_t len)
{
    return (len > 4 && memcmp(data, "PK\3\4", 4) == 0) ||
           (len > 6 && memcmp(data, "7z\xbc\xaf\x27\x1c", 6) == 0) ||
           (len > 262 && memcmp(data + 257, "ustar", 5) == 0);
}

/* Inflates one member; what it begins with is kept, all of it if it is an archive itself. */
static enum err inflate(struct members *m, struct archive *a, struct buf *kept)
{
    static uint8_t piece[64 * 1024];
    uint64_t size = 0;

    for (;;) {
        ssize_t n = archive_read_data(a, piece, sizeof(piece));

        if (n == 0)
            return ERR_OK;
        if (n < 0) {
            m->broken = true;
            return ERR_OK;
        }
        size += (uint64_t)n;
        m->inflated += (uint64_t)n;
        if (size > INSPECT_MEMBER_MAX || m->inflated > INSPECT_INFLATED_MAX) {
            m->beyond = true;
            return ERR_OK;
        }
        if (kept->len < MEMBER_KEPT_MAX || is_archive(kept->data, kept->len))
            TRY(buf_append(kept, piece, (size_t)n));
    }
}

static enum err one_member(struct members *m, struct archive *a, struct archive_entry *e,
                           unsigned depth)
{
    AUTO_CLEAR(buf_clear) struct buf kept;
    const char *name = archive_entry_pathname(e);

    buf_init(&kept, INSPECT_MEMBER_MAX);
    if (archive_entry_is_encrypted(e)) {
        m->encrypted = true;
        return ERR_OK;
    }
    TRY(inflate(m, a, &kept));
    if (m->beyond || m->broken)
        return ERR_OK;
    if (m->look != NULL)
        m->look(m->of, depth, name == NULL ? "" : name, kept.data,
                kept.len < MEMBER_KEPT_MAX ? kept.len : MEMBER_KEPT_MAX);
    if (!is_archive(kept.data, kept.len))
        return ERR_OK;
    if (depth + 1 >= MEMBERS_DEPTH_MAX) {
        m->beyond = true;
        return ERR_OK;
    }
    return members_walk(m, kept.data, kept.len, depth + 1);
}

static enum err walk(struct members *m, struct archive *a, unsigned depth)
{
    struct archive_entry *entry;
    int got;

    while ((got = archive_read_next_header(a, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
        if (++m->n > MEMBERS_MAX) {
            m->beyond = true;
            return ERR_OK;
        }
        TRY(one_member(m, a, entry, depth));
        if (m->beyond || m->encrypted || m->broken)
            return ERR_OK;
    }
    if (got != ARCHIVE_EOF) {
        m->broken = true;
        m->encrypted = archive_read_has_encrypted_entries(a) > 0;
    }
    return ERR_OK;
}

enum err members_walk(struct members *m, const uint8_t *data, size_t len, unsigned depth)
{
    struct archive *a = open_archive(data, len);
    enum err e;

    if (a == NULL) {
        m->broken = true;
        return ERR_OK;
    }
    e = walk(m, a, depth);
    (void)archive_read_free(a);
    return e;
}

bool members_judge(const struct members *m, struct verdict *v)
{
    enum err ignored = ERR_OK;

    v->members = m->n;
    if (m->encrypted)
        ignored = conclude(v, INSPECT_PASSWORD, REASON_NONE);
    else if (m->beyond)
        ignored = BEYOND_BOUNDS(v);
    else if (m->broken || m->n == 0)
        ignored = UNREADABLE(v);
    else
        return false;
    (void)ignored;
    return true;
}
