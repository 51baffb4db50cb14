/* Addresses of the service: https alone, and never another host than the one that was named:
 * a token goes nowhere else. */
#ifndef GATEWAY_SEND_ADDRESS_H
#define GATEWAY_SEND_ADDRESS_H

#include "gateway/base/error.h"

#include <stdbool.h>

enum { ADDRESS_MAX = 2048 };

/* "https://host[:port][/prefix]" without a slash at its end. ERR_INVALID says what is wrong:
 * not https, a user, a query, a fragment. */
MUST_USE enum err address_service(const char *url, char out[ADDRESS_MAX]);
/* A Location header, relative or absolute, against the address whose answer it stands in.
 * ERR_INVALID if it leads to another scheme, host or port. */
MUST_USE enum err address_resolve(const char *base, const char *location,
                                  char out[ADDRESS_MAX]);
bool address_same_origin(const char *a, const char *b);
/* `url` names one thing directly beneath `base`, which ends with a slash: same origin and path,
 * then one plain segment, no user, query or fragment. */
bool address_beneath(const char *base, const char *url);

#endif
