/* WebP, by libwebp: a picture whole, an animation frame by frame; its first frame is drawn. */
#include "gateway/inspector/picture.h"

#include <stdlib.h>
#include <webp/decode.h>
#include <webp/demux.h>

static void draw(struct canvas *c, const uint8_t *rgba, uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height; y++)
        canvas_row(c, rgba + (size_t)y * width * 4, 4);
}

static enum err still(const uint8_t *data, size_t len, struct canvas *c, struct verdict *v)
{
    int width, height;
    uint8_t *rgba = WebPDecodeRGBA(data, len, &width, &height);

    if (rgba == NULL)
        return UNREADABLE(v);
    if (c != NULL) {
        enum err e = canvas_begin(c, (uint32_t)width, (uint32_t)height);

        if (e == ERR_OK)
            draw(c, rgba, (uint32_t)width, (uint32_t)height);
        WebPFree(rgba);
        return e;
    }
    WebPFree(rgba);
    return ERR_OK;
}

static enum err frames(WebPAnimDecoder *d, const WebPAnimInfo *info, struct canvas *c,
                       struct verdict *v)
{
    uint64_t each = (uint64_t)info->canvas_width * info->canvas_height;
    uint32_t n = 0;

    v->flags |= INSPECT_ANIMATED;
    if (info->frame_count > PICTURE_FRAMES_MAX ||
        each * info->frame_count > PICTURE_ALL_PIXELS_MAX)
        return BEYOND_BOUNDS(v);
    while (WebPAnimDecoderHasMoreFrames(d)) {
        uint8_t *rgba;
        int at;

        if (!WebPAnimDecoderGetNext(d, &rgba, &at))
            break;
        if (n++ == 0 && c != NULL) {
            TRY(canvas_begin(c, info->canvas_width, info->canvas_height));
            draw(c, rgba, info->canvas_width, info->canvas_height);
            return ERR_OK;
        }
    }
    if (n == 0)
        return UNREADABLE(v);
    if (n < info->frame_count)
        v->flags |= INSPECT_DAMAGED;
    return ERR_OK;
}

static enum err animation(const uint8_t *data, size_t len, struct canvas *c, struct verdict *v)
{
    WebPData in = {.bytes = data, .size = len};
    WebPAnimDecoderOptions options;
    WebPAnimDecoder *d;
    WebPAnimInfo info;
    enum err e;

    if (!WebPAnimDecoderOptionsInit(&options))
        return err_set(ERR_INTERNAL, "another libwebp than at the build");
    options.use_threads = 0;
    d = WebPAnimDecoderNew(&in, &options);
    if (d == NULL)
        return UNREADABLE(v);
    e = WebPAnimDecoderGetInfo(d, &info) ? frames(d, &info, c, v) : UNREADABLE(v);
    WebPAnimDecoderDelete(d);
    return e;
}

enum err webp_picture(const uint8_t *data, size_t len, uint32_t page, struct canvas *c,
                      struct verdict *v)
{
    WebPBitstreamFeatures f;

    (void)page;
    if (WebPGetFeatures(data, len, &f) != VP8_STATUS_OK)
        return UNREADABLE(v);
    if (f.width <= 0 || f.height <= 0 ||
        !picture_fits(v, (uint64_t)f.width, (uint64_t)f.height, PICTURE_WHOLE_PIXELS_MAX))
        return BEYOND_BOUNDS(v);
    return f.has_animation ? animation(data, len, c, v) : still(data, len, c, v);
}
