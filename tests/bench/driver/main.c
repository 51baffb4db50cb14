/* The load driver of tools/bench: one workload against one server on loopback.
 *
 * It shares the machine's few cores with the server, so it is one thread that does as little as
 * it can. After the warm-up it prints `ready` and waits for a line (or the end) of standard
 * input: whoever measures the server reads its clocks then, and again when the report's line
 * comes.
 */
#include "tests/bench/driver/report.h"

#include "gateway/base/macros.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WARM_UP_SIZE_MAX = 64 * 1024 * 1024, TARGET_MAX = 4096 };

static void usage(void)
{
    (void)fputs(
        "usage: bench_driver --list\n"
        "       bench_driver --workload NAME --port PORT --target TARGET [--method METHOD]\n"
        "           [--header 'NAME: VALUE']... [--targets FILE] [--quick] [--seconds S]\n"
        "           [--size BYTES] [--object BYTES] [--requests N] [--connections N]\n"
        "           [--warm-up N] [--seed N]\n",
        stderr);
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);

    if (end == text || *end != '\0')
        usage();
    return value;
}

static void target_add(struct options *o, const char *target)
{
    if (o->n_targets == TARGETS_MAX || strlen(target) >= TARGET_MAX)
        usage();
    o->targets[o->n_targets] = strdup(target);
    if (o->targets[o->n_targets++] == NULL)
        abort();
}

static void targets_read(struct options *o, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[TARGET_MAX];

    if (f == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        target_add(o, line);
    }
    (void)fclose(f);
}

static void workload_take(struct options *o, const char *name)
{
    const struct workload *w = workload_find(name);

    if (w == NULL) {
        (void)fprintf(stderr, "bench_driver: there is no workload \"%s\"\n", name);
        exit(2);
    }
    o->workload = *w;
    o->method = w->kind == WORKLOAD_UPLOAD ? "PUT" : "GET";
}

static void quick(struct workload *w)
{
    w->requests = w->quick_requests;
    if (w->quick_size != 0)
        w->size = w->quick_size;
    if (w->warm_up > w->requests / 4 + 1)
        w->warm_up = w->requests / 4 + 1;
}

enum {
    OPTION_LIST = 1,
    OPTION_QUICK,
    OPTION_WARM_UP,
    OPTION_TARGETS,
    OPTION_SIZE,
    OPTION_OBJECT,
    OPTION_SEED
};

static const struct option OPTIONS[] = {
    {"list", no_argument, NULL, OPTION_LIST},
    {"workload", required_argument, NULL, 'w'},
    {"quick", no_argument, NULL, OPTION_QUICK},
    {"port", required_argument, NULL, 'p'},
    {"method", required_argument, NULL, 'm'},
    {"target", required_argument, NULL, 't'},
    {"targets", required_argument, NULL, OPTION_TARGETS},
    {"header", required_argument, NULL, 'H'},
    {"seconds", required_argument, NULL, 's'},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"object", required_argument, NULL, OPTION_OBJECT},
    {"requests", required_argument, NULL, 'n'},
    {"connections", required_argument, NULL, 'c'},
    {"warm-up", required_argument, NULL, OPTION_WARM_UP},
    {"seed", required_argument, NULL, OPTION_SEED},
    {NULL, 0, NULL, 0},
};

static void request_option(struct options *o, int option)
{
    switch (option) {
    case 'm':
        o->method = optarg;
        break;
    case 't':
        target_add(o, optarg);
        break;
    case OPTION_TARGETS:
        targets_read(o, optarg);
        break;
    case 'H':
        if (o->n_headers == HEADERS_MAX)
            usage();
        o->headers[o->n_headers++] = optarg;
        break;
    default:
        usage();
    }
}

static void option_take(struct options *o, int option)
{
    switch (option) {
    case OPTION_LIST:
        workload_print_all();
        exit(EXIT_SUCCESS);
    case 'w':
        workload_take(o, optarg);
        break;
    case OPTION_QUICK:
        quick(&o->workload);
        break;
    case 'p':
        o->port = (unsigned)number(optarg);
        break;
    case 's':
        o->seconds = (unsigned)number(optarg);
        break;
    case OPTION_SIZE:
        o->workload.size = number(optarg);
        break;
    case OPTION_OBJECT:
        o->workload.object = number(optarg);
        break;
    case 'n':
        o->workload.requests = number(optarg);
        break;
    case 'c':
        o->workload.connections = (unsigned)number(optarg);
        break;
    case OPTION_WARM_UP:
        o->workload.warm_up = number(optarg);
        break;
    case OPTION_SEED:
        o->seed = number(optarg);
        break;
    default:
        request_option(o, option);
    }
}

static void wait_for_word(void)
{
    char byte;

    (void)printf("ready\n");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        continue;
}

static void options_free(struct options *o)
{
    for (size_t i = 0; i < o->n_targets; i++)
        free(o->targets[i]);
    free(o);
}

int main(int argc, char **argv)
{
    struct options *o = calloc(1, sizeof(*o));
    struct outcome *outcome = calloc(1, sizeof(*outcome));

    if (o == NULL || outcome == NULL)
        abort();
    o->seed = now_us();
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;)
        option_take(o, option);
    struct workload *w = &o->workload;
    if (optind != argc || w->name == NULL || o->n_targets == 0 || w->connections == 0 ||
        (w->kind == WORKLOAD_RANGE && w->object < w->size) ||
        (w->kind == WORKLOAD_UPLOAD && w->size == 0))
        usage();
    (void)signal(SIGPIPE, SIG_IGN);
    body_init(o->seed);
    struct engine *e = engine_new(o);
    engine_run(e, w->warm_up, w->size < WARM_UP_SIZE_MAX ? w->size : WARM_UP_SIZE_MAX, outcome);
    uint64_t warm_up_errors = outcome->errors;
    if (warm_up_errors > 0)
        (void)fprintf(stderr, "bench_driver: warm-up: %s\n", outcome->first_error);
    wait_for_word();
    engine_run(e, w->requests, w->size, outcome);
    report_print(o, outcome);
    bool good = outcome->errors == 0 && warm_up_errors == 0 && outcome->requests > 0;
    engine_free(e);
    free(outcome);
    options_free(o);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
