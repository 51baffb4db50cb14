/* Letters: UTF-8, UTF-16 with its mark, or one of the old eight-bit character sets, which have
 * no rules to break; and JSON, strictly. */
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/inspector/steps.h"

#include <string.h>

enum { JSON_HELD_MAX = 16 << 20 };

enum err step_text(struct source *s, struct verdict *v)
{
    static uint8_t piece[SOURCE_PIECE];
    bool wide = false;
    uint64_t nuls = 0;
    size_t len;

    do {
        bool first = s->taken == 0;

        TRY(source_read(s, piece, sizeof(piece), &len));
        if (first && len >= 2)
            wide = memcmp(piece, "\xff\xfe", 2) == 0 || memcmp(piece, "\xfe\xff", 2) == 0;
        for (size_t i = 0; i < len; i++)
            nuls += piece[i] == 0;
    } while (len > 0);
    return nuls > 0 && !wide ? UNREADABLE(v) : ERR_OK;
}

enum err step_json(struct source *s, struct verdict *v)
{
    const uint8_t *data;
    size_t len;
    json_t *value = NULL;

    TRY(source_hold(s, JSON_HELD_MAX, &data, &len));
    if (json_parse(data, len, &value) != ERR_OK)
        return UNREADABLE(v);
    json_decref(value);
    return ERR_OK;
}
