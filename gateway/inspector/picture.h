/* Pictures: one decoder for each format, used to find out whether it decodes (no canvas) and to
 * draw it (onto a canvas, which makes it small enough on the way). */
#ifndef GATEWAY_INSPECTOR_PICTURE_H
#define GATEWAY_INSPECTOR_PICTURE_H

#include "gateway/inspect/job.h"
#include "gateway/inspector/steps.h"

enum {
    PICTURE_HELD_MAX = 128 << 20,
    PICTURE_SIDE_MAX = 65500,
    PICTURE_ROWS_PIXELS_MAX = 256 << 20,  /* decoded row by row */
    PICTURE_WHOLE_PIXELS_MAX = 64 << 20,  /* decoded into memory whole */
    PICTURE_ALL_PIXELS_MAX = 512 << 20,   /* of all pages or frames together */
    PICTURE_FRAMES_MAX = 10000,
};

/* Averages boxes of `factor` by `factor` pixels. */
struct canvas {
    uint32_t side_max;
    uint32_t width, height, factor; /* of the original, and by how much it shrinks */
    uint32_t out_width, out_height;
    uint32_t row; /* of the original, next */
    uint32_t *sums;
    uint8_t *rgb; /* out_width * out_height * 3 */
    unsigned turn; /* Exif orientation, 1 to 8 */
};
void canvas_init(struct canvas *c, uint32_t side_max);
void canvas_clear(struct canvas *c);
DEFINE_AUTO_CLEAR(struct canvas, canvas_clear);
MUST_USE enum err canvas_begin(struct canvas *c, uint32_t width, uint32_t height);
void canvas_row(struct canvas *c, const uint8_t *pixels, unsigned bytes_per_pixel); /* RGB or RGBA: on white */
MUST_USE enum err canvas_end(struct canvas *c); /* turns it upright */
MUST_USE enum err canvas_to_jpeg(const struct canvas *c, struct buf *out);

/* Whether decoders may go on with a picture of this size; sets width and height. */
bool picture_fits(struct verdict *v, uint64_t width, uint64_t height, uint64_t pixels_max);

/* One page (0 but for TIFF) onto the canvas; all of it for NULL. Sets pages, flags, outcome. */
typedef enum err picture_decode(const uint8_t *data, size_t len, uint32_t page,
                                struct canvas *c, struct verdict *v);
picture_decode jpeg_picture, png_picture, gif_picture, webp_picture, tiff_picture, heic_picture;

#endif
