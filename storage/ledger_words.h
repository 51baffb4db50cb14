/* Free words in the log's entries, sealed at rest.
 *
 * An entry whose details have a member that people wrote (a reason, a note, a name) keeps its
 * whole canonical text sealed in `sealed`, and in `details` the same without those members, so
 * that look-ups by other members go on. Leaf and receipt are of the whole text, as before: what
 * is sealed is the row, not what was committed to. All other entries stay as they were, which
 * is nearly all of them. A refusal's reason is one of the gateway's own words and no free text.
 *
 * Who cannot open reads such an entry without the free words, and can make no receipt of it.
 */
#ifndef STORAGE_LEDGER_WORDS_H
#define STORAGE_LEDGER_WORDS_H

#include "gateway/base/json.h"
#include "storage/ledger.h"
#include "storage/sealed.h"

#define LEDGER_DETAILS "ledger_entries.details"

/* The canonical text without the free words; NULL where there are none. Heap, free(). */
MUST_USE enum err words_left_out(const json_t *details, char **out);

/* Two columns: the text, and null or the sealed one. `whole`: NULL where there is nothing to
 * seal, then `details` is the whole. */
void bind_details(struct statement *s, uint64_t index, const char *details, const char *whole);
/* Two columns, details and sealed. *whole: it is the text that was committed to. `rest` gets
 * what stood in details where something was sealed, else it is empty; may be NULL. */
void read_details(struct statement *s, uint64_t index, struct buf *out, bool *whole,
                  struct buf *rest);
/* The same onto the heap, whole or not; NULL for an erased entry. */
void read_details_copy(struct statement *s, uint64_t index, char **out);

#endif
