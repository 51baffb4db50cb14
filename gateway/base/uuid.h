/* UUID version 7 (RFC 9562): the time to the microsecond, 62 random bits. Identifiers of
 * claims, artefacts and assessments: opaque, not guessable, and in the order in which a process
 * made them as long as its clock moves on. */
#ifndef GATEWAY_BASE_UUID_H
#define GATEWAY_BASE_UUID_H

#include "gateway/base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT_SIZE = 37 };

struct uuid {
    uint8_t bytes[16];
};

struct uuid uuid_new(void); /* aborts only if the kernel gives no randomness */
void uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE]); /* lower case */
/* Exactly 36 characters, either case, any version; else ERR_INVALID. */
MUST_USE enum err uuid_parse(const char *text, struct uuid *out);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *id);

#endif
