/* The options, checked as far as they can be without a network: what is wrong here is wrong
 * use, not a failed upload. */
#include "gateway/send/options.h"

#include "crypto/receipt_check.h"
#include "gateway/base/clock.h"
#include "gateway/base/uuid.h"
#include "gateway/send/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIGITS_MAX = 15 };

struct texts { /* what becomes something else */
    const char *url, *log_key, *piece_size;
};

enum err piece_size_parse(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        unsigned shift;
    } UNITS[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    size_t digits = strspn(text, "0123456789");

    for (size_t i = 0; i < ARRAY_LEN(UNITS) && digits > 0 && digits <= DIGITS_MAX; i++) {
        uint64_t count = strtoull(text, NULL, 10);
        if (strcmp(text + digits, UNITS[i].name) != 0 || count > PIECE_MAX >> UNITS[i].shift)
            continue;
        *out = count << UNITS[i].shift;
        if (*out >= PIECE_MIN)
            return ERR_OK;
    }
    return err_set(ERR_INVALID, "wants a size from 1KiB to 8GiB, such as 8MiB");
}

static int wrong(const char *option, const char *what)
{
    (void)fprintf(stderr, "%s: --%s: %s\n", SEND_PROGRAM, option, what);
    return OUTCOME_USAGE;
}

static int check_identifiers(const struct send_options *o)
{
    const struct {
        const char *name, *text;
    } ids[] = {{"claim", o->claim}, {"assessment", o->assessment}};
    struct uuid id;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (ids[i].text && uuid_parse(ids[i].text, &id) != ERR_OK)
            return wrong(ids[i].name, "wants an identifier like "
                                      "0193d2a4-0000-7000-8000-000000000001");
    }
    return CLI_GO;
}

static int check_times(const struct send_options *o)
{
    const struct {
        const char *name, *text;
    } times[] = {{"recording-started", o->recording_started},
                 {"recording-stopped", o->recording_stopped}};
    int64_t at;

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (times[i].text && time_parse(times[i].text, &at) != ERR_OK)
            return wrong(times[i].name, "wants a time like 2026-11-22T10:00:00Z");
    }
    return CLI_GO;
}

static int check_files(const struct send_options *o)
{
    const struct {
        const char *name, *path;
    } files[] = {{"token-file", o->token_file},
                 {"cert", o->cert_file},
                 {"key", o->key_file},
                 {"ca", o->ca_file}};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i].path && access(files[i].path, R_OK) != 0)
            return wrong(files[i].name, err_message(err_errno(files[i].path)));
    }
    return CLI_GO;
}

static int check_who(const struct send_options *o)
{
    if (!o->token_file && !o->cert_file)
        return wrong("token-file", "is missing, and so are --cert and --key: one of them says "
                                   "who sends");
    if (!o->cert_file != !o->key_file)
        return wrong(o->cert_file ? "key" : "cert", "--cert and --key belong together");
    if (o->filename && o->n_files > 1)
        return wrong("filename", "names one file, and several are sent");
    if (o->retry_for_s > RETRY_MAX_S)
        return wrong("retry-for", "at most 30 days");
    return check_files(o);
}

static int texts_read(const struct texts *t, struct send_options *o)
{
    enum err e = address_service(t->url, o->service);

    if (e != ERR_OK)
        return wrong("url", err_message(e));
    e = piece_size_parse(t->piece_size ? t->piece_size : PIECE_DEFAULT_TEXT, &o->piece_size);
    if (e != ERR_OK)
        return wrong("piece-size", err_message(e));
    o->has_log_key = t->log_key != NULL;
    if (!o->has_log_key)
        return CLI_GO;
    e = note_verifier_read(t->log_key, &o->log_key);
    if (e != ERR_OK)
        return wrong("log-key", err_message(e));
    return o->log_key.algorithm == NOTE_ED25519 ? CLI_GO
                                                : wrong("log-key", "is not the key of a log");
}

static int check(const struct texts *t, struct send_options *o)
{
    int code = texts_read(t, o);

    if (code == CLI_GO)
        code = check_identifiers(o);
    if (code == CLI_GO)
        code = check_times(o);
    return code == CLI_GO ? check_who(o) : code;
}

#define ABOUT                                                                                  \
    "Sends files as evidence, goes on where a broken connection left off, and says\n"          \
    "\"received\" when the service's signed receipt has been checked and stored as\n"          \
    "FILE.receipt. While FILE is on its way, FILE.upload holds what a later run needs."

int options_parse(int argc, char **argv, struct send_options *o)
{
    static const char exit_codes[] = "exit codes:\n"
#define X(code, number, name, words) "  " #number "  " words "\n"
        OUTCOME_TABLE(X)
#undef X
            "Of several files the gravest counts: 2, 4, 1, 5, 3, 0.";
    struct texts texts = {.url = NULL};
    *o = (struct send_options){.retry_for_s = RETRY_DEFAULT_S};
    const struct cli_option options[] = {
        {"url", "URL", "the service: https://...", CLI_TEXT, true, &texts.url},
        {"token-file", "FILE", "holds the access token; read again when it changes", CLI_TEXT,
         false, &o->token_file},
        {"cert", "FILE", "our certificate (PEM)", CLI_TEXT, false, &o->cert_file},
        {"key", "FILE", "its key (PEM)", CLI_TEXT, false, &o->key_file},
        {"ca", "FILE", "who signs the service's certificate (PEM); else the system's", CLI_TEXT,
         false, &o->ca_file},
        {"claim", "ID", "the claim that the evidence is for", CLI_TEXT, true, &o->claim},
        {"kind", "KIND", "further_evidence, medical_report, ...", CLI_TEXT, true, &o->kind},
        {"description", "TEXT", "what it is", CLI_TEXT, false, &o->description},
        {"filename", "NAME", "the name to send; else the file's own", CLI_TEXT, false,
         &o->filename},
        {"filetype", "TYPE", "its media type; else the service looks", CLI_TEXT, false,
         &o->filetype},
        {"assessment", "ID", "the assessment that a recording is of", CLI_TEXT, false,
         &o->assessment},
        {"recording-started", "TIME", "when the recording began", CLI_TEXT, false,
         &o->recording_started},
        {"recording-stopped", "TIME", "when it ended", CLI_TEXT, false, &o->recording_stopped},
        {"log-key", "KEY", "verifies the receipts: the file log.vkey or its text", CLI_TEXT,
         false, &texts.log_key},
        {"piece-size", "SIZE", "what goes in one request; 8MiB", CLI_TEXT, false,
         &texts.piece_size},
        {"retry-for", "SECONDS", "gives up when nothing went forward for so long; 900",
         CLI_NUMBER, false, &o->retry_for_s},
        {"json", NULL, "one JSON object for each file on standard output", CLI_FLAG, false,
         &o->json},
        {"quiet", NULL, "says nothing but what went wrong", CLI_FLAG, false, &o->quiet},
        {"trace", "FILE", "adds every request and its offsets to this file", CLI_TEXT, false,
         &o->trace_file},
    };
    o->files = calloc((size_t)argc, sizeof(*o->files));
    if (!o->files)
        return OUTCOME_LOCAL;
    const struct cli_command command = {.name = "",
                                        .operands = "FILE...",
                                        .about = ABOUT,
                                        .options = options,
                                        .n_options = ARRAY_LEN(options),
                                        .operands_min = 1,
                                        .operands_max = (size_t)argc,
                                        .operand = o->files};
    int code = cmdline_parse(SEND_PROGRAM, exit_codes, &command, argc, argv);
    if (code != CLI_GO)
        return code;
    while (o->n_files < (size_t)argc && o->files[o->n_files])
        o->n_files++;
    return check(&texts, o);
}

void options_clear(struct send_options *o)
{
    free(o->files);
    o->files = NULL;
}
