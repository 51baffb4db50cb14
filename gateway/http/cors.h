/* Pages of other origins: which of them a browser lets call the service (the CORS protocol of
 * https://fetch.spec.whatwg.org/). Without configured origins nothing of this is ever said.
 *
 * A browser asks first (a preflight: OPTIONS with Origin and Access-Control-Request-Method)
 * and shows a page an answer only if that names the page's origin. Access is not decided here:
 * every request needs its token as before. There is no credentials mode, so that a browser
 * sends neither cookie nor client certificate along and no page can act by what a person's
 * browser happens to hold.
 */
#ifndef GATEWAY_HTTP_CORS_H
#define GATEWAY_HTTP_CORS_H

#include "gateway/http/exchange_private.h"

/* True if it was the preflight of a configured origin to an address that exists, and has been
 * answered with the methods of that address. Before the route runs. */
bool cors_preflight(struct http_exchange *x, enum route_outcome outcome);
/* What every reply carries: Vary, and for a configured origin that it may read it. False:
 * no memory. */
MUST_USE bool cors_headers_add(const struct http_exchange *x, struct MHD_Response *response);

#endif
