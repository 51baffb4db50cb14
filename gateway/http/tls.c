/* Why credentials a session instead of a certificate callback: the callback is asked at every
 * handshake and would have to hand out keys whose end nobody tells it. A reference held by the
 * session says exactly when the old key may be wiped.
 *
 * Invariant: `current` always points at a pair that matched and was loaded whole. */
#include "gateway/http/tls.h"

#include "gateway/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tls_credentials {
    _Atomic int references;
    gnutls_certificate_credentials_t handle;
    int64_t expiry;
};

struct tls {
    char *certificate_file, *private_key_file, *client_ca_file;
    bool request_client_certificate, tickets;
    gnutls_datum_t ticket_key;
    pthread_mutex_t lock; /* current */
    struct tls_credentials *current;
};

DEFINE_AUTO(struct tls_credentials, tls_credentials_release);

/* ---- files ---- */

static enum err file_checked_open(const char *path, bool strict, int *out)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(path);
    if (!S_ISREG(st.st_mode))
        return err_set(ERR_INVALID, "%s: not a regular file", path);
    if (strict && (st.st_mode & 077) != 0)
        return err_set(ERR_DENIED, "%s: open to others than its owner (mode %o)", path,
                       (unsigned)st.st_mode & 07777U);
    if (strict && st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(ERR_DENIED, "%s: owned by somebody else", path);
    *out = fd;
    fd = -1;
    return ERR_OK;
}

static enum err file_read(const char *path, bool strict, struct buf *out)
{
    AUTO_FD int fd = -1;
    enum err e = ERR_OK;
    char piece[4096];
    ssize_t n;

    TRY(file_checked_open(path, strict, &fd));
    while (e == ERR_OK && (n = read(fd, piece, sizeof(piece))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        e = n < 0 ? err_errno(path) : buf_append(out, piece, (size_t)n);
    }
    sodium_memzero(piece, sizeof(piece));
    if (e == ERR_OK && out->len == 0)
        e = err_set(ERR_INVALID, "%s: empty", path);
    return e;
}

/* ---- credentials ---- */

static gnutls_datum_t datum_of(const struct buf *b)
{
    return (gnutls_datum_t){.data = b->data, .size = (unsigned)b->len};
}

static enum err leaf_expiry(gnutls_certificate_credentials_t handle, int64_t *out)
{
    gnutls_x509_crt_t *chain = NULL;
    unsigned n = 0;
    int e = gnutls_certificate_get_x509_crt(handle, 0, &chain, &n);

    if (e != GNUTLS_E_SUCCESS || n == 0)
        return err_set(ERR_CRYPTO, "certificate: %s", gnutls_strerror(e));
    *out = (int64_t)gnutls_x509_crt_get_expiration_time(chain[0]);
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    return ERR_OK;
}

/* GnuTLS 3.7 leaks the private key if the chain beside it cannot be read: so read the chain
 * first, alone. */
static enum err chain_check(const char *path, const gnutls_datum_t *pem)
{
    gnutls_x509_crt_t *chain = NULL;
    unsigned n = 0;
    int e = gnutls_x509_crt_list_import2(&chain, &n, pem, GNUTLS_X509_FMT_PEM, 0);

    if (e < 0)
        return err_set(ERR_CRYPTO, "%s: %s", path, gnutls_strerror(e));
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    return ERR_OK;
}

static enum err pair_load(const struct tls *t, gnutls_certificate_credentials_t handle)
{
    AUTO_CLEAR(buf_clear) struct buf certificate, key;
    gnutls_datum_t c, k;
    int e;

    buf_init(&certificate, TLS_FILE_MAX);
    buf_init_secret(&key, TLS_FILE_MAX);
    TRY(file_read(t->certificate_file, false, &certificate));
    TRY(file_read(t->private_key_file, true, &key));
    c = datum_of(&certificate);
    k = datum_of(&key);
    TRY(chain_check(t->certificate_file, &c));
    e = gnutls_certificate_set_x509_key_mem2(handle, &c, &k, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (e < 0)
        return err_set(ERR_CRYPTO, "%s, %s: %s", t->certificate_file, t->private_key_file,
                       gnutls_strerror(e));
    return ERR_OK;
}

/* Only the names go to the client, as a hint which certificate to choose. */
static enum err client_names_load(const struct tls *t, gnutls_certificate_credentials_t handle)
{
    AUTO_CLEAR(buf_clear) struct buf names;
    gnutls_datum_t d;
    int e;

    buf_init(&names, TLS_FILE_MAX);
    if (!t->request_client_certificate || t->client_ca_file == NULL)
        return ERR_OK;
    TRY(file_read(t->client_ca_file, false, &names));
    d = datum_of(&names);
    e = gnutls_certificate_set_x509_trust_mem(handle, &d, GNUTLS_X509_FMT_PEM);
    if (e <= 0)
        return err_set(ERR_CRYPTO, "%s: %s", t->client_ca_file,
                       e < 0 ? gnutls_strerror(e) : "no certificate in it");
    return ERR_OK;
}

static enum err credentials_load(const struct tls *t, struct tls_credentials **out)
{
    AUTO(tls_credentials_release) struct tls_credentials *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(ERR_NOMEM, "no memory for credentials");
    atomic_store(&c->references, 1);
    if (gnutls_certificate_allocate_credentials(&c->handle) != GNUTLS_E_SUCCESS)
        return err_set(ERR_NOMEM, "no memory for credentials");
    TRY(pair_load(t, c->handle));
    TRY(client_names_load(t, c->handle));
    TRY(leaf_expiry(c->handle, &c->expiry));
    *out = TAKE(c);
    return ERR_OK;
}

void tls_credentials_release(struct tls_credentials *c)
{
    if (c == NULL || atomic_fetch_sub(&c->references, 1) > 1)
        return;
    if (c->handle != NULL)
        gnutls_certificate_free_credentials(c->handle);
    free(c);
}

static struct tls_credentials *credentials_hold(struct tls *t)
{
    struct tls_credentials *c;

    pthread_mutex_lock(&t->lock);
    c = t->current;
    atomic_fetch_add(&c->references, 1);
    pthread_mutex_unlock(&t->lock);
    return c;
}

/* ---- the server's side ---- */

static enum err text_copy(const char *text, char **out)
{
    *out = text != NULL ? strdup(text) : NULL;
    if (text != NULL && *out == NULL)
        return err_set(ERR_NOMEM, "no memory for a path");
    return ERR_OK;
}

enum err tls_new(const struct http_server_config *config, struct tls **out)
{
    AUTO(tls_free) struct tls *t = calloc(1, sizeof(*t));

    *out = NULL;
    assert(config->certificate_file != NULL && config->private_key_file != NULL);
    if (t == NULL)
        return err_set(ERR_NOMEM, "no memory for TLS");
    pthread_mutex_init(&t->lock, NULL);
    t->request_client_certificate = config->request_client_certificate;
    t->tickets = config->session_tickets;
    TRY(text_copy(config->certificate_file, &t->certificate_file));
    TRY(text_copy(config->private_key_file, &t->private_key_file));
    TRY(text_copy(config->client_ca_file, &t->client_ca_file));
    if (t->tickets && gnutls_session_ticket_key_generate(&t->ticket_key) != GNUTLS_E_SUCCESS)
        return err_set(ERR_CRYPTO, "cannot make a session ticket key");
    TRY(credentials_load(t, &t->current));
    *out = TAKE(t);
    return ERR_OK;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    tls_credentials_release(t->current);
    if (t->ticket_key.data != NULL) {
        sodium_memzero(t->ticket_key.data, t->ticket_key.size);
        gnutls_free(t->ticket_key.data);
    }
    free(t->certificate_file);
    free(t->private_key_file);
    free(t->client_ca_file);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

enum err tls_reload(struct tls *t)
{
    struct tls_credentials *fresh = NULL, *old;

    TRY(credentials_load(t, &fresh));
    pthread_mutex_lock(&t->lock);
    old = t->current;
    t->current = fresh;
    pthread_mutex_unlock(&t->lock);
    tls_credentials_release(old);
    return ERR_OK;
}

int64_t tls_expiry(struct tls *t)
{
    int64_t expiry;

    pthread_mutex_lock(&t->lock);
    expiry = t->current->expiry;
    pthread_mutex_unlock(&t->lock);
    return expiry;
}

struct tls_credentials *tls_session_begin(struct tls *t, gnutls_session_t session)
{
    struct tls_credentials *c = credentials_hold(t);

    /* Replaces the library's own, which have no certificate. */
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, c->handle);
    if (t->tickets)
        (void)gnutls_session_ticket_enable_server(session, &t->ticket_key);
    if (t->request_client_certificate)
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    return c;
}

size_t tls_peer_chain(gnutls_session_t session, struct http_der out[HTTP_CHAIN_MAX])
{
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);

    if (chain == NULL || n > HTTP_CHAIN_MAX)
        return 0;
    for (unsigned i = 0; i < n; i++)
        out[i] = (struct http_der){.data = chain[i].data, .len = chain[i].size};
    return n;
}
