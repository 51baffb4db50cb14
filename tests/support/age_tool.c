/* A small age program over our own sealing code, for the interoperability tests: what it seals
 * must open with any age tool, what any age tool seals must open with it.
 *
 *     age_tool keygen IDENTITY-FILE
 *     age_tool seal-file RECIPIENT IN OUT                  a plain header, as for an export
 *     age_tool seal-artefact SERVICE RECOVERY IN OUT       both stanzas, as an artefact is kept
 *     age_tool open-file IDENTITY-FILE IN OUT              prints the outcome in the words of
 * the test vectors; exit status 0 on success
 *
 * It reads as a stream whose end is unknown, so that OUT holds what such a reader would have
 * released before a failure: every chunk that authenticated, no byte of one that did not.
 */
#include "crypto/age_header.h"
#include "crypto/age_payload.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct files {
    FILE *in;
    FILE *out;
};

static uint8_t chunk_in[AGE_SEALED_CHUNK_SIZE], chunk_out[AGE_SEALED_CHUNK_SIZE];

static MUST_USE enum err open_files(const char *in, const char *out, struct files *f)
{
    f->in = fopen(in, "rb");
    if (f->in == NULL)
        return err_errno(in);
    f->out = fopen(out, "wb");
    if (f->out == NULL)
        return err_errno(out);
    return ERR_OK;
}

static void files_clear(struct files *f)
{
    if (f->in != NULL)
        (void)fclose(f->in);
    if (f->out != NULL)
        (void)fclose(f->out);
}
DEFINE_AUTO_CLEAR(struct files, files_clear);

static MUST_USE enum err put(FILE *out, const void *data, size_t len)
{
    if (len > 0 && fwrite(data, 1, len, out) != len)
        return err_errno("write");
    return ERR_OK;
}

static bool at_end(FILE *in)
{
    int c = fgetc(in);

    return c == EOF || ungetc(c, in) == EOF;
}

static MUST_USE enum err seal_chunks(struct age_stream *s, struct files *f)
{
    bool last;

    do {
        size_t len = fread(chunk_in, 1, AGE_CHUNK_SIZE, f->in);

        last = at_end(f->in);
        TRY(age_seal_chunk(s, chunk_in, len, last, chunk_out));
        TRY(put(f->out, chunk_out, len + AGE_TAG_SIZE));
    } while (!last);
    return ERR_OK;
}

static MUST_USE enum err seal_payload(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                      struct files *f)
{
    AUTO(age_stream_free) struct age_stream *s = NULL;
    uint8_t nonce[AGE_NONCE_SIZE], key[AGE_PAYLOAD_KEY_SIZE];

    randombytes_buf(nonce, sizeof(nonce));
    TRY(age_payload_key(file_key, nonce, key));
    TRY(age_stream_new(&s));
    TRY(age_seal_begin(s, key, 0));
    sodium_memzero(key, sizeof(key));
    TRY(put(f->out, nonce, sizeof(nonce)));
    return seal_chunks(s, f);
}

static MUST_USE enum err seal(const char *service, const char *standard, const char *in,
                              const char *out)
{
    AUTO_CLEAR(buf_clear) struct buf header = {0};
    AUTO_CLEAR(files_clear) struct files f = {0};
    struct age_recipient service_point, standard_point;
    uint8_t file_key[AGE_FILE_KEY_SIZE];
    struct uuid artefact = uuid_new();

    buf_init(&header, AGE_HEADER_MAX);
    randombytes_buf(file_key, sizeof(file_key));
    TRY(age_recipient_parse(standard, &standard_point));
    if (service == NULL) {
        TRY(age_header_seal_plain(file_key, &standard_point, &header));
    } else {
        TRY(age_recipient_parse(service, &service_point));
        TRY(age_header_seal(file_key, &artefact, &service_point, &standard_point, &header));
    }
    TRY(open_files(in, out, &f));
    TRY(put(f.out, header.data, header.len));
    return seal_payload(file_key, &f);
}

static MUST_USE enum err open_chunks(struct age_stream *s, struct files *f)
{
    for (uint64_t index = 0;; index++) {
        size_t len = fread(chunk_in, 1, AGE_SEALED_CHUNK_SIZE, f->in);
        size_t plain = len < AGE_TAG_SIZE ? 0 : len - AGE_TAG_SIZE;
        bool last = at_end(f->in);

        if (age_open_chunk(s, index, last, chunk_in, len, chunk_out) == ERR_OK) {
            TRY(put(f->out, chunk_out, plain));
            if (last)
                return ERR_OK;
            continue;
        }
        /* A genuine chunk in a wrong place at the end: released, and then the failure. */
        TRY(age_open_chunk(s, index, !last, chunk_in, len, chunk_out));
        TRY(put(f->out, chunk_out, plain));
        return err_set(ERR_CORRUPT, last ? "no final chunk" : "bytes behind the final chunk");
    }
}

static MUST_USE enum err open_payload(const uint8_t file_key[AGE_FILE_KEY_SIZE],
                                      const uint8_t nonce[AGE_NONCE_SIZE], struct files *f)
{
    AUTO(age_stream_free) struct age_stream *s = NULL;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];

    TRY(age_payload_key(file_key, nonce, key));
    TRY(age_stream_new(&s));
    TRY(age_open_begin(s, key));
    sodium_memzero(key, sizeof(key));
    return open_chunks(s, f);
}

/* The header and the nonce behind it; the file is left where the chunks begin. */
static MUST_USE enum err open_header(const struct secret *identity, struct files *f,
                                     uint8_t file_key[AGE_FILE_KEY_SIZE],
                                     uint8_t nonce[AGE_NONCE_SIZE])
{
    static uint8_t head[AGE_HEADER_MAX];
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};

    TRY(age_header_parse(head, fread(head, 1, sizeof(head), f->in), &h));
    TRY(age_header_open_plain(&h, identity, file_key));
    if (fseek(f->in, (long)h.header_len, SEEK_SET) != 0)
        return err_errno("seek");
    if (fread(nonce, 1, AGE_NONCE_SIZE, f->in) != AGE_NONCE_SIZE)
        return err_set(ERR_CORRUPT, "no nonce");
    return ERR_OK;
}

static const char *header_outcome(enum err e)
{
    if (e == ERR_NOT_FOUND)
        return "no match";
    return e == ERR_CRYPTO ? "HMAC failure" : "header failure";
}

static MUST_USE enum err open_file(const char *identity_file, const char *in, const char *out)
{
    AUTO(secret_free) struct secret *identity = NULL;
    AUTO_CLEAR(files_clear) struct files f = {0};
    uint8_t file_key[AGE_FILE_KEY_SIZE], nonce[AGE_NONCE_SIZE];
    enum err e;

    TRY(age_identity_file_read(identity_file, &identity));
    TRY(open_files(in, out, &f));
    e = open_header(identity, &f, file_key, nonce);
    if (e != ERR_OK) {
        puts(header_outcome(e));
        return e;
    }
    e = open_payload(file_key, nonce, &f);
    sodium_memzero(file_key, sizeof(file_key));
    puts(e == ERR_OK ? "success" : "payload failure");
    return e;
}

static MUST_USE enum err keygen(const char *path)
{
    AUTO(secret_free) struct secret *identity = NULL;
    struct age_recipient recipient;
    char text[AGE_RECIPIENT_TEXT_SIZE];

    TRY(age_identity_generate(&identity, &recipient));
    TRY(age_identity_file_write(path, identity));
    age_recipient_format(&recipient, text);
    puts(text);
    return ERR_OK;
}

static MUST_USE enum err run(int argc, char **argv)
{
    TRY(crypto_init());
    if (argc == 3 && strcmp(argv[1], "keygen") == 0)
        return keygen(argv[2]);
    if (argc == 5 && strcmp(argv[1], "seal-file") == 0)
        return seal(NULL, argv[2], argv[3], argv[4]);
    if (argc == 6 && strcmp(argv[1], "seal-artefact") == 0)
        return seal(argv[2], argv[3], argv[4], argv[5]);
    if (argc == 5 && strcmp(argv[1], "open-file") == 0)
        return open_file(argv[2], argv[3], argv[4]);
    return err_set(ERR_INVALID, "usage: see the head of age_tool.c");
}

int main(int argc, char **argv)
{
    enum err e = run(argc, argv);

    if (e != ERR_OK)
        (void)fprintf(stderr, "age_tool: %s: %s\n", err_name(e), err_message(e));
    return e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
