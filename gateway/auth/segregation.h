/* Which duties one person does not have at once: one table (segregation.def), asked wherever
 * somebody signs in, and printed as a page of the docs (docs/segregation.md, kept equal by a
 * test).
 *
 * A sign-in that has roles of which one excludes the other is refused, or only told to the
 * operator's log where policy.conflicting_roles says so: it is the issuer that gave them. What
 * one person may not do, whatever their roles of today, is in the domain and listed here.
 */
#ifndef GATEWAY_AUTH_SEGREGATION_H
#define GATEWAY_AUTH_SEGREGATION_H

#include "gateway/auth/principal.h"

/* Whether `roles` (bits) has two that exclude each other; *a, *b: which, the first of the
 * table.
 */
bool segregation_conflict(uint32_t roles, enum role *a, enum role *b);
/* Prints the table as Markdown. */
struct buf;
MUST_USE enum err segregation_print(struct buf *out);

#endif
