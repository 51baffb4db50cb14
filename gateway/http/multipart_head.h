/* The head of one part of a form. Between multipart.c and multipart_head.c. */
#ifndef GATEWAY_HTTP_MULTIPART_HEAD_H
#define GATEWAY_HTTP_MULTIPART_HEAD_H

#include "gateway/http/multipart.h"

/* `head` is whole lines, each with its CRLF, NUL-terminated. It is taken apart in place: *out
 * points into it. ERR_INVALID. */
MUST_USE enum err multipart_head_parse(char *head, size_t len, struct multipart_part *out);

#endif
