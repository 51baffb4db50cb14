/* The command line of evidence-send. */
#ifndef GATEWAY_SEND_OPTIONS_H
#define GATEWAY_SEND_OPTIONS_H

#include "crypto/note.h"
#include "gateway/base/cmdline.h"
#include "gateway/send/address.h"

#define SEND_PROGRAM "evidence-send"
#define PIECE_DEFAULT_TEXT "8MiB"
#define PIECE_MIN UINT64_C(1024)
#define PIECE_MAX (UINT64_C(8) << 30)
enum { RETRY_DEFAULT_S = 15 * 60, RETRY_MAX_S = 30 * 24 * 3600 };

struct send_options {
    char service[ADDRESS_MAX];
    const char *token_file, *cert_file, *key_file, *ca_file;
    const char *claim, *kind, *description, *filename, *filetype, *assessment;
    const char *recording_started, *recording_stopped;
    bool has_log_key;
    struct note_verifier log_key;
    uint64_t piece_size, retry_for_s;
    const char *trace_file;
    bool json, quiet;
    const char **files; /* of argv; freed by options_clear */
    size_t n_files;
};
/* CLI_GO, or the exit code of what was answered or explained. crypto_init comes first. */
MUST_USE int options_parse(int argc, char **argv, struct send_options *out);
void options_clear(struct send_options *o);
DEFINE_AUTO_CLEAR(struct send_options, options_clear);

/* "65536", "64KiB", "8MiB", "1GiB". ERR_INVALID out of PIECE_MIN..PIECE_MAX. */
MUST_USE enum err piece_size_parse(const char *text, uint64_t *out);

#endif
