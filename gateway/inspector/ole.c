/* Office documents of yesterday, and today's with a password: OLE2 compound files, by libgsf.
 *
 * The streams' names tell what it is. A Word document's own header tells of its password; a
 * modern document with one is a compound file with the stream EncryptedPackage. */
#include "gateway/inspector/steps.h"

#include <gsf/gsf-infile-msole.h>
#include <gsf/gsf-input-memory.h>
#include <string.h>

enum {
    OLE_HELD_MAX = 256 << 20,
    OLE_DEPTH_MAX = 8,
    OLE_STREAMS_MAX = 20000,
    FIB_SIZE = 12, /* what is read of Word's header: its magic and flags */
    FIB_MAGIC = 0xa5ec,
    FIB_MAGIC_6 = 0xa5dc,
    FIB_ENCRYPTED = 0x0100,
};

struct ole {
    uint32_t n;
    const char *type;
    bool encrypted, beyond, broken;
    unsigned flags;
};

static const struct {
    const char *name, *type;
    unsigned flags;
    bool encrypted;
} STREAMS[] = {
    {"WordDocument", "application/msword", 0, false},
    {"Workbook", "application/vnd.ms-excel", 0, false},
    {"Book", "application/vnd.ms-excel", 0, false},
    {"PowerPoint Document", "application/vnd.ms-powerpoint", 0, false},
    {"EncryptedPackage", NULL, INSPECT_ENCRYPTED, true},
    {"Macros", NULL, INSPECT_MACROS, false},
    {"_VBA_PROJECT_CUR", NULL, INSPECT_MACROS, false},
    {"_VBA_PROJECT", NULL, INSPECT_MACROS, false},
    {"VBA", NULL, INSPECT_MACROS, false},
    {"ObjectPool", NULL, INSPECT_EMBEDDED_FILES, false},
    {"MBD", NULL, INSPECT_EMBEDDED_FILES, false},
};

static void look_at_word(struct ole *o, GsfInput *stream)
{
    uint8_t fib[FIB_SIZE];
    unsigned magic;

    if (gsf_input_read(stream, sizeof(fib), fib) == NULL) {
        o->broken = true;
        return;
    }
    magic = (unsigned)(fib[0] | fib[1] << 8);
    if (magic != FIB_MAGIC && magic != FIB_MAGIC_6)
        o->broken = true;
    else if (((unsigned)(fib[10] | fib[11] << 8) & FIB_ENCRYPTED) != 0)
        o->encrypted = true;
}

static void look_at_name(struct ole *o, const char *name, unsigned depth)
{
    for (size_t i = 0; i < ARRAY_LEN(STREAMS); i++) {
        if (strcmp(name, STREAMS[i].name) != 0)
            continue;
        if (depth == 0 && STREAMS[i].type != NULL)
            o->type = STREAMS[i].type;
        o->flags |= STREAMS[i].flags;
        o->encrypted |= depth == 0 && STREAMS[i].encrypted;
    }
}

static void walk(struct ole *o, GsfInfile *folder, unsigned depth)
{
    int n = gsf_infile_num_children(folder);

    if (depth >= OLE_DEPTH_MAX) {
        o->beyond = true;
        return;
    }
    for (int i = 0; i < n && !o->beyond; i++) {
        const char *name = gsf_infile_name_by_index(folder, i);
        GsfInput *child = gsf_infile_child_by_index(folder, i);

        if (++o->n > OLE_STREAMS_MAX)
            o->beyond = true;
        if (name != NULL)
            look_at_name(o, name, depth);
        if (child == NULL) {
            o->broken = true;
            continue;
        }
        if (GSF_IS_INFILE(child) && gsf_infile_num_children(GSF_INFILE(child)) >= 0)
            walk(o, GSF_INFILE(child), depth + 1);
        else if (depth == 0 && name != NULL && strcmp(name, "WordDocument") == 0)
            look_at_word(o, child);
        g_object_unref(child);
    }
}

static enum err judge(const struct ole *o, struct verdict *v)
{
    v->members = o->n;
    v->flags |= o->flags;
    set_type(v, o->type == NULL ? "application/x-ole-storage" : o->type);
    if (o->encrypted)
        return conclude(v, INSPECT_PASSWORD, REASON_NONE);
    if (o->beyond)
        return BEYOND_BOUNDS(v);
    return o->broken || o->n == 0 ? UNREADABLE(v) : ERR_OK;
}

enum err step_ole(struct source *s, struct verdict *v)
{
    struct ole o = {.n = 0};
    const uint8_t *data;
    size_t len;
    GsfInput *in;
    GsfInfile *file;

    TRY(source_hold(s, OLE_HELD_MAX, &data, &len));
    if (len == 0)
        return UNREADABLE(v);
    in = gsf_input_memory_new(data, (gsf_off_t)len, FALSE);
    if (in == NULL)
        return err_set(ERR_NOMEM, "a document");
    file = gsf_infile_msole_new(in, NULL);
    g_object_unref(in);
    if (file == NULL)
        return UNREADABLE(v);
    walk(&o, file, 0);
    g_object_unref(file);
    return judge(&o, v);
}
