/* The pool is longer than what a body can wrap around in, and a piece's place in it follows
 * from the request's number and the piece's alone: a write that is tried again finds the same
 * bytes. */
#include "tests/bench/driver/body.h"

#include "gateway/base/macros.h"

#include <string.h>

enum { POOL_SIZE = 8 * 1024 * 1024 };
_Static_assert(sizeof(BODY_MAGIC) - 1 == BODY_HEAD, "the magic is the head");

static uint8_t pool[POOL_SIZE + BODY_PIECE];
static uint64_t salt;

uint64_t body_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void body_init(uint64_t seed)
{
    uint64_t state = seed | 1;

    for (size_t i = 0; i < sizeof(pool); i += sizeof(state)) {
        uint64_t word = body_random(&state);
        memcpy(pool + i, &word, sizeof(word));
    }
    salt = body_random(&state);
}

static size_t place_of(uint64_t number, uint64_t piece)
{
    uint64_t x = salt ^ (number * UINT64_C(0x9e3779b97f4a7c15)) ^ (piece << 20);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((x ^ (x >> 31)) % POOL_SIZE);
}

const uint8_t *body_at(uint64_t number, uint64_t size, uint64_t offset, size_t *len)
{
    uint64_t piece = offset / BODY_PIECE, in_piece = offset % BODY_PIECE;

    assert(offset < size);
    if (offset < BODY_HEAD) {
        *len = (size_t)((size < BODY_HEAD ? size : BODY_HEAD) - offset);
        return (const uint8_t *)BODY_MAGIC + offset;
    }
    *len = (size_t)(BODY_PIECE - in_piece);
    if (size - offset < *len)
        *len = (size_t)(size - offset);
    return pool + place_of(number, piece) + in_piece;
}
