/* What one program of the inspectors is for.
 *
 * A child is forked for every artefact, and forking costs by what is mapped: with all the
 * libraries in one program, most of the time for a small file goes into copying page tables of
 * libraries that will not be called. So there is a program for each family of types, made of
 * the same sources and linked with its own libraries alone; each holds one table like this
 * (family_*.c). The first of them, evidence-inspector, starts the others and
 * passes every job on (router.h). */
#ifndef GATEWAY_INSPECTOR_FAMILY_H
#define GATEWAY_INSPECTOR_FAMILY_H

#include "gateway/inspector/steps.h"

struct step_row {
    const char *type;
    step_run *run;
};

struct family {
    const struct step_row *steps;
    size_t n_steps;
    void (*warm)(
        void); /* in the nursery: what its libraries load when first used; may be NULL */
    int (*open)(int plain, int password,
                int opened); /* roles.h; NULL: not this one's, here ... */
    int (*render)(int plain, int picture, const char *type, uint32_t page); /* ... and here */
    bool routes; /* starts the others */
};
extern const struct family FAMILY;

#define FAMILY_STEPS(rows) .steps = (rows), .n_steps = ARRAY_LEN(rows)

#endif
