/* Everything that a library would open a file for, once locked in, it opens here: character
 * sets, types, fonts. The page that is drawn for it is ours. */
#include "gateway/inspector/warm.h"

#include "gateway/inspector/characters.h"
#include "gateway/inspector/sheet.h"

#include <gsf/gsf-utils.h>
#include <jansson.h>
#include <libavformat/avformat.h>
#include <libheif/heif.h>
#include <poppler.h>
#include <stdlib.h>

static const char PAGE[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
                           "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
                           "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R"
                           "/Resources<</Font<</F 5 0 R/G 6 0 R>>>>>>endobj\n"
                           "4 0 obj<</Length 42>>stream\nBT/F 9 Tf 9 9 Td(a)Tj/G 9 Tf(b)Tj ET  "
                           "    \nendstream endobj\n"
                           "5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
                           "6 0 obj<</Type/Font/Subtype/TrueType/BaseFont/Unknown>>endobj\n"
                           "trailer<</Root 1 0 R>>\n%%EOF\n";

static void draw_page(void)
{
    GBytes *bytes = g_bytes_new_static(PAGE, sizeof(PAGE) - 1);
    PopplerDocument *document = poppler_document_new_from_bytes(bytes, NULL, NULL);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 99, 99);
    cairo_t *cr = cairo_create(surface);
    PopplerPage *page = document == NULL ? NULL : poppler_document_get_page(document, 0);

    if (page != NULL) {
        poppler_page_render(page, cr);
        g_object_unref(page);
    }
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    if (document != NULL)
        g_object_unref(document);
    g_bytes_unref(bytes);
}

/* GLib would look where its standard error leads. */
static GLogWriterOutput say_nothing(GLogLevelFlags level, const GLogField *fields, gsize n,
                                    gpointer of)
{
    (void)level;
    (void)fields;
    (void)n;
    (void)of;
    return G_LOG_WRITER_HANDLED;
}

void warm_steps(void)
{
    json_object_seed(0);
    warm_characters();
    av_log_set_level(AV_LOG_QUIET);
    (void)heif_init(NULL);
    g_log_set_writer_func(say_nothing, NULL, NULL);
    gsf_init();
}

static void draw_sheet(void)
{
    static const char sheet[] = "{\"rows\":[{\"label\":\"a\",\"value\":\"b\"}]}";
    struct buf pdf;
    uint32_t pages;

    buf_init(&pdf, 1 << 20);
    enum err e = sheet_draw(sheet, sizeof(sheet) - 1, &pdf, &pages);
    (void)e; /* then the first one that is wanted is drawn without */
    buf_clear(&pdf);
}

void warm_libraries(void)
{
    warm_steps();
    draw_page();
    draw_sheet();
}
