/* Inspects files through the client library, and tells on standard output, one JSON object a
 * line, what came of each.
 *
 *     inspect_tool PROGRAM CLAMD_SOCKET [option=value...]
 *
 * Lines on standard input: `TYPE PIECE FILE` inspects FILE declared to be TYPE, written in
 * pieces of PIECE bytes; `render TYPE PAGE FILE OUT`; `health`; `stats`. */
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/inspect/inspection.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_ROOM = 4096, PIECE_MAX = 1 << 20 };

static bool show_peaks;

static void print(json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);

    puts(text);
    fflush(stdout);
    free(text);
    json_decref(j);
}

static json_t *flags_of(unsigned flags)
{
    static const char *const names[] = {"active", "encrypted", "embedded", "macros", "damaged",
                                        "animated"};
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((flags >> i & 1) != 0)
            json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

static json_t *peaks_of(const struct verdict *v)
{
    json_t *list = json_array();

    for (size_t i = 0; show_peaks && i < v->n_peaks; i++)
        json_array_append_new(list, json_integer(v->peaks[i]));
    return list;
}

static void print_verdict(const char *path, const struct verdict *v)
{
    print(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:I, s:i, s:i, s:i, s:s, "
                    "s:s, s:I, s:o}",
                    "file", path, "outcome", inspect_outcome_name(v->outcome), "reason",
                    inspect_reason_name(v->reason), "virus", v->virus, "type", v->type, "flags",
                    flags_of(v->flags), "pages", v->pages, "width", v->width, "height",
                    v->height, "members", v->members, "duration_ms",
                    (json_int_t)v->duration_ms, "rate", v->sample_rate, "channels", v->channels,
                    "n_peaks", v->n_peaks, "engine", v->engine, "signatures", v->signatures,
                    "signatures_at", (json_int_t)v->signatures_at, "peaks", peaks_of(v)));
}

static int inspect_file(struct inspectors *p, const char *type, size_t piece, const char *path)
{
    static uint8_t bytes[PIECE_MAX];
    struct inspection *i;
    struct verdict v;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0 || piece == 0 || piece > PIECE_MAX || inspection_begin(p, type, &i) != ERR_OK) {
        perror(path);
        return -1;
    }
    while ((n = read(fd, bytes, piece)) > 0)
        inspection_write(i, bytes, (size_t)n);
    close(fd);
    inspection_finish(i, &v);
    inspection_free(i);
    print_verdict(path, &v);
    return 0;
}

struct files {
    int in, out;
    size_t sunk;
};

static enum err read_file(void *of, void *data, size_t cap, size_t *len)
{
    ssize_t n = read(((struct files *)of)->in, data, cap);

    *len = n > 0 ? (size_t)n : 0;
    return n < 0 ? ERR_IO : ERR_OK;
}

static enum err write_file(void *of, const void *data, size_t len)
{
    struct files *f = of;

    f->sunk += len;
    return write(f->out, data, len) == (ssize_t)len ? ERR_OK : ERR_IO;
}

static int render_file(struct inspectors *p, const char *type, uint32_t page, const char *path,
                       const char *out)
{
    struct files f = {.in = open(path, O_RDONLY | O_CLOEXEC),
                      .out = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    struct render_source source = {.read = read_file, .sink = write_file, .of = &f};
    struct render_info info;
    enum err e = inspection_render(p, type, page, &source, &info);

    close(f.in);
    close(f.out);
    print(json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i}", "file", path, "error", err_name(e),
                    "media_type", info.media_type == NULL ? "" : info.media_type, "width",
                    info.width, "height", info.height, "pages", info.pages, "bytes",
                    (int)f.sunk));
    return 0;
}

static void print_health(struct inspectors *p)
{
    struct inspectors_health h;

    inspectors_health(p, &h);
    print(json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:s, s:s, s:I, s:b}", "reachable",
                    h.clamd_reachable, "detects", h.detects, "tells_limits", h.tells_limits, "reaches", h.reaches,
                    "limits_known", h.limits_known, "limits_fit", h.limits_fit,
                    "temporary_in_memory", h.temporary_in_memory, "sandbox_complete",
                    h.sandbox_complete, "lacks", (int)h.lacks, "engine", h.engine, "signatures",
                    h.signatures, "signatures_at", (json_int_t)h.signatures_at, "good", h.good));
}

static void print_stats(struct inspectors *p)
{
    struct inspectors_stats s;
    struct rusage me, others;

    inspectors_stats(p, &s);
    getrusage(RUSAGE_SELF, &me);
    getrusage(RUSAGE_CHILDREN, &others);
    print(json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "begun", (json_int_t)s.begun,
                    "finished", (json_int_t)s.finished, "rendered", (json_int_t)s.rendered,
                    "killed", (json_int_t)s.killed, "clean",
                    (json_int_t)s.outcomes[INSPECT_CLEAN], "active", (int)s.active, "peak_kib",
                    (int)me.ru_maxrss));
}

static int run_line(struct inspectors *p, char *line)
{
    char type[256], path[LINE_ROOM], out[LINE_ROOM];
    unsigned long number;

    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "health") == 0) {
        print_health(p);
        return 0;
    }
    if (strcmp(line, "stats") == 0) {
        print_stats(p);
        return 0;
    }
    if (sscanf(line, "render %255s %lu %4000s %4000s", type, &number, path, out) == 4)
        return render_file(p, type, (uint32_t)number, path, out);
    if (sscanf(line, "%255s %lu %4000[^\n]", type, &number, path) == 3)
        return inspect_file(p, type, number, path);
    fprintf(stderr, "inspect_tool: what is %s?\n", line);
    return -1;
}

static int take_option(char *option, struct inspectors_config *c)
{
    char *value = strchr(option, '=');
    const struct {
        const char *name;
        unsigned *at;
    } numbers[] = {{"pool", &c->pool_size},        {"begin_wait_ms", &c->begin_wait_ms},
                   {"stall_ms", &c->stall_ms},     {"finish_ms", &c->finish_ms},
                   {"render_ms", &c->render_ms},   {"clamd_wait_ms", &c->clamd_wait_ms},
                   {"cpu_s", &c->cpu_s}};

    if (value == NULL)
        return -1;
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (strcmp(option, numbers[i].name) == 0) {
            *numbers[i].at = (unsigned)strtoul(value, NULL, 10);
            return 0;
        }
    }
    if (strcmp(option, "user") == 0)
        c->user = value;
    else if (strcmp(option, "conf") == 0)
        c->clamd_conf = value;
    else if (strcmp(option, "required") == 0)
        c->sandbox_required = *value == '1';
    else if (strcmp(option, "peaks") == 0)
        show_peaks = *value == '1';
    else if (strcmp(option, "memory") == 0)
        c->memory_max = strtoull(value, NULL, 10);
    else if (strcmp(option, "largest") == 0)
        c->largest = strtoull(value, NULL, 10);
    else
        return -1;
    return 0;
}

int main(int argc, char **argv)
{
    struct inspectors_config config = {.program = argc > 1 ? argv[1] : NULL,
                                       .clamd_socket = argc > 2 ? argv[2] : NULL};
    struct inspectors *p;
    char line[2 * LINE_ROOM];
    enum err e;
    int failed = argc < 3 ? -1 : 0;

    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 3; i < argc && failed == 0; i++)
        failed = take_option(argv[i], &config);
    if (failed != 0) {
        fputs("usage: inspect_tool PROGRAM CLAMD_SOCKET [option=value...]\n", stderr);
        return 2;
    }
    e = inspectors_start(&config, &p);
    if (e != ERR_OK) {
        fprintf(stderr, "inspect_tool: %s: %s\n", err_name(e), err_message(e));
        return 3;
    }
    while (failed == 0 && fgets(line, sizeof(line), stdin) != NULL)
        failed = run_line(p, line);
    inspectors_stop(p);
    return failed == 0 ? 0 : 1;
}
