/* multipart/form-data (RFC 7578, on RFC 2046), read as it streams past: pieces of any size go
 * in, parts come out, and nothing depends on how the body was cut.
 *
 *     multipart_boundary -> multipart_new -> multipart_push ... -> multipart_finish
 *
 * Memory is one struct of constant size whatever is sent: of the bytes only a beginning of the
 * delimiter is held back (and it is known, so not even that is stored). A part that the sink
 * calls a field is gathered up to MULTIPART_FIELD_MAX and given whole.
 *
 * Strict where it matters: lines end in CRLF, a delimiter stands alone on its line, each part
 * has one Content-Disposition of type form-data with a name, and the last boundary must come.
 * What is before the first and behind the last boundary is passed over, up to
 * MULTIPART_ASIDE_MAX.
 *
 * Names are read as browsers write them (HTML, "multipart/form-data encoding algorithm"): raw
 * UTF-8, %22 %0D %0A for quote and line breaks and no other escape, backslashes as they are; \"
 * and \\ are read as older senders mean them. filename* has no place in a form: passed over.
 * A sender's file name is given as it was meant, not cleaned: field_filename_clean.
 */
#ifndef GATEWAY_HTTP_MULTIPART_H
#define GATEWAY_HTTP_MULTIPART_H

#include "gateway/base/error.h"

#include <stdbool.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 5.1.1 */
    MULTIPART_HEAD_MAX = 4096,   /* header bytes of one part */
    MULTIPART_PARTS_MAX = 128,
    MULTIPART_FIELD_MAX = 4096, /* the value of one field */
    MULTIPART_ASIDE_MAX = 8192, /* before the first boundary, and behind the last */
    MULTIPART_PADDING_MAX = 64, /* blanks behind a boundary */
};

/* Valid during the call it is given to. */
struct multipart_part {
    const char *name;
    const char *filename;     /* NULL: none stated; "": a file input that was left empty */
    const char *content_type; /* as stated; NULL: none */
};
enum multipart_as { MULTIPART_FIELD, MULTIPART_FILE };

/* An error of the sink ends the parsing and is returned. `end` comes when the boundary behind
 * the part is whole; a part that breaks off has none. */
struct multipart_sink {
    enum err (*begin)(void *ctx, const struct multipart_part *part, enum multipart_as *as);
    enum err (*field)(void *ctx, const char *name, const char *value); /* no NUL inside */
    enum err (*data)(void *ctx, const void *data, size_t len);         /* len > 0 */
    enum err (*end)(void *ctx);
    void *ctx;
};

/* True if the media type of a Content-Type is multipart/form-data. */
bool multipart_is_form(const char *content_type);
/* The boundary that a Content-Type states, 1 to 70 of RFC 2046's characters; else ERR_INVALID.
 */
MUST_USE enum err multipart_boundary(const char *content_type,
                                     char out[MULTIPART_BOUNDARY_MAX + 1]);

struct multipart;
MUST_USE enum err multipart_new(const char *boundary, const struct multipart_sink *sink,
                                struct multipart **out);
/* ERR_INVALID for what is malformed, ERR_TOO_LARGE past a limit, with words for the sender.
 * After an error there is nothing to do but multipart_free. */
MUST_USE enum err multipart_push(struct multipart *m, const void *data, size_t len);
/* The body is whole: ERR_INVALID if its last boundary is missing. */
MUST_USE enum err multipart_finish(const struct multipart *m);
void multipart_free(struct multipart *m);
DEFINE_AUTO(struct multipart, multipart_free);

#endif
