/* libmagic is asked about a bounded head only, with the checks switched off that look inside
 * containers or executables: the type decides what is allowed in, not what is inside. */
#include "gateway/inspect/sniff.h"

#include <magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN "application/octet-stream"

struct sniffer {
    magic_t cookie;
};

/* libmagic's names on the left, the policy's (IANA) on the right. */
static const struct {
    const char *from, *to;
} ALIASES[] = {
    {"audio/x-wav", "audio/wav"},      {"audio/vnd.wave", "audio/wav"},
    {"audio/x-flac", "audio/flac"},    {"application/ogg", "audio/ogg"},
    {"video/ogg", "audio/ogg"},        {"audio/x-m4a", "audio/mp4"},
    {"video/mp4", "audio/mp4"},        {"image/heif", "image/heic"},
    {"text/json", "application/json"}, {"application/x-ndjson", "application/json"},
    {"text/rtf", "application/rtf"},
};

/* What nearly everybody sends, by signatures that leave no doubt. libmagic says the same, but
 * tries some thousand rules first: 28 us, a twentieth of a small upload. */
static const struct {
    const char *bytes;
    size_t len;
    const char *type;
} SIGNATURES[] = {
    {"%PDF-", 5, "application/pdf"},
    {"\xff\xd8\xff\xe0", 4, "image/jpeg"}, /* JFIF */
    {"\xff\xd8\xff\xe1", 4, "image/jpeg"}, /* Exif: photographs */
    {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "image/png"},
    /* libmagic looks behind the tag, which may be longer than the head when it holds a cover */
    {"ID3\x02\0", 5, "audio/mpeg"},
    {"ID3\x03\0", 5, "audio/mpeg"},
    {"ID3\x04\0", 5, "audio/mpeg"},
};

enum {
    SNIFF_FLAGS = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                  MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_APPTYPE |
                  MAGIC_ERROR,
};

enum err sniffer_new(struct sniffer **out)
{
    AUTO(sniffer_free) struct sniffer *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(ERR_NOMEM, "sniffer");
    s->cookie = magic_open(SNIFF_FLAGS);
    if (!s->cookie)
        return err_errno("magic_open");
    if (magic_load(s->cookie, NULL) != 0)
        return err_set(ERR_UNAVAILABLE, "libmagic: %s", magic_error(s->cookie));
    *out = TAKE(s);
    return ERR_OK;
}

void sniffer_free(struct sniffer *s)
{
    if (!s)
        return;
    if (s->cookie)
        magic_close(s->cookie);
    free(s);
}

/* Letters are text whatever libmagic makes of their words (a list with commas is no table, one
 * letter is not "unknown"). What a browser would take for a page stays what it is. */
static bool is_letter(const char *type, const unsigned char *head, size_t len)
{
    if (strcmp(type, "text/html") == 0 || strcmp(type, "text/xml") == 0)
        return false;
    if (strncmp(type, "text/", 5) == 0)
        return true;
    if (strcmp(type, UNKNOWN) != 0 || len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((head[i] < ' ' && !strchr("\t\n\r", head[i])) || head[i] >= 0x7f || head[i] == 0)
            return false;
    }
    return true;
}

static const char *signature_type(const void *head, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(SIGNATURES); i++) {
        if (len >= SIGNATURES[i].len &&
            memcmp(head, SIGNATURES[i].bytes, SIGNATURES[i].len) == 0)
            return SIGNATURES[i].type;
    }
    return NULL;
}

/* libmagic calls some short programs text. Only UTF-16, which begins with its mark, has zeros.
 */
static bool is_no_text(const char *type, const unsigned char *head, size_t len)
{
    bool marked =
        len >= 2 && (memcmp(head, "\xff\xfe", 2) == 0 || memcmp(head, "\xfe\xff", 2) == 0);
    return strncmp(type, "text/", 5) == 0 && !marked && len > 0 && memchr(head, 0, len);
}

enum err sniff_type(struct sniffer *s, const void *head, size_t len,
                    char out[SNIFF_TYPE_MAX + 1])
{
    if (len > SNIFF_HEAD_MAX)
        len = SNIFF_HEAD_MAX;
    const char *type = signature_type(head, len);
    if (!type)
        type = magic_buffer(s->cookie, head, len);
    if (!type || strlen(type) > SNIFF_TYPE_MAX || is_no_text(type, head, len))
        type = UNKNOWN;
    for (size_t i = 0; i < ARRAY_LEN(ALIASES); i++) {
        if (strcmp(type, ALIASES[i].from) == 0)
            type = ALIASES[i].to;
    }
    if (is_letter(type, head, len))
        type = "text/plain";
    memcpy(out, type, strlen(type) + 1);
    return ERR_OK;
}
