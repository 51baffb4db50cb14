/* Sound, by FFmpeg. */
#include "gateway/inspector/family.h"

#include <libavutil/log.h>

static const struct step_row STEPS[] = {
    {"audio/wav", step_audio},  {"audio/flac", step_audio}, {"audio/ogg", step_audio},
    {"audio/mpeg", step_audio}, {"audio/mp4", step_audio},
};

static void warm(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

const struct family FAMILY = {FAMILY_STEPS(STEPS), .warm = warm};
