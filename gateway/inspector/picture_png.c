/* PNG, by libpng: row by row; an interlaced one is kept whole, since each pass adds to all rows.
 * A file that ends early or has a wrong checksum is damaged; without a single row, unreadable. */
#include "gateway/inspector/picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS_MAX = 128, CHUNK_BYTES_MAX = 8 << 20 };

struct png {
    png_structp p;
    png_infop info;
    const uint8_t *data;
    size_t left;
    uint32_t width, height, rows_done;
    size_t row_bytes;
    uint8_t *pixels; /* one row, or all */
    bool cut;
};

static void on_error(png_structp p, png_const_charp message)
{
    (void)message;
    png_longjmp(p, 1);
}

static void on_warning(png_structp p, png_const_charp message)
{
    (void)p;
    (void)message;
}

static void take(png_structp p, png_bytep to, size_t len)
{
    struct png *g = png_get_io_ptr(p);

    size_t n = len < g->left ? len : g->left;

    if (n == 0)
        png_error(p, "the end");
    /* the rest of the last piece is made up, so that the rows before it are not lost */
    memcpy(to, g->data, n);
    memset(to + n, 0, len - n);
    g->cut |= n < len;
    g->data += n;
    g->left -= n;
}

/* Whatever it is becomes RGBA of eight bits. */
static void set_transforms(struct png *g)
{
    png_set_expand(g->p);
    png_set_scale_16(g->p);
    png_set_gray_to_rgb(g->p);
    png_set_add_alpha(g->p, 0xff, PNG_FILLER_AFTER);
}

static enum err read_rows(struct png *g, struct canvas *c, int passes)
{
    size_t kept = passes > 1 ? g->height : 1;

    g->row_bytes = png_get_rowbytes(g->p, g->info);
    g->pixels = calloc(kept, g->row_bytes);
    if (g->pixels == NULL)
        return err_set(ERR_NOMEM, "rows");
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < g->height; y++) {
            uint8_t *row = g->pixels + (passes > 1 ? y : 0) * g->row_bytes;

            png_read_row(g->p, row, NULL);
            g->rows_done++;
            if (passes == 1 && c != NULL)
                canvas_row(c, row, 4);
        }
    }
    png_read_end(g->p, NULL);
    return ERR_OK;
}

static enum err decode(struct png *g, struct canvas *c, struct verdict *v)
{
    int passes;
    bool interlaced;

    png_set_read_fn(g->p, g, take);
    png_set_user_limits(g->p, VERDICT_SIDE_MAX, VERDICT_SIDE_MAX);
    png_set_chunk_cache_max(g->p, CHUNKS_MAX);
    png_set_chunk_malloc_max(g->p, CHUNK_BYTES_MAX);
    png_read_info(g->p, g->info);
    g->width = png_get_image_width(g->p, g->info);
    g->height = png_get_image_height(g->p, g->info);
    interlaced = png_get_interlace_type(g->p, g->info) != PNG_INTERLACE_NONE;
    if (!picture_fits(v, g->width, g->height,
                      interlaced ? PICTURE_WHOLE_PIXELS_MAX : PICTURE_ROWS_PIXELS_MAX))
        return BEYOND_BOUNDS(v);
    if (c != NULL) {
        set_transforms(g);
        TRY(canvas_begin(c, g->width, g->height));
    }
    passes = png_set_interlace_handling(g->p);
    png_read_update_info(g->p, g->info);
    return read_rows(g, c, passes);
}

/* The rows of an interlaced picture, as far as they came. */
static void draw_kept(const struct png *g, struct canvas *c)
{
    for (uint32_t y = 0; y < g->height; y++)
        canvas_row(c, g->pixels + y * g->row_bytes, 4);
}

static enum err decode_guarded(struct png *g, struct canvas *c, struct verdict *v)
{
    if (setjmp(png_jmpbuf(g->p)) == 0)
        return decode(g, c, v);
    if (g->rows_done == 0)
        return UNREADABLE(v);
    v->flags |= INSPECT_DAMAGED;
    return ERR_OK;
}

enum err png_picture(const uint8_t *data, size_t len, uint32_t page, struct canvas *c,
                     struct verdict *v)
{
    struct png *g = calloc(1, sizeof(*g));
    enum err e = ERR_OK;

    (void)page;
    if (g == NULL)
        return err_set(ERR_NOMEM, "a PNG");
    g->data = data;
    g->left = len;
    g->p = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    if (g->p != NULL)
        g->info = png_create_info_struct(g->p);
    if (g->info == NULL)
        e = err_set(ERR_NOMEM, "a PNG");
    else
        e = decode_guarded(g, c, v);
    if (g->cut && v->outcome == INSPECT_CLEAN)
        v->flags |= INSPECT_DAMAGED;
    if (e == ERR_OK && c != NULL && c->rgb != NULL && g->pixels != NULL &&
        png_get_interlace_type(g->p, g->info) != PNG_INTERLACE_NONE)
        draw_kept(g, c);
    png_destroy_read_struct(&g->p, &g->info, NULL);
    free(g->pixels);
    free(g);
    return e;
}
