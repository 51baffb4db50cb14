/* GIF, by giflib: every line of every frame is decoded; the first frame is the one that is
 * drawn. */
#include "gateway/inspector/picture.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

struct gif {
    GifFileType *f;
    const uint8_t *data;
    size_t left;
    uint64_t pixels;
    uint32_t frames;
    uint8_t *line, *rgb;
};

static int take(GifFileType *f, GifByteType *to, int len)
{
    struct gif *g = f->UserData;
    size_t n = (size_t)len < g->left ? (size_t)len : g->left;

    memcpy(to, g->data, n);
    g->data += n;
    g->left -= n;
    return (int)n;
}

static void draw_line(struct gif *g, struct canvas *c, uint32_t width)
{
    const GifImageDesc *d = &g->f->Image;
    const ColorMapObject *map = d->ColorMap != NULL ? d->ColorMap : g->f->SColorMap;

    for (uint32_t x = 0; x < width; x++) {
        int i = g->line[x];
        GifColorType none = {0, 0, 0};
        GifColorType colour = map != NULL && i < map->ColorCount ? map->Colors[i] : none;

        g->rgb[x * 3] = colour.Red;
        g->rgb[x * 3 + 1] = colour.Green;
        g->rgb[x * 3 + 2] = colour.Blue;
    }
    canvas_row(c, g->rgb, 3);
}

/* Interlaced ones are drawn in the order in which their lines come: good enough to look at. */
static enum err read_frame(struct gif *g, struct canvas *c, struct verdict *v, bool *whole)
{
    uint32_t width, height;

    *whole = false;
    if (DGifGetImageDesc(g->f) == GIF_ERROR)
        return ERR_OK;
    width = (uint32_t)g->f->Image.Width;
    height = (uint32_t)g->f->Image.Height;
    g->pixels += (uint64_t)width * height;
    if (g->f->Image.Width <= 0 || g->f->Image.Height <= 0 ||
        !picture_fits(v, width, height, PICTURE_WHOLE_PIXELS_MAX) ||
        g->pixels > PICTURE_ALL_PIXELS_MAX || g->frames >= PICTURE_FRAMES_MAX)
        return BEYOND_BOUNDS(v);
    free(g->line);
    free(g->rgb);
    g->line = malloc(width);
    g->rgb = malloc((size_t)width * 3);
    if (g->line == NULL || g->rgb == NULL)
        return err_set(ERR_NOMEM, "a frame");
    if (c != NULL && g->frames == 0)
        TRY(canvas_begin(c, width, height));
    for (uint32_t y = 0; y < height; y++) {
        if (DGifGetLine(g->f, g->line, (int)width) == GIF_ERROR)
            return ERR_OK;
        if (c != NULL && g->frames == 0)
            draw_line(g, c, width);
    }
    g->frames++;
    *whole = true;
    return ERR_OK;
}

static bool skip_extension(GifFileType *f)
{
    GifByteType *bytes;
    int code;

    if (DGifGetExtension(f, &code, &bytes) == GIF_ERROR)
        return false;
    while (bytes != NULL) {
        if (DGifGetExtensionNext(f, &bytes) == GIF_ERROR)
            return false;
    }
    return true;
}

static enum err read_all(struct gif *g, struct canvas *c, struct verdict *v)
{
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    bool whole = true;

    while (whole && DGifGetRecordType(g->f, &type) == GIF_OK &&
           type != TERMINATE_RECORD_TYPE) {
        if (type == IMAGE_DESC_RECORD_TYPE) {
            TRY(read_frame(g, c, v, &whole));
            if (v->outcome != INSPECT_CLEAN)
                return ERR_OK;
        } else if (type == EXTENSION_RECORD_TYPE) {
            whole = skip_extension(g->f);
        }
    }
    if (g->frames == 0)
        return UNREADABLE(v);
    if (!whole || type != TERMINATE_RECORD_TYPE)
        v->flags |= INSPECT_DAMAGED;
    if (g->frames > 1)
        v->flags |= INSPECT_ANIMATED;
    return ERR_OK;
}

enum err gif_picture(const uint8_t *data, size_t len, uint32_t page, struct canvas *c,
                     struct verdict *v)
{
    struct gif g = {.data = data, .left = len};
    enum err e;
    int code;

    (void)page;
    g.f = DGifOpen(&g, take, &code);
    if (g.f == NULL)
        return UNREADABLE(v);
    e = read_all(&g, c, v);
    (void)DGifCloseFile(g.f, &code);
    free(g.line);
    free(g.rgb);
    return e;
}
