/* The steps: one for each family of types, all behind one function.
 *
 * A step reads the source, fills in what it learns and sets the outcome with one of the
 * conclusions below. Before it runs, `v` holds the sniffed type and INSPECT_CLEAN; it may make
 * the type more exact (an office document is a zip until its members were read). An error is
 * "could not scan": ERR_TOO_LARGE, ERR_NOMEM and ERR_REFUSED (one of our bounds) have reasons of
 * their own. Libraries are told to keep off files, the network and threads; the sandbox sees to
 * it.
 */
#ifndef GATEWAY_INSPECTOR_STEPS_H
#define GATEWAY_INSPECTOR_STEPS_H

#include "gateway/inspect/verdict.h"
#include "gateway/inspector/source.h"

typedef enum err step_run(struct source *s, struct verdict *v);

step_run step_pdf, step_jpeg, step_png, step_gif, step_webp, step_tiff, step_heic, step_audio,
    step_office, step_ole, step_archive, step_text, step_json;

/* NULL: nobody here understands this type. */
step_run *step_for(const char *type);

/* The whole examination: sniffs, runs the step, compares with the declared type. `v` is valid
 * afterwards, whatever happened. */
void examine(struct sniffer *sniffer, struct source *s, const char *declared_type,
             struct verdict *v);

/* Conclusions; for `return`. */
enum err conclude(struct verdict *v, enum inspect_outcome outcome, enum inspect_reason reason);
#define UNREADABLE(v) conclude((v), INSPECT_UNREADABLE, REASON_NONE)
#define BEYOND_BOUNDS(v) conclude((v), INSPECT_COULD_NOT_SCAN, REASON_BOUNDS)

void set_type(struct verdict *v, const char *type);

#endif
