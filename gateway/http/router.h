/* Finds the route of a request.
 *
 * A pattern is "/" and segments: literal text, "{name}" (one segment, not empty), or
 * "{name...}" at the end (the rest of the path, at least one character). Where several fit,
 * literal wins over a parameter and a parameter over a rest, from the left. */
#ifndef GATEWAY_HTTP_ROUTER_H
#define GATEWAY_HTTP_ROUTER_H

#include "gateway/http/exchange.h"
#include "gateway/http/target.h"

enum { ROUTER_ALLOW_MAX = 128 };

struct router;
/* Asserts patterns that are well-formed, methods and names that are there, and no two equal
 * rows. `routes` must outlive the router. */
MUST_USE enum err router_new(const struct http_route *routes, size_t n, struct router **out);
void router_free(struct router *r);
DEFINE_AUTO(struct router, router_free);

enum route_outcome { ROUTE_FOUND, ROUTE_UNKNOWN, ROUTE_WRONG_METHOD };
struct route_match {
    const struct http_route *route;
    const char *names[HTTP_PARAMS_MAX]; /* counted by name_lens: they point into the pattern */
    size_t name_lens[HTTP_PARAMS_MAX];
    const char *values[HTTP_PARAMS_MAX]; /* into the target */
    size_t n_params;
    char allow[ROUTER_ALLOW_MAX]; /* the value of Allow, unless ROUTE_UNKNOWN */
    bool method_override;         /* a row of this address says so */
};
/* HEAD finds a GET row where there is no HEAD row; then any method finds a row for "*". */
enum route_outcome router_find(const struct router *r, const char *method,
                               const struct target *target, struct route_match *out);

#endif
