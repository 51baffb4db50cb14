/* Names of files inside a bundle. Whatever the sender called a file, the name here is unique by
 * its number, relative, has one folder, and none of its characters means anything to a shell, a
 * file system or a reader's eye: letters and digits of every script stay, everything else is a
 * hyphen. The extension follows the type that was inspected, not the sender's word. */
#include "gateway/evidence/bundles/internal.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <stdio.h>
#include <string.h>

enum { STEM_MAX = 80, DATE_SIZE = 11 };

static const char *extension_of(const char *media_type)
{
    static const char *const KNOWN[][2] = {
        {"application/pdf", "pdf"},
        {"application/json", "json"},
        {"application/msword", "doc"},
        {"application/vnd.oasis.opendocument.text", "odt"},
        {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
        {"text/plain", "txt"},
        {"image/jpeg", "jpg"},
        {"image/png", "png"},
        {"image/heic", "heic"},
        {"image/tiff", "tif"},
        {"image/gif", "gif"},
        {"image/webp", "webp"},
        {"audio/wav", "wav"},
        {"audio/flac", "flac"},
        {"audio/ogg", "ogg"},
        {"audio/mpeg", "mp3"},
        {"audio/mp4", "m4a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (strcmp(KNOWN[i][0], media_type) == 0)
            return KNOWN[i][1];
    }
    return "bin";
}

static bool ascii_stays(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static uint32_t code_point(const char *at, size_t step)
{
    static const uint8_t FIRST_BITS[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t value = (uint8_t)at[0] & FIRST_BITS[step];
    for (size_t i = 1; i < step; i++)
        value = value << 6 | ((uint8_t)at[i] & 0x3f);
    return value;
}

/* What looks like nothing, turns the reading direction, joins, is private or no character. */
static bool is_invisible(uint32_t c)
{
    static const uint32_t RANGES[][2] = {
        {0x80, 0xbf},       {0xd7, 0xd7},       {0xf7, 0xf7},       {0x2b0, 0x36f},
        {0x61c, 0x61c},     {0x115f, 0x1160},   {0x1680, 0x1680},   {0x17b4, 0x17b5},
        {0x180b, 0x180f},   {0x2000, 0x2bff},   {0x2e00, 0x2e7f},   {0x3000, 0x3004},
        {0x3008, 0x3020},   {0x3164, 0x3164},   {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},
        {0xfe00, 0xfe6f},   {0xfeff, 0xff0f},   {0xffa0, 0xffa0},   {0xffe0, 0xffff},
        {0x1d173, 0x1d17a}, {0x1f000, 0x1fffd}, {0xe0000, 0x10ffff}};
    for (size_t i = 0; i < ARRAY_LEN(RANGES); i++) {
        if (c >= RANGES[i][0] && c <= RANGES[i][1])
            return true;
    }
    return (c & 0xfffe) == 0xfffe;
}

/* At most `max` bytes of what stays, whole characters, no hyphen at either end or beside
 * another. */
static size_t clean(const char *text, size_t len, char *out, size_t max)
{
    size_t n = 0;
    bool gap = false;
    for (size_t at = 0, step = 0; at < len; at += step) {
        step = utf8_step(text + at, len - at);
        bool stays = step == 1 ? ascii_stays(text[at])
                               : step > 1 && !is_invisible(code_point(text + at, step));
        step = step ? step : 1;
        if (!stays) {
            gap = n > 0;
            continue;
        }
        if (n + step + gap > max)
            break;
        if (gap)
            out[n++] = '-';
        memcpy(out + n, text + at, step);
        n += step;
        gap = false;
    }
    out[n] = 0;
    return n;
}

/* The name without its last extension, if that is one. */
static size_t stem_length(const char *filename)
{
    const char *dot = strrchr(filename, '.');
    bool is_extension = dot && dot != filename && strlen(dot) <= 6 && !strchr(dot, ' ');
    return is_extension ? (size_t)(dot - filename) : strlen(filename);
}

void bundle_item_path(const struct bundle_item *i, char out[BUNDLE_PATH_MAX])
{
    char stem[STEM_MAX + 1], kind[SHORT_TEXT_MAX + 1], date[TIME_TEXT_SIZE];
    time_format(i->received_at, date);
    date[DATE_SIZE - 1] = 0;
    if (clean(i->kind, strlen(i->kind), kind, SHORT_TEXT_MAX) == 0)
        memcpy(kind, "evidence", sizeof("evidence"));
    if (clean(i->filename, stem_length(i->filename), stem, STEM_MAX) == 0)
        memcpy(stem, "file", sizeof("file"));
    (void)snprintf(out, BUNDLE_PATH_MAX, "%s/%04u_%s_%s_%s.%s",
                   i->audio ? "audio" : "documents", i->number, date, kind, stem,
                   extension_of(i->media_type));
}

void bundle_receipt_path(const struct bundle_item *i, char out[BUNDLE_PATH_MAX])
{
    (void)snprintf(out, BUNDLE_PATH_MAX, "receipts/%04u.txt", i->number);
}
