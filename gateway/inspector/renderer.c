/* The safe view: one page of a document, or a picture, drawn anew. What leaves here was never
 * in the file: pixels that we computed, written by our own encoder.
 *
 * A page is a PNG (letters stay sharp), a picture is a JPEG. Both fit RENDER_SIDE_MAX. */
#include "gateway/inspector/picture.h"
#include "gateway/inspector/roles.h"
#include "gateway/inspector/sheet.h"

#include <errno.h>
#include <math.h>
#include <poppler.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PDF_HELD_MAX = 256 << 20,
    SHEET_HELD_MAX = 1 << 20,
    PAGE_DPI = 150,
    POINTS_AN_INCH = 72
};

struct drawn {
    struct render_head head;
    struct buf bytes;
};

static const struct {
    const char *type;
    picture_decode *decode;
} PICTURES[] = {
    {"image/jpeg", jpeg_picture}, {"image/png", png_picture},   {"image/gif", gif_picture},
    {"image/webp", webp_picture}, {"image/tiff", tiff_picture}, {"image/heic", heic_picture},
};

static enum err draw_picture(picture_decode *decode, struct source *s, uint32_t page,
                             struct drawn *out)
{
    AUTO_CLEAR(canvas_clear) struct canvas c;
    struct verdict v = {.outcome = INSPECT_CLEAN};
    const uint8_t *data;
    size_t len;

    canvas_init(&c, RENDER_SIDE_MAX);
    TRY(source_hold(s, PICTURE_HELD_MAX, &data, &len));
    TRY(decode(data, len, page, &c, &v));
    if (v.outcome != INSPECT_CLEAN || c.rgb == NULL)
        return err_set(ERR_INVALID, "no picture");
    TRY(canvas_end(&c));
    TRY(canvas_to_jpeg(&c, &out->bytes));
    out->head.format = RENDER_JPEG;
    out->head.width = c.out_width;
    out->head.height = c.out_height;
    out->head.pages = v.pages == 0 ? 1 : v.pages;
    return ERR_OK;
}

static cairo_status_t append(void *of, const unsigned char *data, unsigned len)
{
    return buf_append(of, data, len) == ERR_OK ? CAIRO_STATUS_SUCCESS
                                               : CAIRO_STATUS_WRITE_ERROR;
}

static enum err draw_page(PopplerPage *page, struct drawn *out)
{
    double width, height, scale = (double)PAGE_DPI / POINTS_AN_INCH, longest;
    cairo_surface_t *surface;
    cairo_t *cr;
    cairo_status_t status;

    poppler_page_get_size(page, &width, &height);
    longest = width > height ? width : height;
    if (!(width > 0) || !(height > 0) || !(longest < 1e6))
        return err_set(ERR_INVALID, "a page of no size");
    if (longest * scale > RENDER_SIDE_MAX)
        scale = RENDER_SIDE_MAX / longest;
    out->head.width = (uint32_t)fmax(1, floor(width * scale));
    out->head.height = (uint32_t)fmax(1, floor(height * scale));
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)out->head.width,
                                         (int)out->head.height);
    cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, scale, scale);
    poppler_page_render(page, cr);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    status = cairo_surface_write_to_png_stream(surface, append, &out->bytes);
    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS)
        return err_set(ERR_INVALID, "a page that cannot be drawn");
    out->head.format = RENDER_PNG;
    return ERR_OK;
}

static enum err draw_pdf_page(const uint8_t *data, size_t len, uint32_t page, struct drawn *out)
{
    GBytes *bytes = g_bytes_new_static(data, len);
    PopplerDocument *document = poppler_document_new_from_bytes(bytes, NULL, NULL);
    PopplerPage *one = NULL;
    int pages = 0;
    enum err e = err_set(ERR_INVALID, "no such page");

    if (document != NULL)
        pages = poppler_document_get_n_pages(document);
    if (pages > 0 && pages <= VERDICT_PAGES_MAX && page < (uint32_t)pages)
        one = poppler_document_get_page(document, (int)page);
    if (one != NULL) {
        out->head.pages = (uint32_t)pages;
        e = draw_page(one, out);
        g_object_unref(one);
    }
    if (document != NULL)
        g_object_unref(document);
    g_bytes_unref(bytes);
    return e;
}

/* A sheet of ours: it leaves as a document, to be printed. */
static enum err draw_sheet(struct source *s, struct drawn *out)
{
    const uint8_t *data;
    size_t len;

    TRY(source_hold(s, SHEET_HELD_MAX, &data, &len));
    TRY(sheet_draw(data, len, &out->bytes, &out->head.pages));
    out->head.format = RENDER_PDF;
    out->head.width = SHEET_WIDTH;
    out->head.height = SHEET_HEIGHT;
    return ERR_OK;
}

static enum err draw(struct source *s, const char *type, uint32_t page, struct drawn *out)
{
    const uint8_t *data;
    size_t len;

    if (strcmp(type, RENDER_SHEET) == 0)
        return draw_sheet(s, out);
    if (strcmp(type, "application/pdf") == 0) {
        TRY(source_hold(s, PDF_HELD_MAX, &data, &len));
        return draw_pdf_page(data, len, page, out);
    }
    for (size_t i = 0; i < ARRAY_LEN(PICTURES); i++) {
        if (strcmp(type, PICTURES[i].type) == 0)
            return draw_picture(PICTURES[i].decode, s, page, out);
    }
    return err_set(ERR_UNSUPPORTED, "nobody here draws this type");
}

static bool write_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

int renderer_run(int plain, int picture, const char *type, uint32_t page)
{
    struct drawn d = {.head = {.format = RENDER_NOTHING}};
    struct source s;

    source_from_pipe(&s, plain);
    buf_init(&d.bytes, RENDER_BYTES_MAX);
    if (draw(&s, type, page, &d) != ERR_OK) {
        d.head = (struct render_head){.format = RENDER_NOTHING};
        buf_reset(&d.bytes);
    }
    d.head.magic = RENDER_MAGIC;
    d.head.len = (uint32_t)d.bytes.len;
    return write_all(picture, &d.head, sizeof(d.head)) &&
                   write_all(picture, d.bytes.data, d.bytes.len)
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}
