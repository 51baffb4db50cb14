/* HTTPS to one service: a request's head and a body that is read as it goes, an answer's
 * status, the header fields that matter here, and a body up to a cap. The connection is kept
 * between calls. Certificates and host names are verified always; redirects are not followed.
 */
#ifndef GATEWAY_SEND_TRANSPORT_H
#define GATEWAY_SEND_TRANSPORT_H

#include "gateway/send/address.h"
#include "gateway/send/token.h"

enum { ANSWER_BODY_MAX = 256 * 1024, CALL_HEADERS_MAX = 8 };

struct credentials {
    const char *ca_file;              /* PEM; NULL: the system's */
    const char *cert_file, *key_file; /* PEM; NULL: none */
    struct token *token;              /* borrowed */
};
struct transport;
MUST_USE enum err transport_new(const struct credentials *c, struct transport **out);
void transport_free(struct transport *t);
DEFINE_AUTO(struct transport, transport_free);

struct call {
    const char *method, *url;
    const char *headers[CALL_HEADERS_MAX + 1]; /* "Name: value", then NULL */
    /* `body_len` bytes come from here, each at its place `at`; some may be asked for twice. */
    enum err (*body)(void *ctx, uint64_t at, void *out, size_t cap, size_t *got);
    void *ctx;
    uint64_t body_len;
};
struct answer { /* answer_init before the first call; reused */
    long status;
    char location[ADDRESS_MAX]; /* "" for none */
    int64_t offset, length;     /* Upload-Offset, Upload-Length; -1: not told */
    bool challenged;            /* WWW-Authenticate: another token is wanted */
    int64_t retry_after_ms;     /* -1: not told */
    struct buf body;
};
void answer_init(struct answer *a);
void answer_clear(struct answer *a);
DEFINE_AUTO_CLEAR(struct answer, answer_clear);

/* ERR_OK: an answer, whatever its status. ERR_UNAVAILABLE, ERR_TIMEOUT: what the network does;
 * ERR_UNAUTHENTICATED: the other side is not the service, or cannot show that it is;
 * ERR_INVALID: our certificate, key or CA is unusable. What `body` fails with passes through.
 */
MUST_USE enum err transport_call(struct transport *t, const struct call *c, struct answer *out);

#endif
