/* TIFF, by libtiff: every page is decoded, within a bound for all of them together. */
#include "gateway/inspector/picture.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

struct tiff {
    const uint8_t *data;
    size_t len, at;
};

static tmsize_t take(thandle_t of, void *to, tmsize_t cap)
{
    struct tiff *t = of;
    size_t left = t->at < t->len ? t->len - t->at : 0;
    size_t n = (size_t)cap < left ? (size_t)cap : left;

    if (n > 0)
        memcpy(to, t->data + t->at, n);
    t->at += n;
    return (tmsize_t)n;
}

static tmsize_t refuse(thandle_t of, void *from, tmsize_t len)
{
    (void)of;
    (void)from;
    (void)len;
    return 0;
}

static toff_t seek(thandle_t of, toff_t to, int whence)
{
    struct tiff *t = of;
    toff_t base = whence == SEEK_CUR ? t->at : whence == SEEK_END ? t->len : 0;

    if (to > SIZE_MAX - base)
        return (toff_t)-1;
    t->at = (size_t)(base + to);
    return t->at;
}

static int no_close(thandle_t of)
{
    (void)of;
    return 0;
}

static toff_t size(thandle_t of)
{
    return ((struct tiff *)of)->len;
}

static void silent(const char *module, const char *format, va_list args)
{
    (void)module;
    (void)format;
    (void)args;
}

struct page {
    uint32_t width, height;
    uint32_t *raster;
    bool whole;
};

/* Libtiff's raster is ABGR in the machine's order: R, G, B, A in memory here. */
static enum err draw(struct canvas *c, const struct page *p)
{
    TRY(canvas_begin(c, p->width, p->height));
    for (uint32_t y = 0; y < p->height; y++)
        canvas_row(c, (const uint8_t *)(p->raster + (size_t)y * p->width), 4);
    return ERR_OK;
}

static enum err read_page(TIFF *t, struct page *p, struct verdict *v)
{
    if (TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &p->width) != 1 ||
        TIFFGetField(t, TIFFTAG_IMAGELENGTH, &p->height) != 1 || p->width == 0 ||
        p->height == 0)
        return ERR_OK;
    if (!picture_fits(v, p->width, p->height, PICTURE_WHOLE_PIXELS_MAX))
        return BEYOND_BOUNDS(v);
    p->raster = _TIFFmalloc((tmsize_t)((size_t)p->width * p->height * sizeof(uint32_t)));
    if (p->raster == NULL)
        return err_set(ERR_NOMEM, "a page");
    p->whole = TIFFReadRGBAImageOriented(t, p->width, p->height, p->raster,
                                         ORIENTATION_TOPLEFT, 1) == 1;
    return ERR_OK;
}

/* Sets *good when the page decoded. */
static enum err one_page(TIFF *t, bool drawn, struct canvas *c, struct verdict *v,
                         uint64_t *pixels, bool *good)
{
    struct page p = {.width = 0};
    enum err e = read_page(t, &p, v);

    *pixels += (uint64_t)p.width * p.height;
    *good = p.whole;
    if (e == ERR_OK && drawn && p.whole)
        e = draw(c, &p);
    _TIFFfree(p.raster);
    if (e == ERR_OK && v->outcome == INSPECT_CLEAN && *pixels > PICTURE_ALL_PIXELS_MAX)
        return BEYOND_BOUNDS(v);
    return e;
}

static enum err pages(TIFF *t, uint32_t wanted, struct canvas *c, struct verdict *v)
{
    uint64_t pixels = 0;
    uint32_t good_pages = 0;

    do {
        bool good = false;
        bool drawn = c != NULL && v->pages == wanted;

        if (v->pages >= PICTURE_FRAMES_MAX)
            return BEYOND_BOUNDS(v);
        if (c == NULL || drawn)
            TRY(one_page(t, drawn, c, v, &pixels, &good));
        if (v->outcome != INSPECT_CLEAN)
            return ERR_OK;
        v->pages++;
        good_pages += good;
    } while (TIFFReadDirectory(t) == 1);
    if (good_pages == 0)
        return UNREADABLE(v);
    if (c == NULL && good_pages < v->pages)
        v->flags |= INSPECT_DAMAGED;
    return ERR_OK;
}

enum err tiff_picture(const uint8_t *data, size_t len, uint32_t page, struct canvas *c,
                      struct verdict *v)
{
    struct tiff in = {.data = data, .len = len};
    TIFF *t;
    enum err e;

    (void)TIFFSetErrorHandler(silent);
    (void)TIFFSetWarningHandler(silent);
    t = TIFFClientOpen("artefact", "rm", &in, take, refuse, seek, no_close, size, NULL, NULL);
    if (t == NULL)
        return UNREADABLE(v);
    e = pages(t, page, c, v);
    TIFFClose(t);
    return e;
}
