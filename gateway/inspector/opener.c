/* The opener: a PDF and its password in, the same PDF without protection out, for the scanner
 * and the examiner to look at. It dies with it; the password was nowhere but in this process.
 *
 * Invariants: what goes out is whole or the answer is not OPENED_WHOLE, and the answer is given
 * before the pipe ends; nothing goes out for a wrong password. Streams stay as they are, but
 * for the encryption: what clamd and the examiner unpack is what was in the file. */
#include "gateway/inspector/opener.h"

#include "gateway/inspector/roles.h"

#include <errno.h>
#include <qpdf/qpdf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { PDF_HELD_MAX = 256 << 20 };

static bool write_all(int fd, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Until its end, with a NUL behind it; false: too long, or it could not be read. */
static bool read_password(int fd, char out[PASSWORD_MAX + 1])
{
    size_t len = 0;

    while (len <= PASSWORD_MAX) {
        ssize_t n = read(fd, out + len, PASSWORD_MAX + 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            out[len] = '\0';
            return n == 0;
        }
        len += (size_t)n;
    }
    return false;
}

static enum opened judge_error(qpdf_data q)
{
    return qpdf_has_error(q) && qpdf_get_error_code(q, qpdf_get_error(q)) == qpdf_e_password
               ? OPENED_WRONG_PASSWORD
               : OPENED_TROUBLE;
}

static enum opened write_opened(qpdf_data q, int out)
{
    if (qpdf_init_write_memory(q) != QPDF_SUCCESS)
        return OPENED_TROUBLE;
    qpdf_set_preserve_encryption(q, QPDF_FALSE);
    qpdf_set_object_stream_mode(q, qpdf_o_preserve);
    qpdf_set_decode_level(q, qpdf_dl_none);
    qpdf_set_compress_streams(q, QPDF_FALSE);
    qpdf_set_deterministic_ID(q, QPDF_TRUE); /* else it looks at clock and chance */
    if ((qpdf_write(q) & QPDF_ERRORS) != 0)
        return OPENED_TROUBLE;
    return write_all(out, qpdf_get_buffer(q), qpdf_get_buffer_length(q)) ? OPENED_WHOLE
                                                                         : OPENED_TROUBLE;
}

static enum opened open_by(const uint8_t *data, size_t len, const char *password, int out)
{
    qpdf_data q = qpdf_init();
    enum opened said;

    qpdf_silence_errors(q);
    qpdf_set_suppress_warnings(q, QPDF_TRUE);
    if ((qpdf_read_memory(q, "artefact", (const char *)data, len, password) & QPDF_ERRORS) != 0)
        said = judge_error(q);
    else
        said = write_opened(q, out);
    if (qpdf_has_error(q))
        (void)qpdf_get_error(q); /* or it would be printed */
    qpdf_cleanup(&q);
    return said;
}

/* How older PDFs have the letters that English lacks: one byte each. false: it has others, or
 * none. */
static bool to_latin(const char *utf8, char out[PASSWORD_MAX + 1])
{
    bool any = false;

    for (; *utf8 != '\0'; utf8++) {
        uint8_t c = (uint8_t)*utf8;

        if (c >= 0x80) {
            uint8_t next = (uint8_t)utf8[1];

            if ((c & 0xfe) != 0xc2 || (next & 0xc0) != 0x80)
                return false;
            c = (uint8_t)((c & 3) << 6 | (next & 0x3f));
            any = true;
            utf8++;
        }
        *out++ = (char)c;
    }
    *out = '\0';
    return any;
}

enum opened open_locked(struct source *s, const char *password, int out)
{
    char latin[PASSWORD_MAX + 1];
    const uint8_t *data;
    size_t len;
    enum opened said;

    if (source_hold(s, PDF_HELD_MAX, &data, &len) != ERR_OK)
        return OPENED_TROUBLE;
    said = open_by(data, len, password, out);
    if (said == OPENED_WRONG_PASSWORD && to_latin(password, latin))
        said = open_by(data, len, latin, out);
    sodium_memzero(latin, sizeof(latin));
    return said;
}

int opener_run(int plain, int password, int opened)
{
    char word[PASSWORD_MAX + 1], answer = OPENED_TROUBLE;
    struct source s;

    source_from_pipe(&s, plain);
    if (read_password(password, word))
        answer = (char)open_locked(&s, word, opened);
    sodium_memzero(word, sizeof(word));
    return write_all(password, (const uint8_t *)&answer, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
}
