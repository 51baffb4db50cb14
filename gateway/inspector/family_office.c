/* Office documents and archives, by libarchive and libgsf. */
#include "gateway/inspector/characters.h"
#include "gateway/inspector/family.h"

#include <glib.h>
#include <gsf/gsf-utils.h>

#define OOXML "application/vnd.openxmlformats-officedocument."

static const struct step_row STEPS[] = {
    {"application/vnd.oasis.opendocument.text", step_office},
    {OOXML "wordprocessingml.document", step_office},
    {OOXML "spreadsheetml.sheet", step_office},
    {OOXML "presentationml.presentation", step_office},
    {"application/zip", step_office}, /* one of them, it may turn out */
    {"application/msword", step_ole},
    {"application/CDFV2", step_ole},
    {"application/x-ole-storage", step_ole},
    {"application/vnd.ms-office", step_ole},
    {"application/encrypted", step_ole}, /* libmagic's name for one with a password */
    {"application/x-7z-compressed", step_archive},
    {"application/x-tar", step_archive},
};

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

static void warm(void)
{
    warm_characters();
    g_log_set_writer_func(say_nothing, NULL, NULL);
    gsf_init();
}

const struct family FAMILY = {FAMILY_STEPS(STEPS), .warm = warm};
