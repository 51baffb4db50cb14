/* layer: eg_inspector */
/* Any bytes as a picture to be drawn: the first chooses the format. */
#include "gateway/inspector/picture.h"
#include "tests/fuzz/inspect_step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static picture_decode *const decoders[] = {jpeg_picture, png_picture,  gif_picture,
                                               webp_picture, tiff_picture, heic_picture};
    AUTO_CLEAR(canvas_clear) struct canvas c;
    AUTO_CLEAR(buf_clear) struct buf out;
    struct verdict v = {.outcome = INSPECT_CLEAN};

    canvas_init(&c, 256);
    buf_init(&out, RENDER_BYTES_MAX);
    if (size == 0 ||
        decoders[data[0] % ARRAY_LEN(decoders)](data + 1, size - 1, 0, &c, &v) != ERR_OK ||
        v.outcome != INSPECT_CLEAN || c.rgb == NULL)
        return 0;
    if (canvas_end(&c) == ERR_OK && canvas_to_jpeg(&c, &out) == ERR_OK &&
        (c.out_width > 256 || c.out_height > 256))
        abort();
    return 0;
}
