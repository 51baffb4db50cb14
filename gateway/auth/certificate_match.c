/* Comparing a certificate with a row of the mapping.
 *
 * Invariant: lengths are compared with the bytes, so that a NUL inside a name never makes it
 * look like a shorter one. A distinguished name is printed as `openssl x509 -subject -nameopt
 * RFC2253` prints it. */
#include "gateway/auth/certificate_match.h"

#include "gateway/auth/certificate.h"
#include "gateway/base/encode.h"

#include <openssl/x509v3.h>
#include <string.h>

static const char *const prefixes[MATCH_KIND_COUNT] = {
    [MATCH_SAN_URI] = "san-uri:",
    [MATCH_SAN_DNS] = "san-dns:",
    [MATCH_SUBJECT] = "subject:",
    [MATCH_SHA256] = "sha256:",
};

enum err match_parse(const char *text, struct match *out)
{
    for (unsigned i = 0; i < MATCH_KIND_COUNT; i++) {
        size_t n = strlen(prefixes[i]);

        if (strncmp(text, prefixes[i], n) != 0)
            continue;
        *out = (struct match){.kind = (enum match_kind)i, .value = text + n};
        if (*out->value == '\0')
            return err_set(ERR_INVALID, "certificate mapping: no value after %s", prefixes[i]);
        if (out->kind == MATCH_SHA256)
            return hex_decode(out->value, strlen(out->value), out->thumbprint, SHA256_SIZE);
        return ERR_OK;
    }
    return err_set(ERR_INVALID,
                   "certificate mapping: neither san-uri:, san-dns:, subject: nor sha256:");
}

static bool match_subject(const char *wanted, X509 *leaf)
{
    char text[CERTIFICATE_TEXT_MAX];
    BIO *out = BIO_new(BIO_s_mem());
    bool equal = false;
    int len;

    if (out == NULL)
        return false;
    if (X509_NAME_print_ex(out, X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253) >= 0) {
        len = BIO_read(out, text, sizeof(text));
        equal = len > 0 && (size_t)len == strlen(wanted) && BIO_pending(out) == 0 &&
                memcmp(text, wanted, (size_t)len) == 0;
    }
    BIO_free(out);
    return equal;
}

static bool match_alternative(const struct match *m, X509 *leaf)
{
    int wanted = m->kind == MATCH_SAN_URI ? GEN_URI : GEN_DNS;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int kind;
        const ASN1_STRING *value =
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

        if (kind != wanted)
            continue;
        if ((size_t)ASN1_STRING_length(value) == strlen(m->value) &&
            memcmp(ASN1_STRING_get0_data(value), m->value, strlen(m->value)) == 0)
            found = true;
    }
    GENERAL_NAMES_free(names);
    return found;
}

bool match_certificate(const struct match *m, X509 *leaf, const uint8_t thumbprint[SHA256_SIZE])
{
    switch (m->kind) {
    case MATCH_SAN_URI:
    case MATCH_SAN_DNS:
        return match_alternative(m, leaf);
    case MATCH_SUBJECT:
        return match_subject(m->value, leaf);
    case MATCH_SHA256:
        return memcmp(m->thumbprint, thumbprint, SHA256_SIZE) == 0;
    case MATCH_KIND_COUNT:
        break;
    }
    return false;
}
