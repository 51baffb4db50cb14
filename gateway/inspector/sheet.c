/* Invariants: the text of a value is drawn in its order, line by line, and nothing between its
 * lines, so that what is copied out of the page is what was filled in; the sheet is laid out
 * twice, since its foot tells how many pages there are. */
#include "gateway/inspector/sheet.h"

#include "gateway/base/encode.h"

#include <cairo-pdf.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define FONT "DejaVu Sans"
#define MARGIN 56.0
#define BOTTOM (SHEET_HEIGHT - 64.0)
#define VALUE_LEFT 226.0
#define VALUE_WIDTH (SHEET_WIDTH - MARGIN - VALUE_LEFT)
#define LABEL_WIDTH (VALUE_LEFT - MARGIN - 12.0)
#define LEADING 1.35
#define FOOT_TOP (SHEET_HEIGHT - 52.0)

enum { FOOT_LINES = 3, TEXT_BYTES_MAX = 64 * 1024, LINE_BYTES_MAX = 512 };

struct drawing {
    cairo_t *cr;
    json_t *sheet;
    double y;
    uint32_t page, pages; /* pages: 0 while they are counted */
};
struct style {
    double size;
    bool bold;
};
static const struct style TITLE = {18, true}, SUBTITLE = {11, false}, HEADING = {12, true},
                          LABEL = {9.5, true}, VALUE = {10, false}, FOOT = {7, false};

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text == NULL ? "" : text;
}

static void set_style(cairo_t *cr, const struct style *s)
{
    cairo_select_font_face(cr, FONT, CAIRO_FONT_SLANT_NORMAL,
                           s->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, s->size);
}

static double width_of(cairo_t *cr, const char *text)
{
    cairo_text_extents_t e;

    cairo_text_extents(cr, text, &e);
    return e.x_advance;
}

/* --- characters --------------------------------------------------------------------------- */

static bool has_glyph(cairo_t *cr, const char *at, size_t step)
{
    cairo_glyph_t *glyphs = NULL;
    int n = 0;
    bool has;

    if (cairo_scaled_font_text_to_glyphs(cairo_get_scaled_font(cr), 0, 0, at, (int)step,
                                         &glyphs, &n, NULL, NULL, NULL) != CAIRO_STATUS_SUCCESS)
        return false;
    has = n > 0 && glyphs[0].index != 0;
    cairo_glyph_free(glyphs);
    return has;
}

static uint32_t code_point(const char *at, size_t step)
{
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)at[0] & lead[step];

    for (size_t i = 1; i < step; i++)
        c = c << 6 | ((unsigned char)at[i] & 0x3f);
    return c;
}

/* What can be drawn, in the present style; a tab is a space, a newline stays. */
static enum err make_drawable(cairo_t *cr, const char *text, struct buf *out)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t step = utf8_step(text, left);

        if (step == 0)
            return err_set(ERR_INVALID, "a sheet that is not UTF-8");
        if (*text == '\t')
            TRY(buf_append_byte(out, ' '));
        else if (*text == '\n' || has_glyph(cr, text, step))
            TRY(buf_append(out, text, step));
        else
            TRY(buf_printf(out, "[U+%04X]", code_point(text, step)));
        text += step;
        left -= step;
    }
    return ERR_OK;
}

/* --- lines -------------------------------------------------------------------------------- */

/* How many bytes of `text` (which has no newline up to `len`) fit `width`: up to a space if
 * there is one, at least one character. */
static size_t line_fit(cairo_t *cr, const char *text, size_t len, double width)
{
    char line[LINE_BYTES_MAX];
    size_t fit = 0, space = 0;

    while (fit < len) {
        size_t step = utf8_step(text + fit, len - fit);

        if (step == 0 || fit + step >= sizeof(line))
            break;
        memcpy(line, text, fit + step);
        line[fit + step] = '\0';
        if (fit > 0 && width_of(cr, line) > width)
            break;
        fit += step;
        if (text[fit - 1] == ' ')
            space = fit;
    }
    return fit < len && space > 0 ? space : fit;
}

static void foot_line(struct drawing *d, double y, const char *text, size_t len)
{
    char line[LINE_BYTES_MAX];

    memcpy(line, text, len);
    line[len] = '\0';
    cairo_move_to(d->cr, MARGIN, y);
    cairo_show_text(d->cr, line);
}

/* Up to FOOT_LINES of text, and the number of the page. */
static void show_foot(struct drawing *d)
{
    const char *at = text_of(d->sheet, "foot");
    size_t left = strlen(at);
    double y = FOOT_TOP;
    char number[64];
    int n;

    set_style(d->cr, &FOOT);
    for (int i = 0; i < FOOT_LINES && left > 0; i++) {
        size_t fit = line_fit(d->cr, at, left, SHEET_WIDTH - 2 * MARGIN);

        foot_line(d, y, at, fit);
        y += FOOT.size * LEADING;
        at += fit;
        left -= fit;
    }
    n = snprintf(number, sizeof(number), "%.20s, page %u of %u", text_of(d->sheet, "title"),
                 d->page, d->pages);
    foot_line(d, y, number, n > 0 ? (size_t)n : 0);
}

static void new_page(struct drawing *d)
{
    if (d->page > 0)
        cairo_show_page(d->cr);
    d->page++;
    show_foot(d);
    d->y = MARGIN;
}

static void need_room(struct drawing *d, double height)
{
    if (d->y + height > BOTTOM)
        new_page(d);
}

static void show_line(struct drawing *d, const struct style *s, double left, const char *text,
                      size_t len)
{
    char line[LINE_BYTES_MAX];

    memcpy(line, text, len);
    line[len] = '\0';
    need_room(d, s->size * LEADING);
    set_style(d->cr, s);
    d->y += s->size * LEADING;
    cairo_move_to(d->cr, left, d->y);
    cairo_show_text(d->cr, line);
}

static enum err show_text(struct drawing *d, const struct style *s, double left, double width,
                          const char *text)
{
    AUTO_CLEAR(buf_clear) struct buf drawable;
    const char *at;
    size_t left_over;

    buf_init(&drawable, TEXT_BYTES_MAX);
    set_style(d->cr, s);
    TRY(make_drawable(d->cr, text, &drawable));
    at = buf_text(&drawable);
    left_over = drawable.len;
    while (left_over > 0) {
        size_t line = strcspn(at, "\n"), fit;

        set_style(d->cr, s);
        fit = line_fit(d->cr, at, line, width);
        show_line(d, s, left, at, fit);
        fit += fit == line && fit < left_over; /* the newline */
        at += fit;
        left_over -= fit;
        if (d->page > SHEET_PAGES_MAX)
            return err_set(ERR_INVALID, "a sheet of too many pages");
    }
    return ERR_OK;
}

/* --- rows --------------------------------------------------------------------------------- */

static enum err show_heading(struct drawing *d, const char *text)
{
    need_room(d, 60);
    d->y += 14;
    TRY(show_text(d, &HEADING, MARGIN, SHEET_WIDTH - 2 * MARGIN, text));
    d->y += 4;
    cairo_set_line_width(d->cr, 0.5);
    cairo_move_to(d->cr, MARGIN, d->y);
    cairo_line_to(d->cr, SHEET_WIDTH - MARGIN, d->y);
    cairo_stroke(d->cr);
    d->y += 2;
    return ERR_OK;
}

/* The label first: where it ends on a later page than it began, the value begins there. */
static enum err show_field(struct drawing *d, const char *label, const char *value)
{
    double top, low;
    uint32_t page;

    need_room(d, 3 * VALUE.size * LEADING);
    top = d->y;
    page = d->page;
    TRY(show_text(d, &LABEL, MARGIN, LABEL_WIDTH, label));
    low = d->y;
    if (d->page == page)
        d->y = top;
    page = d->page;
    TRY(show_text(d, &VALUE, VALUE_LEFT, VALUE_WIDTH, value));
    if (d->page == page && d->y < low)
        d->y = low;
    d->y += 3;
    return ERR_OK;
}

static enum err show_rows(struct drawing *d)
{
    const json_t *rows = json_object_get(d->sheet, "rows");
    size_t n = json_array_size(rows);

    if (!json_is_array(rows) || n > SHEET_ROWS_MAX)
        return err_set(ERR_INVALID, "a sheet without rows");
    new_page(d);
    TRY(show_text(d, &TITLE, MARGIN, SHEET_WIDTH - 2 * MARGIN, text_of(d->sheet, "title")));
    TRY(show_text(d, &SUBTITLE, MARGIN, SHEET_WIDTH - 2 * MARGIN,
                  text_of(d->sheet, "subtitle")));
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);

        if (json_object_get(row, "heading") != NULL)
            TRY(show_heading(d, text_of(row, "heading")));
        else
            TRY(show_field(d, text_of(row, "label"), text_of(row, "value")));
    }
    cairo_show_page(d->cr);
    return ERR_OK;
}

/* --- the document ------------------------------------------------------------------------- */

static cairo_status_t append(void *of, const unsigned char *data, unsigned len)
{
    return buf_append(of, data, len) == ERR_OK ? CAIRO_STATUS_SUCCESS
                                               : CAIRO_STATUS_WRITE_ERROR;
}

static enum err draw_into(json_t *sheet, uint32_t pages, struct buf *pdf, uint32_t *counted)
{
    cairo_surface_t *surface =
        cairo_pdf_surface_create_for_stream(append, pdf, SHEET_WIDTH, SHEET_HEIGHT);
    struct drawing d = {.sheet = sheet, .pages = pages};
    cairo_status_t status;
    enum err e;

    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, text_of(sheet, "title"));
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "evidence-gateway");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE,
                                   text_of(sheet, "made_at"));
    d.cr = cairo_create(surface);
    cairo_set_source_rgb(d.cr, 0, 0, 0);
    e = show_rows(&d);
    status = cairo_status(d.cr);
    cairo_destroy(d.cr);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    *counted = d.page;
    if (e == ERR_OK && status != CAIRO_STATUS_SUCCESS)
        e = err_set(ERR_INVALID, "a sheet that cannot be drawn");
    return e;
}

enum err sheet_draw(const void *data, size_t len, struct buf *pdf, uint32_t *pages)
{
    json_error_t error;
    json_t *sheet = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
    enum err e = json_is_object(sheet) ? ERR_OK : err_set(ERR_INVALID, "not a sheet");

    if (e == ERR_OK)
        e = draw_into(sheet, 0, pdf, pages);
    if (e == ERR_OK) {
        buf_reset(pdf);
        e = draw_into(sheet, *pages, pdf, pages);
    }
    json_decref(sheet);
    return e;
}
