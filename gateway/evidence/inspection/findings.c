/* Invariant: an artefact is available by its inspection only after INSPECT_CLEAN; each other
 * outcome leads to a status in which nobody opens it. */
#include "gateway/evidence/inspection/findings.h"

#include "gateway/base/clock.h"

#include <stdio.h>
#include <string.h>

bool findings_scanner_away(const struct verdict *v)
{
    if (v->outcome != INSPECT_COULD_NOT_SCAN)
        return false;
    return v->reason == REASON_SCANNER_UNREACHABLE || v->reason == REASON_SCANNER_SETTINGS ||
           v->reason == REASON_BUSY || v->reason == REASON_SPAWNER;
}

/* What the file is: larger than is let in, deeper, or of a type that nobody here understands.
 * No repetition changes that; other settings and a rescan may. */
static bool is_of_the_file(enum inspect_reason r)
{
    return r == REASON_SCANNER_SIZE || r == REASON_SCANNER_LIMITS || r == REASON_TOO_LARGE ||
           r == REASON_BOUNDS || r == REASON_NO_STEP;
}

bool findings_may_pass(const struct verdict *v, unsigned attempts)
{
    if (v->outcome != INSPECT_COULD_NOT_SCAN || is_of_the_file(v->reason))
        return false;
    return findings_scanner_away(v) || attempts < FINDINGS_ATTEMPTS;
}

/* Sound that is longer than the stated times holds what was said outside of them, perhaps after
 * an opt-out. A shorter one may have had pauses; a much shorter one lacks a part, or is another
 * recording than was said. */
static bool fits_its_times(const struct verdict *v, const struct artefact_record *a,
                           const struct finding_rules *rules)
{
    int64_t stated = a->recording_stopped_at - a->recording_started_at;
    if (a->recording_started_at == 0)
        return true;
    if (v->duration_ms == 0)
        return !rules->recording;
    return v->duration_ms * 1000 <= stated + rules->tolerance_us &&
           v->duration_ms * 1000 >= stated - rules->shortfall_us;
}

void findings_status(const struct verdict *v, unsigned attempts,
                     const struct artefact_record *a, const struct finding_rules *rules,
                     enum artefact_status *status, char reason[SHORT_TEXT_MAX + 1])
{
    const char *why = "";
    *status = ARTEFACT_COULD_NOT_SCAN;
    if (v->outcome == INSPECT_CLEAN && fits_its_times(v, a, rules)) {
        *status = ARTEFACT_AVAILABLE;
    } else if (v->outcome == INSPECT_CLEAN) {
        *status = ARTEFACT_QUARANTINED;
        why = STATUS_REASON_INTERVAL;
    } else if (v->outcome == INSPECT_VIRUS) {
        *status = ARTEFACT_RESTRICTED;
        why = STATUS_REASON_INFECTED;
    } else if (findings_may_pass(v, attempts)) {
        *status = ARTEFACT_QUARANTINED;
        why = STATUS_REASON_NOT_INSPECTED;
    } else if (v->outcome == INSPECT_COULD_NOT_SCAN) {
        why = inspect_reason_name(v->reason);
    } else {
        why = inspect_outcome_name(v->outcome);
    }
    (void)snprintf(reason, SHORT_TEXT_MAX + 1, "%s", why);
}

void findings_record(const struct verdict *v, const struct uuid *artefact, int64_t at,
                     struct inspection_record *out)
{
    *out = (struct inspection_record){
        .artefact = *artefact,
        .at = at,
        .signatures_at = v->signatures_at,
        .flags = v->flags,
        .pages = v->pages,
        .width = v->width,
        .height = v->height,
        .members = v->members,
        .duration_ms = v->duration_ms,
        .channels = v->channels,
        .sample_rate = v->sample_rate,
    };
    (void)snprintf(out->outcome, sizeof(out->outcome), "%s", inspect_outcome_name(v->outcome));
    (void)snprintf(out->reason, sizeof(out->reason), "%s", inspect_reason_name(v->reason));
    memcpy(out->virus, v->virus, sizeof(v->virus));
    memcpy(out->engine, v->engine, sizeof(v->engine));
    memcpy(out->signatures, v->signatures, sizeof(v->signatures));
    memcpy(out->type, v->type, sizeof(v->type));
}
_Static_assert((int)VERDICT_VIRUS_MAX == (int)INSPECTION_VIRUS_MAX &&
                   (int)VERDICT_ENGINE_MAX == (int)INSPECTION_NAME_MAX &&
                   (int)SNIFF_TYPE_MAX == (int)MEDIA_TYPE_MAX &&
                   (int)VERDICT_PEAKS == (int)INSPECTION_PEAKS_MAX,
               "a verdict fits its record");

void findings_entry(json_t *entry, const struct verdict *v)
{
    json_put_text(entry, "inspection", inspect_outcome_name(v->outcome));
    if (v->reason != REASON_NONE)
        json_put_text(entry, "inspection_reason", inspect_reason_name(v->reason));
    json_put_text_if(entry, "virus", v->virus);
    json_put_text_if(entry, "engine", v->engine);
    json_put_text_if(entry, "signatures", v->signatures);
    if (v->signatures_at != 0)
        json_put_time(entry, "signatures_at", v->signatures_at * MICROS_PER_SECOND);
}

json_t *findings_flags(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } NAMES[] = {
        {INSPECT_ACTIVE_CONTENT, "active-content"},
        {INSPECT_ENCRYPTED, "encrypted"},
        {INSPECT_EMBEDDED_FILES, "embedded-files"},
        {INSPECT_MACROS, "macros"},
        {INSPECT_DAMAGED, "damaged"},
        {INSPECT_ANIMATED, "animated"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (flags & NAMES[i].flag)
            (void)json_array_append_new(list, json_string(NAMES[i].name));
    }
    return list;
}

enum err findings_keep(struct db *db, const struct verdict *v, const struct uuid *artefact,
                       int64_t at)
{
    struct inspection_record record;
    findings_record(v, artefact, at, &record);
    TRY(inspection_insert(db, &record));
    return v->n_peaks > 0 ? waveform_put(db, artefact, v->peaks, v->n_peaks) : ERR_OK;
}
