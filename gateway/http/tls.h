/* Server certificate, its replacement, tickets and the peer's chain: all that knows GnuTLS.
 *
 * Each session holds the credentials it began with; a reload makes new ones for sessions to
 * come and the old go when their last session ends. Nothing is verified here: gateway/auth
 * does. */
#ifndef GATEWAY_HTTP_TLS_H
#define GATEWAY_HTTP_TLS_H

#include "gateway/http/server.h"

#include <gnutls/gnutls.h>

/* AEAD only, TLS 1.2 and 1.3. ChaCha20 last on purpose: slow in GnuTLS. */
#define TLS_PRIORITY                                                                           \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"           \
    "-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:"                 \
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%SERVER_PRECEDENCE"

enum { TLS_FILE_MAX = 256 * 1024 };

struct tls;
struct tls_credentials;

/* Copies what it needs of config. */
MUST_USE enum err tls_new(const struct http_server_config *config, struct tls **out);
void tls_free(struct tls *t);
DEFINE_AUTO(struct tls, tls_free);

MUST_USE enum err tls_reload(struct tls *t);
int64_t tls_expiry(struct tls *t);

/* Prepares a session before its handshake; release when the session is gone. */
struct tls_credentials *tls_session_begin(struct tls *t, gnutls_session_t session);
void tls_credentials_release(struct tls_credentials *c); /* takes NULL */

size_t tls_peer_chain(gnutls_session_t session, struct http_der out[HTTP_CHAIN_MAX]);

#endif
