/* JPEG, by libjpeg-turbo. To check a picture its entropy-coded data is decoded whole, but only
 * an eighth of each side is computed: what breaks, breaks in the former. A file that ends early
 * or jumps is damaged; one without a single row is unreadable. */
#include "gateway/inspector/picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum {
    SCANS_MAX = 200, /* progressive: each costs as much as the picture is large */
    CHECK_SHRINK = 8,
    QUALITY = 85,
    EXIF_ORIENTATION = 0x0112,
    EXIF_ENTRIES_MAX = 512,
};

struct jpeg {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf out;
    bool out_of_memory, too_many_scans;
    uint8_t *row;
};

static void on_error(j_common_ptr c)
{
    struct jpeg *j = c->client_data;

    j->out_of_memory = c->err->msg_code == 56; /* JERR_OUT_OF_MEMORY */
    longjmp(j->out, 1);
}

static void on_message(j_common_ptr c)
{
    (void)c;
}

static void on_progress(j_common_ptr c)
{
    struct jpeg *j = c->client_data;

    if (j->d.input_scan_number > SCANS_MAX) {
        j->too_many_scans = true;
        longjmp(j->out, 1);
    }
}

/* ---- Exif: nothing but the orientation ---- */

static unsigned take(const uint8_t *at, unsigned bytes, bool big)
{
    unsigned v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (unsigned)at[i] << 8 * (big ? bytes - 1 - i : i);
    return v;
}

/* "Exif\0\0", a TIFF header, entries of 12 bytes. */
static unsigned exif_turn(const uint8_t *data, size_t len)
{
    const uint8_t *tiff = data + 6;
    size_t at, n;
    bool big;

    if (len < 6 + 8 || memcmp(data, "Exif\0\0", 6) != 0)
        return 1;
    len -= 6;
    big = tiff[0] == 'M';
    at = take(tiff + 4, 4, big);
    if (at > len || len - at < 2)
        return 1;
    n = take(tiff + at, 2, big);
    at += 2;
    for (size_t i = 0; i < n && i < EXIF_ENTRIES_MAX && len - at >= 12; i++, at += 12) {
        if (take(tiff + at, 2, big) == EXIF_ORIENTATION) {
            unsigned turn = take(tiff + at + 8, 2, big);

            return turn >= 1 && turn <= 8 ? turn : 1;
        }
    }
    return 1;
}

static unsigned find_turn(const struct jpeg_decompress_struct *d)
{
    for (jpeg_saved_marker_ptr m = d->marker_list; m != NULL; m = m->next) {
        unsigned turn = exif_turn(m->data, m->data_length);

        if (turn != 1)
            return turn;
    }
    return 1;
}

/* ---- decoding ---- */

/* Inverted, as Adobe writes it. */
static void cmyk_to_rgb(uint8_t *row, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        const uint8_t *from = row + (size_t)x * 4;
        unsigned black = from[3];
        uint8_t r = (uint8_t)(from[0] * black / 255), g = (uint8_t)(from[1] * black / 255),
                b = (uint8_t)(from[2] * black / 255);

        row[(size_t)x * 3] = r;
        row[(size_t)x * 3 + 1] = g;
        row[(size_t)x * 3 + 2] = b;
    }
}

static void choose_output(struct jpeg_decompress_struct *d, const struct canvas *c)
{
    bool cmyk = d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK;

    if (c != NULL) {
        d->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
        return;
    }
    d->out_color_space = d->jpeg_color_space;
    d->scale_num = 1;
    d->scale_denom = CHECK_SHRINK;
    d->do_fancy_upsampling = FALSE;
    d->dct_method = JDCT_IFAST;
}

static enum err read_rows(struct jpeg *j, struct canvas *c)
{
    size_t bytes = (size_t)j->d.output_width * (unsigned)j->d.output_components;

    j->row = malloc(bytes + 3);
    if (j->row == NULL)
        return err_set(ERR_NOMEM, "a row");
    if (c != NULL)
        TRY(canvas_begin(c, j->d.output_width, j->d.output_height));
    while (j->d.output_scanline < j->d.output_height) {
        JSAMPROW rows[1] = {j->row};

        if (jpeg_read_scanlines(&j->d, rows, 1) != 1)
            break;
        if (c == NULL)
            continue;
        if (j->d.output_components == 4)
            cmyk_to_rgb(j->row, j->d.output_width);
        canvas_row(c, j->row, 3);
    }
    return ERR_OK;
}

static enum err judge_jump(const struct jpeg *j, struct verdict *v)
{
    if (j->out_of_memory)
        return err_set(ERR_NOMEM, "a JPEG");
    if (j->too_many_scans)
        return BEYOND_BOUNDS(v);
    if (j->row == NULL || j->d.output_scanline == 0)
        return UNREADABLE(v);
    v->flags |= INSPECT_DAMAGED;
    return ERR_OK;
}

static enum err decode(struct jpeg *j, const uint8_t *data, size_t len, struct canvas *c,
                       struct verdict *v)
{
    enum err e;

    if (setjmp(j->out) != 0)
        return judge_jump(j, v);
    jpeg_create_decompress(&j->d);
    jpeg_mem_src(&j->d, data, len);
    jpeg_save_markers(&j->d, JPEG_APP0 + 1, 0xffff);
    if (jpeg_read_header(&j->d, TRUE) != JPEG_HEADER_OK)
        return UNREADABLE(v);
    if (!picture_fits(v, j->d.image_width, j->d.image_height, PICTURE_ROWS_PIXELS_MAX))
        return BEYOND_BOUNDS(v);
    if (c != NULL)
        c->turn = find_turn(&j->d);
    j->d.progress = &j->progress;
    choose_output(&j->d, c);
    if (!jpeg_start_decompress(&j->d))
        return UNREADABLE(v);
    e = read_rows(j, c);
    if (j->errors.num_warnings > 0)
        v->flags |= INSPECT_DAMAGED;
    return e;
}

enum err jpeg_picture(const uint8_t *data, size_t len, uint32_t page, struct canvas *c,
                      struct verdict *v)
{
    struct jpeg *j = calloc(1, sizeof(*j));
    enum err e;

    (void)page;
    if (j == NULL)
        return err_set(ERR_NOMEM, "a JPEG");
    j->d.err = jpeg_std_error(&j->errors);
    j->d.client_data = j;
    j->errors.error_exit = on_error;
    j->errors.output_message = on_message;
    j->progress.progress_monitor = on_progress;
    if (len == 0)
        e = UNREADABLE(v);
    else
        e = decode(j, data, len, c, v);
    jpeg_destroy_decompress(&j->d);
    free(j->row);
    free(j);
    return e;
}

/* ---- what a canvas becomes ---- */

struct jpeg_out {
    struct jpeg_compress_struct d;
    struct jpeg_error_mgr errors;
    jmp_buf out;
    unsigned char *bytes;
    unsigned long len;
};

static void on_out_error(j_common_ptr c)
{
    struct jpeg_out *o = c->client_data;

    longjmp(o->out, 1);
}

static void encode(struct jpeg_out *o, const struct canvas *c)
{
    jpeg_create_compress(&o->d);
    jpeg_mem_dest(&o->d, &o->bytes, &o->len);
    o->d.image_width = c->out_width;
    o->d.image_height = c->out_height;
    o->d.input_components = 3;
    o->d.in_color_space = JCS_RGB;
    jpeg_set_defaults(&o->d);
    jpeg_set_quality(&o->d, QUALITY, TRUE);
    jpeg_start_compress(&o->d, TRUE);
    while (o->d.next_scanline < o->d.image_height) {
        JSAMPROW rows[1] = {c->rgb + (size_t)o->d.next_scanline * c->out_width * 3};

        (void)jpeg_write_scanlines(&o->d, rows, 1);
    }
    jpeg_finish_compress(&o->d);
}

enum err canvas_to_jpeg(const struct canvas *c, struct buf *out)
{
    struct jpeg_out *o = calloc(1, sizeof(*o));
    enum err e;

    if (o == NULL)
        return err_set(ERR_NOMEM, "a JPEG");
    o->d.err = jpeg_std_error(&o->errors);
    o->d.client_data = o;
    o->errors.error_exit = on_out_error;
    o->errors.output_message = on_message;
    if (setjmp(o->out) == 0) {
        encode(o, c);
        e = buf_append(out, o->bytes, o->len);
    } else {
        e = err_set(ERR_NOMEM, "writing a JPEG");
    }
    jpeg_destroy_compress(&o->d);
    free(o->bytes);
    free(o);
    return e;
}
