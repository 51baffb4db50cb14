/* evidence-send: files as evidence, over lines that break. Options, one transfer after the
 * other, the gravest outcome as the exit code. */
#include "crypto/secret.h"
#include "gateway/send/confirm.h"
#include "gateway/send/state.h"
#include "gateway/send/transfer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

DEFINE_AUTO_CLEAR(struct trace, trace_close);

static int failed(enum err e, enum outcome o)
{
    (void)fprintf(stderr, "%s: %s\n", SEND_PROGRAM, err_message(e));
    return (int)o;
}

/* FILE.upload, FILE.receipt and the like beside a FILE: ours, taken up by a pattern like "*".
 */
static bool is_left_by_us(const char *file)
{
    static const char *const marks[] = {STATE_SUFFIX, RECEIPT_SUFFIX};
    char of[REPORT_PATH_MAX];
    struct stat st;

    if (strlen(file) >= sizeof(of))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        const char *mark = NULL, *at = file;
        while ((at = strstr(at, marks[i])))
            mark = at++;
        if (!mark || mark == file)
            continue;
        const char *rest = mark + strlen(marks[i]);
        bool counted = *rest == '.' && strspn(rest + 1, "0123456789") == strlen(rest + 1);
        if (*rest && !counted && strcmp(rest, ".new") != 0)
            continue;
        (void)snprintf(of, sizeof(of), "%.*s", (int)(mark - file), file);
        if (stat(of, &st) == 0)
            return true;
    }
    return false;
}

static enum outcome send_all(const struct shared *shared)
{
    const struct send_options *o = shared->options;
    enum outcome worst = OUTCOME_RECEIVED;
    size_t left_out = 0;

    for (size_t i = 0; i < o->n_files; i++) {
        struct report report;
        struct result result;

        report_begin(&report, o->files[i], o->quiet, o->json);
        if (is_left_by_us(o->files[i])) {
            report_say(&report, "left out: this program wrote it");
            left_out++;
            continue;
        }
        transfer_run(shared, o->files[i], &report, &result);
        report_result(&report, &result);
        worst = outcome_worse(worst, result.outcome);
    }
    return left_out < o->n_files ? worst : OUTCOME_USAGE;
}

static int run(const struct send_options *o)
{
    AUTO_CLEAR(token_clear) struct token token;
    AUTO(transport_free) struct transport *transport = NULL;
    AUTO_CLEAR(trace_close) struct trace trace = {.fd = -1};
    const struct credentials who = {.ca_file = o->ca_file,
                                    .cert_file = o->cert_file,
                                    .key_file = o->key_file,
                                    .token = &token};
    bool changed;

    token_init(&token, o->token_file);
    enum err e = token_read(&token, &changed);
    if (e != ERR_OK) {
        (void)fprintf(stderr, "%s: --token-file: %s\n", SEND_PROGRAM, err_message(e));
        return OUTCOME_USAGE;
    }
    e = trace_open(&trace, o->trace_file);
    if (e != ERR_OK)
        return failed(e, OUTCOME_USAGE);
    e = transport_new(&who, &transport);
    if (e != ERR_OK)
        return failed(e, OUTCOME_LOCAL);
    const struct shared shared = {
        .options = o, .transport = transport, .token = &token, .trace = &trace};
    return (int)send_all(&shared);
}

int main(int argc, char **argv)
{
    AUTO_CLEAR(options_clear) struct send_options options = {.files = NULL};

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s %s\n", SEND_PROGRAM, EG_VERSION);
        return 0;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    enum err e = crypto_init();
    if (e != ERR_OK)
        return failed(e, OUTCOME_LOCAL);
    int code = options_parse(argc, argv, &options);
    return code == CLI_GO ? run(&options) : code;
}
