/* libmagic is asked about a bounded head only, with the checks switched off that look inside
 * containers or executables: the type decides what is allowed in, not what is inside. */
#include "gateway/inspect/sniff.h"

#include <magic.h>
#include <pthread.h>
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
 * tries some thousand rules first (28 us, a twentieth of a small upload), and does not know
 * every recording, depending on its samples (FLAC: 3 of 20,000). */
static const struct signature {
    const char *bytes;
    size_t len;
    const char *type;
    size_t at;
    const char *then; /* further on; NULL: nothing more */
    size_t then_at;
} SIGNATURES[] = {
    {"%PDF-", 5, "application/pdf", 0, NULL, 0},
    {"\xff\xd8\xff\xe0", 4, "image/jpeg", 0, NULL, 0}, /* JFIF */
    {"\xff\xd8\xff\xe1", 4, "image/jpeg", 0, NULL, 0}, /* Exif: photographs */
    {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "image/png", 0, NULL, 0},
    {"RIFF", 4, "audio/wav", 0, "WAVE", 8},
    {"fLaC", 4, "audio/flac", 0, NULL, 0},
    {"ftypM4A ", 8, "audio/mp4", 4, NULL, 0},
    /* libmagic looks behind the tag, which may be longer than the head when it holds a cover */
    {"ID3\x02\0", 5, "audio/mpeg", 0, NULL, 0},
    {"ID3\x03\0", 5, "audio/mpeg", 0, NULL, 0},
    {"ID3\x04\0", 5, "audio/mpeg", 0, NULL, 0},
};

enum {
    SNIFF_FLAGS = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |
                  MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_APPTYPE |
                  MAGIC_ERROR,
};

/* libmagic fills tables of its own when it is loaded first, and does not lock them. */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

enum err sniffer_new(struct sniffer **out)
{
    AUTO(sniffer_free) struct sniffer *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(ERR_NOMEM, "sniffer");
    s->cookie = magic_open(SNIFF_FLAGS);
    if (!s->cookie)
        return err_errno("magic_open");
    (void)pthread_mutex_lock(&loading);
    bool failed = magic_load(s->cookie, NULL) != 0;
    (void)pthread_mutex_unlock(&loading);
    if (failed)
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

static bool stands_at(const unsigned char *head, size_t len, size_t at, const char *bytes,
                      size_t n)
{
    return len >= at + n && memcmp(head + at, bytes, n) == 0;
}

static const char *signature_type(const unsigned char *head, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(SIGNATURES); i++) {
        const struct signature *s = &SIGNATURES[i];

        if (stands_at(head, len, s->at, s->bytes, s->len) &&
            (s->then == NULL || stands_at(head, len, s->then_at, s->then, strlen(s->then))))
            return s->type;
    }
    return NULL;
}

/* The header of a frame of MPEG audio, layer III (ISO/IEC 11172-3, 2.4.1.3): eleven bits set,
 * the layer, a bit rate and a sampling rate that there are. Too little to go by before libmagic
 * is asked, enough when it does not know. */
static bool is_mp3_frame(const unsigned char *head, size_t len)
{
    return len >= 4 && head[0] == 0xff && (head[1] & 0xe6) == 0xe2 && (head[2] & 0xf0) != 0 &&
           (head[2] & 0xf0) != 0xf0 && (head[2] & 0x0c) != 0x0c;
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
    if (strcmp(type, UNKNOWN) == 0 && is_mp3_frame(head, len))
        type = "audio/mpeg";
    for (size_t i = 0; i < ARRAY_LEN(ALIASES); i++) {
        if (strcmp(type, ALIASES[i].from) == 0)
            type = ALIASES[i].to;
    }
    if (is_letter(type, head, len))
        type = "text/plain";
    memcpy(out, type, strlen(type) + 1);
    return ERR_OK;
}
