/* Accept (RFC 9110 12.5.1), as far as it decides between a page and a document. */
#ifndef GATEWAY_HTTP_ACCEPT_H
#define GATEWAY_HTTP_ACCEPT_H

#include <stdbool.h>

/* True if text/html is named itself, with a weight above 0 and above that of application/json
 * where that is named, too: a browser's request for a page. A range of everything names
 * nothing. False for NULL and what is malformed. */
bool accept_wants_html(const char *value);

#endif
