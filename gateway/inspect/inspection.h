/* Inspection of artefacts while they pass: the front's side.
 *
 *     inspection_begin -> inspection_write* -> inspection_finish -> inspection_free
 *
 * The plaintext goes through a pipe into an inspector (spawner.h); nothing touches a disk here.
 * No trouble of an inspector or of clamd fails an upload: it is remembered, and the verdict is
 * INSPECT_COULD_NOT_SCAN with its reason. CLEAN means: clamd answered exactly OK, clamd was
 * tried and says when it gives up at a limit, and the examiner understood the file and found it
 * to be of the declared type. Everything else is something else.
 *
 * The process must ignore SIGPIPE (a dead inspector closes its pipe).
 */
#ifndef GATEWAY_INSPECT_INSPECTION_H
#define GATEWAY_INSPECT_INSPECTION_H

#include "gateway/inspect/job.h"
#include "gateway/inspect/verdict.h"

enum {
    INSPECT_POOL_DEFAULT = 16,
    INSPECT_BEGIN_WAIT_MS = 2000,
    INSPECT_STALL_MS = 30000,
    INSPECT_FINISH_MS = 120000,
    INSPECT_RENDER_MS = 30000,
    INSPECT_CLAMD_WAIT_MS = 5000,
    INSPECT_CPU_S = 300,
};
#define INSPECT_MEMORY_DEFAULT (UINT64_C(1) << 30)

struct inspectors_config { /* 0 and NULL: the default above, or none */
    const char *program;      /* evidence-inspector */
    const char *clamd_socket;
    const char *clamd_conf;   /* clamd's configuration; NULL: its limits are known by trial only */
    const char *user;         /* to run as when started by root */
    unsigned pool_size;       /* inspections at once */
    unsigned begin_wait_ms;   /* for a free place in the pool; then "busy" */
    unsigned stall_ms;        /* without taking a single byte */
    unsigned finish_ms;       /* from the last byte to the verdict */
    unsigned render_ms;       /* a whole rendering */
    unsigned clamd_wait_ms;   /* for each step of a conversation with clamd */
    unsigned cpu_s;           /* CPU seconds of one inspector */
    uint64_t memory_max;      /* bytes of one inspector */
    uint64_t largest;         /* the largest artefact that is let in, for clamd's limits; 0: unknown */
    bool sandbox_required;    /* refuse to start where a part of the sandbox is missing */
};

struct inspectors;

/* Before the front has threads or confines itself. Warns in the log about each part of the
 * sandbox that is missing. Does not want clamd to be there (inspectors_health tells). */
MUST_USE enum err inspectors_start(const struct inspectors_config *config,
                                   struct inspectors **out);
void inspectors_stop(struct inspectors *p); /* no inspection may be left */
DEFINE_AUTO(struct inspectors, inspectors_stop);

struct inspection;
/* Fails for lack of memory only. */
MUST_USE enum err inspection_begin(struct inspectors *p, const char *declared_type,
                                   struct inspection **out);
/* The same of a PDF that its password opens, which is used once and kept nowhere: what it opens
 * to goes to clamd and the examiner in place of the bytes that are written. The verdict is
 * INSPECT_PASSWORD for a wrong one; CLEAN only of what was opened whole. `len` is at most
 * PASSWORD_MAX (job.h). */
MUST_USE enum err inspection_begin_locked(struct inspectors *p, const char *declared_type,
                                          const void *password, size_t len,
                                          struct inspection **out);
void inspection_write(struct inspection *i, const void *data, size_t len);
/* For who waits with nobody behind: another time from the last byte to the verdict than the
 * pool's; *stop ends it early. */
void inspection_patience(struct inspection *i, unsigned finish_ms, const _Atomic bool *stop);
/* Waits for the verdict; once. The verdict is always a valid one. */
void inspection_finish(struct inspection *i, struct verdict *out);
void inspection_free(struct inspection *i); /* unfinished: its inspector is killed */
DEFINE_AUTO(struct inspection, inspection_free);

/* The safe view: page `page` (from 0) of a document or picture as a plain picture.
 * `read` gives the plaintext: ERR_OK with *len 0 at its end; `sink` gets the picture. */
struct render_source {
    enum err (*read)(void *of, void *data, size_t cap, size_t *len);
    enum err (*sink)(void *of, const void *data, size_t len);
    void *of;
};
struct render_info {
    const char *media_type; /* image/jpeg or image/png, of a RENDER_SHEET application/pdf: the
                               bytes begin like one */
    uint32_t width, height, pages;
};
/* `sink` is called only once the picture was received whole and found to be one. ERR_NOT_FOUND: no such page, or
 * a type that cannot be rendered or bytes that are not of it; ERR_TIMEOUT, ERR_BUSY, ERR_UNAVAILABLE: another time perhaps. */
MUST_USE enum err inspection_render(struct inspectors *p, const char *type, uint32_t page,
                                    const struct render_source *source, struct render_info *out);

struct inspectors_health {
    bool clamd_reachable, detects, tells_limits, reaches; /* see struct clamd_behaviour */
    bool limits_known, limits_fit, temporary_in_memory; /* by its configuration file */
    bool sandbox_complete;
    unsigned lacks; /* of enum sandbox_lack */
    char engine[VERDICT_ENGINE_MAX + 1];
    char signatures[VERDICT_ENGINE_MAX + 1];
    int64_t signatures_at;
    bool good; /* what is inspected now can come out clean */
};
/* Asks clamd, and tries it when it is not the one that was tried before. */
void inspectors_health(struct inspectors *p, struct inspectors_health *out);

struct inspectors_stats {
    uint64_t begun, finished, rendered, killed;
    uint64_t outcomes[INSPECT_COULD_NOT_SCAN + 1]; /* by enum inspect_outcome */
    uint64_t reasons[REASON_COUNT];                /* of what could not be scanned */
    unsigned active, pool_size;
};
void inspectors_stats(struct inspectors *p, struct inspectors_stats *out);

#endif
