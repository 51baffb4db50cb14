/* Bodies: PDFs by their first bytes, then noise. Each differs from every other in every 16 KiB,
 * so that nothing can be found twice, and costs no copying: the noise is a place in one pool.
 */
#ifndef TESTS_BENCH_DRIVER_BODY_H
#define TESTS_BENCH_DRIVER_BODY_H

#include <stddef.h>
#include <stdint.h>

enum { BODY_PIECE = 16384, BODY_HEAD = 9 };
#define BODY_MAGIC "%PDF-1.7\n"

void body_init(uint64_t seed); /* once, before the others */
/* The bytes of request `number` at `offset`; *len is how many lie there in one piece (never
 * beyond `size`). */
const uint8_t *body_at(uint64_t number, uint64_t size, uint64_t offset, size_t *len);
uint64_t body_random(uint64_t *state); /* xorshift, for the places of ranges too */

#endif
