/* Upload-Metadata. What the service would refuse as no text is refused here, before anything is
 * sent. */
#include "gateway/send/metadata.h"

#include "gateway/base/encode.h"

#include <string.h>

static bool is_text(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            return false;
    }
    return utf8_valid(value, strlen(value));
}

enum err metadata_encode(const struct metadata_pair *pairs, size_t n, struct buf *out)
{
    char text[BASE64_SIZE(METADATA_MAX)];
    size_t start = out->len;

    for (size_t i = 0; i < n; i++) {
        const char *value = pairs[i].value;
        if (!value || !*value)
            continue;
        if (!is_text(value))
            return err_set(ERR_INVALID, "%s is not UTF-8 without control characters",
                           pairs[i].name);
        if (strlen(value) > METADATA_MAX)
            return err_set(ERR_INVALID, "%s is too long", pairs[i].name);
        (void)base64_encode(BASE64_STANDARD, value, strlen(value), text);
        TRY(buf_printf(out, "%s%s %s", out->len > start ? "," : "", pairs[i].name, text));
    }
    if (out->len - start > METADATA_MAX)
        return err_set(ERR_INVALID, "names and descriptions are too long together");
    return ERR_OK;
}
