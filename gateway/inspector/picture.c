/* What the formats have in common, and the steps made of them. */
#include "gateway/inspector/picture.h"

#include <stdlib.h>
#include <string.h>

#define PICTURE_STEP(format)                                                                   \
    enum err step_##format(struct source *s, struct verdict *v)                                \
    {                                                                                          \
        const uint8_t *data;                                                                   \
        size_t len;                                                                            \
                                                                                               \
        TRY(source_hold(s, PICTURE_HELD_MAX, &data, &len));                                    \
        return format##_picture(data, len, 0, NULL, v);                                        \
    }

PICTURE_STEP(jpeg)
PICTURE_STEP(png)
PICTURE_STEP(gif)
PICTURE_STEP(webp)
PICTURE_STEP(tiff)
PICTURE_STEP(heic)

bool picture_fits(struct verdict *v, uint64_t width, uint64_t height, uint64_t pixels_max)
{
    if (width == 0 || height == 0 || width > VERDICT_SIDE_MAX || height > VERDICT_SIDE_MAX)
        return false;
    if (v->width == 0) {
        v->width = (uint32_t)width;
        v->height = (uint32_t)height;
    }
    return width <= PICTURE_SIDE_MAX && height <= PICTURE_SIDE_MAX &&
           width * height <= pixels_max;
}

/* ---- the canvas ---- */

void canvas_init(struct canvas *c, uint32_t side_max)
{
    *c = (struct canvas){.side_max = side_max, .turn = 1};
}

void canvas_clear(struct canvas *c)
{
    free(c->sums);
    free(c->rgb);
    c->sums = NULL;
    c->rgb = NULL;
}

enum err canvas_begin(struct canvas *c, uint32_t width, uint32_t height)
{
    uint32_t longest = width > height ? width : height;

    assert(width > 0 && height > 0 && c->rgb == NULL);
    c->width = width;
    c->height = height;
    c->factor = (longest + c->side_max - 1) / c->side_max;
    c->out_width = (width + c->factor - 1) / c->factor;
    c->out_height = (height + c->factor - 1) / c->factor;
    c->sums = calloc(c->out_width, 3 * sizeof(*c->sums));
    c->rgb = malloc((size_t)c->out_width * c->out_height * 3);
    if (c->sums == NULL || c->rgb == NULL)
        return err_set(ERR_NOMEM, "a canvas");
    memset(c->rgb, 0xff, (size_t)c->out_width * c->out_height * 3);
    return ERR_OK;
}

/* The finished boxes of `rows` rows. */
static void flush_boxes(struct canvas *c, uint32_t out_row, uint32_t rows)
{
    uint8_t *to = c->rgb + (size_t)out_row * c->out_width * 3;

    for (uint32_t x = 0; x < c->out_width; x++) {
        uint32_t columns = c->width - x * c->factor;
        uint32_t n = (columns < c->factor ? columns : c->factor) * rows;

        for (uint32_t i = 0; i < 3; i++)
            to[x * 3 + i] = (uint8_t)(c->sums[x * 3 + i] / n);
    }
    memset(c->sums, 0, (size_t)c->out_width * 3 * sizeof(*c->sums));
}

void canvas_row(struct canvas *c, const uint8_t *pixels, unsigned bytes_per_pixel)
{
    uint32_t in_box;

    if (c->row >= c->height)
        return;
    for (uint32_t x = 0; x < c->width; x++, pixels += bytes_per_pixel) {
        uint32_t *sum = c->sums + (size_t)(x / c->factor) * 3;
        uint32_t alpha = bytes_per_pixel == 4 ? pixels[3] : 255;

        for (unsigned i = 0; i < 3; i++)
            sum[i] += (pixels[i] * alpha + 255 * (255 - alpha)) / 255;
    }
    in_box = c->row % c->factor + 1;
    if (in_box == c->factor || c->row + 1 == c->height)
        flush_boxes(c, c->row / c->factor, in_box);
    c->row++;
}

/* Where the pixel at (x, y) of the upright picture lies in the one that was sent: Exif 2.3,
 * orientation. */
static size_t turned(const struct canvas *c, uint32_t x, uint32_t y)
{
    uint32_t w = c->out_width, h = c->out_height;

    switch (c->turn) {
    case 2:
        return (size_t)y * w + (w - 1 - x);
    case 3:
        return (size_t)(h - 1 - y) * w + (w - 1 - x);
    case 4:
        return (size_t)(h - 1 - y) * w + x;
    case 5:
        return (size_t)x * w + y;
    case 6:
        return (size_t)(h - 1 - x) * w + y;
    case 7:
        return (size_t)(h - 1 - x) * w + (w - 1 - y);
    case 8:
        return (size_t)x * w + (w - 1 - y);
    default:
        return (size_t)y * w + x;
    }
}

enum err canvas_end(struct canvas *c)
{
    bool sideways = c->turn >= 5 && c->turn <= 8;
    uint32_t w = sideways ? c->out_height : c->out_width;
    uint32_t h = sideways ? c->out_width : c->out_height;
    uint8_t *upright;

    if (c->turn <= 1 || c->turn > 8)
        return ERR_OK;
    upright = malloc((size_t)w * h * 3);
    if (upright == NULL)
        return err_set(ERR_NOMEM, "a canvas");
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++)
            memcpy(upright + ((size_t)y * w + x) * 3, c->rgb + turned(c, x, y) * 3, 3);
    }
    free(c->rgb);
    c->rgb = upright;
    c->out_width = w;
    c->out_height = h;
    c->turn = 1;
    return ERR_OK;
}
