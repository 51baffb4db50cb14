/* Evidence seen without being opened: a page or picture rendered to a plain image by an
 * inspector in its sandbox, a recording's waveform. A derivative, made on demand and never
 * stored; the byte-exact original stays the evidence.
 *
 * What is available is read like any content, by a read session. What is infected can be seen
 * once a records owner has released that, and each page is an entry "view.opened" of its own;
 * its bytes are given to nobody. */
#ifndef GATEWAY_EVIDENCE_READING_SAFE_VIEW_H
#define GATEWAY_EVIDENCE_READING_SAFE_VIEW_H

#include "gateway/evidence/rules/replay.h"

struct safe_view {
    struct artefact_record artefact;
    struct buf picture; /* cleared by the caller */
    const char *media_type;
    uint32_t width, height, page, pages; /* page: from 1 */
};
/* Staff. REFUSAL_NOT_AVAILABLE: infected and not released, or restricted for another reason;
 * REFUSAL_NOT_FOUND: no such page, or nothing that is shown as a picture. Initialises `out`. */
MUST_USE enum err safe_view_render(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, enum purpose stated, uint32_t page,
                                   struct safe_view *out);

/* Records owner; REFUSAL_CONFLICT where it is restricted for another reason, or released. */
MUST_USE enum err safe_view_release(struct evidence *ev, const struct principal *p,
                                    const struct uuid *id, const char *reason,
                                    struct replay *once, struct view_release *out);

struct waveform {
    int64_t duration_ms;
    uint16_t peaks[INSPECTION_PEAKS_MAX];
    size_t n;
};
/* For whoever may read the content; nothing is opened for it. REFUSAL_NOT_FOUND: it has none.
 */
MUST_USE enum err waveform_get(struct evidence *ev, const struct principal *p,
                               const struct uuid *id, enum purpose stated,
                               struct waveform *out);

#endif
