/* Reading an artefact's content: permission, an entry in the log, the key, then chunk by chunk.
 *
 * A read session is (actor, artefact, purpose) for read_session_s. The entry that opens it
 * ("read.opened") is durable and in a signed checkpoint before the keeper gives the payload
 * key; further ranges of the session need neither. Its end is another entry with the bytes
 * served. Permission and status are asked for every request, and again while a long download
 * runs, after so many bytes and every few seconds: what is restricted stops. A sign-in counts
 * at the start of a request; one that expires meanwhile ends no running download or upload, but
 * authority on record that ends does.
 */
#ifndef GATEWAY_EVIDENCE_READING_RETRIEVE_H
#define GATEWAY_EVIDENCE_READING_RETRIEVE_H

#include "gateway/evidence/evidence.h"

struct retrieval;

/* Permission only: retrieve_artefact tells what HEAD and the head of a GET tell. */
MUST_USE enum err retrieve_prepare(struct evidence *ev, const struct principal *p,
                                   const struct uuid *id, enum purpose stated,
                                   struct retrieval **out);
/* What was prepared is a part of this bundle: its read session is a fresh one, whose entries
 * name the bundle, and which ends with the retrieval. */
void retrieve_bundled(struct retrieval *r, const struct uuid *bundle);
/* Opens the content of what was prepared, once. The final chunk has been authenticated when
 * this returns: the size is true. After a failure only retrieve_free is good. */
MUST_USE enum err retrieve_open(struct retrieval *r);
const struct artefact_record *retrieve_artefact(const struct retrieval *r);
/* Somebody may read less than before (an opt-out, a restriction, an authority that ended), and
 * that is committed: a retrieve_read that begins after this call asks for permission first. */
void retrieve_access_changed(struct evidence *ev);
/* Up to `cap` plaintext bytes from `offset`; *len is at least 1 unless offset is the end. Not
 * thread-safe per retrieval. ERR_CORRUPT: damaged; ERR_REFUSED: no longer permitted. */
MUST_USE enum err retrieve_read(struct retrieval *r, uint64_t offset, void *out, size_t cap,
                                size_t *len);
void retrieve_free(struct retrieval *r);
DEFINE_AUTO(struct retrieval, retrieve_free);

#endif
