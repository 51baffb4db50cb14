/* Which step for which type, and what becomes of its answer. Invariant: whatever a step did to
 * the verdict, it is a valid one when it leaves here. */
#include "gateway/inspector/steps.h"

#include <stdio.h>
#include <string.h>

#define OOXML "application/vnd.openxmlformats-officedocument."

static const struct {
    const char *type;
    step_run *run;
} STEPS[] = {
    {"application/pdf", step_pdf},
    {"image/jpeg", step_jpeg},
    {"image/png", step_png},
    {"image/gif", step_gif},
    {"image/webp", step_webp},
    {"image/tiff", step_tiff},
    {"image/heic", step_heic},
    {"audio/wav", step_audio},
    {"audio/flac", step_audio},
    {"audio/ogg", step_audio},
    {"audio/mpeg", step_audio},
    {"audio/mp4", step_audio},
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
    {"text/plain", step_text},
    {"application/json", step_json},
};

step_run *step_for(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        if (strcmp(type, STEPS[i].type) == 0)
            return STEPS[i].run;
    }
    return NULL;
}

enum err conclude(struct verdict *v, enum inspect_outcome outcome, enum inspect_reason reason)
{
    v->outcome = outcome;
    v->reason = reason;
    return ERR_OK;
}

void set_type(struct verdict *v, const char *type)
{
    verdict_text(v->type, sizeof(v->type), type, strlen(type));
}

static void conclude_error(struct verdict *v, enum err e)
{
    enum inspect_reason reason = REASON_EXAMINER_DIED;

    if (e == ERR_TOO_LARGE)
        reason = REASON_TOO_LARGE;
    else if (e == ERR_NOMEM)
        reason = REASON_MEMORY;
    else if (e == ERR_REFUSED)
        reason = REASON_BOUNDS;
    (void)conclude(v, INSPECT_COULD_NOT_SCAN, reason);
}

/* A file of another type than was said is refused, unless it is refused for a reason that says
 * more: a document with a password cannot be told from others of its container. */
static void compare_type(const char *declared, struct verdict *v)
{
    if (strcmp(declared, v->type) != 0 &&
        (v->outcome == INSPECT_CLEAN || v->outcome == INSPECT_UNREADABLE))
        (void)conclude(v, INSPECT_TYPE_MISMATCH, REASON_NONE);
}

/* Numbers that a parser read from the file and that cannot be meant. */
static void bound(struct verdict *v)
{
    struct verdict again = {.outcome = v->outcome, .reason = v->reason, .flags = v->flags};

    if (verdict_is_valid(v))
        return;
    set_type(&again, v->type);
    *v = again;
    if (!verdict_is_valid(v))
        *v = (struct verdict){.outcome = INSPECT_COULD_NOT_SCAN, .reason = REASON_BOUNDS};
}

void examine(struct sniffer *sniffer, struct source *s, const char *declared_type,
             struct verdict *v)
{
    char type[SNIFF_TYPE_MAX + 1];
    const uint8_t *head;
    size_t len;
    step_run *run;
    enum err e;

    *v = (struct verdict){.outcome = INSPECT_CLEAN};
    e = source_peek(s, &head, &len);
    if (e == ERR_OK)
        e = sniff_type(sniffer, head, len, type);
    if (e == ERR_OK) {
        set_type(v, type);
        run = step_for(type);
        if (run != NULL)
            e = run(s, v);
        else if (strcmp(type, declared_type) == 0)
            (void)conclude(v, INSPECT_COULD_NOT_SCAN, REASON_NO_STEP);
    }
    if (e != ERR_OK)
        conclude_error(v, e);
    else
        compare_type(declared_type, v);
    bound(v);
}
