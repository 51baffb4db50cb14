/* Office documents of our day: a zip with certain members. The sniffed type may be that of any
 * zip; which document it is, its own members say (Content_Types of OOXML, mimetype of ODF).
 *
 * Macros, embedded objects and references to outside that are followed on opening are told; the
 * texts are searched for words, not parsed: nothing is lost by a flag too many. */
#include "gateway/inspector/members.h"

#include <stdio.h>
#include <string.h>

#define OOXML "application/vnd.openxmlformats-officedocument."
#define ODF "application/vnd.oasis.opendocument."

struct office {
    const char *type; /* NULL: any zip */
    char odf_type[SNIFF_TYPE_MAX + 1];
    bool body, odf_encrypted;
    unsigned flags;
};

static bool has(const uint8_t *data, size_t len, const char *word)
{
    return len > 0 && memmem(data, len, word, strlen(word)) != NULL;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static const struct {
    const char *word, *type;
    unsigned flags;
} CONTENT_TYPES[] = {
    {"wordprocessingml.document.main+xml", OOXML "wordprocessingml.document", 0},
    {"spreadsheetml.sheet.main+xml", OOXML "spreadsheetml.sheet", 0},
    {"presentationml.presentation.main+xml", OOXML "presentationml.presentation", 0},
    {"ms-word.document.macroEnabled.main+xml", "application/vnd.ms-word.document.macroenabled.12",
     INSPECT_MACROS},
    {"ms-excel.sheet.macroEnabled.main+xml", "application/vnd.ms-excel.sheet.macroenabled.12",
     INSPECT_MACROS},
};

static void look_at_types(struct office *o, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(CONTENT_TYPES); i++) {
        if (has(data, len, CONTENT_TYPES[i].word)) {
            o->type = CONTENT_TYPES[i].type;
            o->flags |= CONTENT_TYPES[i].flags;
        }
    }
}

static void look_at_mimetype(struct office *o, const uint8_t *data, size_t len)
{
    if (len <= strlen(ODF) || len > SNIFF_TYPE_MAX || memcmp(data, ODF, strlen(ODF)) != 0)
        return;
    verdict_text(o->odf_type, sizeof(o->odf_type), (const char *)data, len);
    o->type = o->odf_type;
}

static void look(void *of, unsigned depth, const char *name, const uint8_t *data, size_t len)
{
    struct office *o = of;

    if (depth > 0) {
        o->flags |= INSPECT_EMBEDDED_FILES;
        return;
    }
    if (strcmp(name, "[Content_Types].xml") == 0)
        look_at_types(o, data, len);
    else if (strcmp(name, "mimetype") == 0)
        look_at_mimetype(o, data, len);
    else if (strcmp(name, "META-INF/manifest.xml") == 0)
        o->odf_encrypted = has(data, len, ":encryption-data");
    else if (strcmp(name, "content.xml") == 0 || strcmp(name, "word/document.xml") == 0 ||
             strcmp(name, "xl/workbook.xml") == 0 || strcmp(name, "ppt/presentation.xml") == 0)
        o->body = true;
    if (ends_with(name, "vbaProject.bin") || starts_with(name, "Basic/") ||
        starts_with(name, "Scripts/"))
        o->flags |= INSPECT_MACROS;
    if (strstr(name, "/embeddings/") != NULL || starts_with(name, "Object "))
        o->flags |= INSPECT_EMBEDDED_FILES;
    if (strstr(name, "/activeX/") != NULL ||
        (ends_with(name, ".rels") && has(data, len, "TargetMode=\"External\"") &&
         (has(data, len, "attachedTemplate") || has(data, len, "oleObject") ||
          has(data, len, "/frame"))))
        o->flags |= INSPECT_ACTIVE_CONTENT;
    if (strcmp(name, "word/document.xml") == 0 &&
        (has(data, len, "DDEAUTO") || has(data, len, "DDE ")))
        o->flags |= INSPECT_ACTIVE_CONTENT;
}

enum err step_office(struct source *s, struct verdict *v)
{
    struct office o = {.type = NULL};
    struct members m = {.look = look, .of = &o};
    const uint8_t *data;
    size_t len;

    TRY(source_hold(s, MEMBERS_HELD_MAX, &data, &len));
    TRY(members_walk(&m, data, len, 0));
    set_type(v, o.type == NULL ? "application/zip" : o.type);
    v->flags |= o.flags;
    if (members_judge(&m, v))
        return ERR_OK;
    if (o.odf_encrypted)
        return conclude(v, INSPECT_PASSWORD, REASON_NONE);
    if (o.type == NULL)
        v->flags |= INSPECT_EMBEDDED_FILES;
    else if (!o.body)
        return UNREADABLE(v);
    return ERR_OK;
}
