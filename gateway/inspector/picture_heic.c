/* HEIC, by libheif: the primary picture, whole; libheif turns it upright by itself. */
#include "gateway/inspector/picture.h"

#include <libheif/heif.h>

static enum err draw(struct canvas *c, const struct heif_image *image, uint32_t width,
                     uint32_t height)
{
    int stride = 0;
    const uint8_t *rgb = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);

    if (rgb == NULL || stride <= 0 || (uint32_t)stride < width * 3)
        return err_set(ERR_INVALID, "a picture without pixels");
    TRY(canvas_begin(c, width, height));
    for (uint32_t y = 0; y < height; y++)
        canvas_row(c, rgb + (size_t)y * (unsigned)stride, 3);
    return ERR_OK;
}

static enum err decode(const struct heif_image_handle *h, struct canvas *c, struct verdict *v)
{
    struct heif_image *image = NULL;
    struct heif_error failed;
    enum err e = ERR_OK;
    int width, height;

    failed = heif_decode_image(h, &image, c == NULL ? heif_colorspace_undefined : heif_colorspace_RGB,
                               c == NULL ? heif_chroma_undefined : heif_chroma_interleaved_RGB,
                               NULL);
    if (failed.code == heif_error_Memory_allocation_error)
        return err_set(ERR_NOMEM, "a HEIC");
    if (failed.code != heif_error_Ok)
        return UNREADABLE(v);
    width = heif_image_get_primary_width(image);
    height = heif_image_get_primary_height(image);
    if (width <= 0 || height <= 0)
        e = UNREADABLE(v);
    else if (c != NULL)
        e = draw(c, image, (uint32_t)width, (uint32_t)height);
    heif_image_release(image);
    return e;
}

static enum err primary(struct heif_context *x, const uint8_t *data, size_t len,
                        struct canvas *c, struct verdict *v)
{
    struct heif_image_handle *h = NULL;
    int width, height;
    enum err e;

    if (heif_context_read_from_memory_without_copy(x, data, len, NULL).code != heif_error_Ok ||
        heif_context_get_primary_image_handle(x, &h).code != heif_error_Ok)
        return UNREADABLE(v);
    width = heif_image_handle_get_width(h);
    height = heif_image_handle_get_height(h);
    if (width <= 0 || height <= 0)
        e = UNREADABLE(v);
    else if (!picture_fits(v, (uint64_t)width, (uint64_t)height, PICTURE_WHOLE_PIXELS_MAX))
        e = BEYOND_BOUNDS(v);
    else
        e = decode(h, c, v);
    heif_image_handle_release(h);
    return e;
}

enum err heic_picture(const uint8_t *data, size_t len, uint32_t page, struct canvas *c,
                      struct verdict *v)
{
    struct heif_context *x = heif_context_alloc();
    enum err e;

    (void)page;
    if (x == NULL)
        return err_set(ERR_NOMEM, "a HEIC");
    heif_context_set_max_decoding_threads(x, 0);
    heif_context_set_maximum_image_size_limit(x, PICTURE_SIDE_MAX);
    e = primary(x, data, len, c, v);
    heif_context_free(x);
    return e;
}
