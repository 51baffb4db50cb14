/* The wire form of a verdict. Integers are big-endian, texts NUL-padded, what is reserved zero.
 *
 *        0   8  magic                   44   4  members
 *        8   2  version                 48 128  virus
 *       10   2  length, of all         176 128  type
 *       12   1  outcome                304   ...peaks, 2 each: all 0 when there are none
 *       13   1  reason
 *       14   2  flags
 *       16   4  pages
 *       20   4  width
 *       24   4  height
 *       28   4  sample rate
 *       32   8  duration, ms
 *       40   2  channels
 *       42   2  number of peaks
 *
 * Invariant: one verdict has one form. What is decoded and encoded again is the same bytes; a
 * byte that means nothing is a byte in which somebody hides something. */
#include "gateway/inspect/verdict.h"

#include "gateway/base/buf.h"

#include <string.h>

enum { VERDICT_VERSION = 1, TEXT_SIZE = 128, HEAD_SIZE = 48 };
static const char MAGIC[] = "EVIDVRD1";

_Static_assert(HEAD_SIZE + 2 * TEXT_SIZE + 2 * VERDICT_PEAKS == VERDICT_SIZE,
               "the drawing above is the size");
_Static_assert((int)VERDICT_VIRUS_MAX + 1 == (int)TEXT_SIZE &&
                   (int)SNIFF_TYPE_MAX + 1 == (int)TEXT_SIZE,
               "texts fit their room");

const char *inspect_outcome_name(enum inspect_outcome outcome)
{
    switch (outcome) {
#define X(code, name)                                                                          \
    case code:                                                                                 \
        return name;
        INSPECT_OUTCOMES(X)
#undef X
    case INSPECT_NONE:
        break;
    }
    return "none";
}

const char *inspect_reason_name(enum inspect_reason reason)
{
    static const char *const names[] = {
#define X(code, name) name,
        INSPECT_REASONS(X)
#undef X
    };
    return (size_t)reason < ARRAY_LEN(names) ? names[reason] : "unknown";
}

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

void verdict_text(char *out, size_t cap, const char *text, size_t len)
{
    assert(cap > 0);
    if (len > cap - 1)
        len = cap - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = is_printable(text[i]) ? text[i] : '?';
    memset(out + len, 0, cap - len);
}

/* Printable, ended within its room. */
static bool text_valid(const char *text)
{
    size_t len = strnlen(text, TEXT_SIZE);

    if (len == TEXT_SIZE)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_printable(text[i]))
            return false;
    }
    return true;
}

static bool numbers_valid(const struct verdict *v)
{
    return v->pages <= VERDICT_PAGES_MAX && v->width <= VERDICT_SIDE_MAX &&
           v->height <= VERDICT_SIDE_MAX && (v->width == 0) == (v->height == 0) &&
           v->members <= VERDICT_MEMBERS_MAX && v->duration_ms >= 0 &&
           v->duration_ms <= VERDICT_DURATION_MAX_MS && v->sample_rate <= VERDICT_RATE_MAX &&
           v->channels <= VERDICT_CHANNELS_MAX &&
           (v->n_peaks == 0 || (v->n_peaks == VERDICT_PEAKS && v->channels > 0)) &&
           (v->flags & ~(unsigned)INSPECT_FLAGS_ALL) == 0;
}

bool verdict_is_valid(const struct verdict *v)
{
    if (v->outcome <= INSPECT_NONE || v->outcome > INSPECT_COULD_NOT_SCAN ||
        (unsigned)v->reason >= REASON_COUNT)
        return false;
    if (!text_valid(v->virus) || !text_valid(v->type) || !numbers_valid(v))
        return false;
    if ((v->outcome == INSPECT_VIRUS) != (v->virus[0] != '\0'))
        return false;
    /* Clean is for what was understood, and needs no excuse; the other way round for what
     * could not be scanned. */
    if (v->outcome == INSPECT_CLEAN)
        return v->reason == REASON_NONE && v->type[0] != '\0';
    return v->outcome != INSPECT_COULD_NOT_SCAN || v->reason != REASON_NONE;
}

static uint8_t *put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return at + bytes;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
    memset(at, 0, TEXT_SIZE);
    memcpy(at, text, strlen(text));
    return at + TEXT_SIZE;
}

void verdict_encode(const struct verdict *v, uint8_t out[VERDICT_SIZE])
{
    uint8_t *at = out;

    assert(verdict_is_valid(v));
    memcpy(at, MAGIC, 8);
    at = put(at + 8, VERDICT_VERSION, 2);
    at = put(at, VERDICT_SIZE, 2);
    at = put(at, (uint64_t)v->outcome, 1);
    at = put(at, (uint64_t)v->reason, 1);
    at = put(at, v->flags, 2);
    at = put(at, v->pages, 4);
    at = put(at, v->width, 4);
    at = put(at, v->height, 4);
    at = put(at, v->sample_rate, 4);
    at = put(at, (uint64_t)v->duration_ms, 8);
    at = put(at, v->channels, 2);
    at = put(at, v->n_peaks, 2);
    at = put(at, v->members, 4);
    at = put_text(at, v->virus);
    at = put_text(at, v->type);
    for (size_t i = 0; i < VERDICT_PEAKS; i++)
        at = put(at, v->n_peaks == 0 ? 0 : v->peaks[i], 2);
    assert(at == out + VERDICT_SIZE);
}

static enum err take_head(struct reader *r)
{
    const uint8_t *magic;
    uint16_t version, length;

    TRY(reader_bytes(r, 8, &magic));
    TRY(reader_u16(r, &version));
    TRY(reader_u16(r, &length));
    if (memcmp(magic, MAGIC, 8) != 0 || version != VERDICT_VERSION || length != VERDICT_SIZE)
        return err_set(ERR_INVALID, "not a verdict of this version");
    return ERR_OK;
}

static enum err take_numbers(struct reader *r, struct verdict *v)
{
    uint8_t outcome, reason;
    uint16_t flags, channels, n_peaks;
    uint64_t duration;

    TRY(reader_u8(r, &outcome));
    TRY(reader_u8(r, &reason));
    TRY(reader_u16(r, &flags));
    TRY(reader_u32(r, &v->pages));
    TRY(reader_u32(r, &v->width));
    TRY(reader_u32(r, &v->height));
    TRY(reader_u32(r, &v->sample_rate));
    TRY(reader_u64(r, &duration));
    TRY(reader_u16(r, &channels));
    TRY(reader_u16(r, &n_peaks));
    TRY(reader_u32(r, &v->members));
    if (outcome > INSPECT_COULD_NOT_SCAN || reason >= REASON_COUNT ||
        duration > (uint64_t)VERDICT_DURATION_MAX_MS)
        return err_set(ERR_INVALID, "a verdict's number is out of its range");
    v->outcome = (enum inspect_outcome)outcome;
    v->reason = (enum inspect_reason)reason;
    v->flags = flags;
    v->duration_ms = (int64_t)duration;
    v->channels = channels;
    v->n_peaks = n_peaks;
    return ERR_OK;
}

static enum err take_text(struct reader *r, char out[TEXT_SIZE])
{
    const uint8_t *bytes;
    size_t len;

    TRY(reader_bytes(r, TEXT_SIZE, &bytes));
    memcpy(out, bytes, TEXT_SIZE);
    len = strnlen(out, TEXT_SIZE);
    for (size_t i = len; i < TEXT_SIZE; i++) {
        if (out[i] != '\0')
            return err_set(ERR_INVALID, "bytes behind the end of a verdict's text");
    }
    return ERR_OK;
}

static enum err take_peaks(struct reader *r, struct verdict *v)
{
    for (size_t i = 0; i < VERDICT_PEAKS; i++) {
        TRY(reader_u16(r, &v->peaks[i]));
        if (v->n_peaks == 0 && v->peaks[i] != 0)
            return err_set(ERR_INVALID, "peaks of a verdict that has none");
    }
    return reader_end(r);
}

static enum err decode(struct reader *r, struct verdict *v)
{
    TRY(take_head(r));
    TRY(take_numbers(r, v));
    TRY(take_text(r, v->virus));
    TRY(take_text(r, v->type));
    TRY(take_peaks(r, v));
    return verdict_is_valid(v) ? ERR_OK : err_set(ERR_INVALID, "an impossible verdict");
}

enum err verdict_decode(const void *bytes, size_t len, struct verdict *out)
{
    struct reader r;
    enum err e;

    *out = (struct verdict){.outcome = INSPECT_NONE};
    reader_init(&r, bytes, len);
    e = decode(&r, out);
    if (e != ERR_OK)
        *out = (struct verdict){.outcome = INSPECT_NONE};
    return e;
}
