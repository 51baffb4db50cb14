/* The processes: refusing to start, being killed and replaced, many threads, malformed frames,
 * and what they gave up. */
#include "gateway/keeper/client.h"
#include "gateway/keeper/protocol.h"
#include "gateway/keeper/sandbox.h"
#include "tests/unit/keeper/keeper_world.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { PATIENCE_MS = 30000, NAP_US = 20000 };

/* A line of /proc/<pid>/status: its value, "" when there is none. */
static void status_line(long pid, const char *name, char out[128])
{
    char path[64], line[256];
    FILE *f;

    out[0] = '\0';
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            (void)snprintf(out, 128, "%.*s", (int)strcspn(line + strlen(name) + 2, "\n"),
                           line + strlen(name) + 2);
    }
    if (f != NULL)
        (void)fclose(f);
}

static bool lives(long pid)
{
    char state[128];

    status_line(pid, "State", state);
    return state[0] != '\0' && state[0] != 'Z' && state[0] != 'X';
}

static bool dies(long pid)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;

    while (lives(pid) && clock_steady_ms() < deadline)
        (void)usleep(NAP_US);
    return !lives(pid);
}

static long parent_of(long pid)
{
    char text[128];

    status_line(pid, "PPid", text);
    return atol(text);
}

static long keeper_pid(struct keeper *k)
{
    struct keeper_info info;

    ck_ok(keeper_info(k, &info));
    return info.pid;
}

static enum err wait_back(struct keeper *k, struct keeper_info *info)
{
    int64_t deadline = clock_steady_ms() + PATIENCE_MS;
    enum err e = keeper_info(k, info);

    while (e != ERR_OK && clock_steady_ms() < deadline) {
        (void)usleep(NAP_US);
        e = keeper_info(k, info);
    }
    return e;
}

START_TEST(killed_and_replaced)
{
    AUTO_CLEAR(buf_clear) struct buf note, receipt;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct keeper_info info;
    struct sealed a;
    struct world w;
    long first;

    buf_init(&note, NOTE_MAX);
    buf_init(&receipt, RECEIPT_MAX);
    world_reader(&w);
    sealed_make(&w, &a);
    world_entry(&w, opened_details(&a.id), &receipt);
    for (int round = 0; round < 2; round++) {
        first = keeper_pid(w.keeper);
        ck_assert_int_eq(kill((pid_t)first, SIGKILL), 0);
        ck_assert(dies(first));
        ck_err(keeper_info(w.keeper, &info), ERR_UNAVAILABLE);
        ck_ok(wait_back(w.keeper, &info));
        ck_assert_int_ne(info.pid, first);
        ck_assert_uint_eq(info.signed_size, w.n);
        ck_ok(world_open(&w, &a, &receipt, key));
    }
    world_end(&w);
    sealed_clear(&a);
}
END_TEST

/* Without its guardian a keeper ends, and the client says so for good. */
START_TEST(guardian_killed)
{
    struct keeper_info info;
    struct world w;
    long keeper;

    world_reader(&w);
    keeper = keeper_pid(w.keeper);
    ck_assert_int_eq(kill((pid_t)parent_of(keeper), SIGKILL), 0);
    ck_assert(dies(keeper));
    ck_err(keeper_info(w.keeper, &info), ERR_UNAVAILABLE);
    (void)usleep((KEEPER_RESTART_GAP_MS + 100) * 1000);
    ck_err(keeper_info(w.keeper, &info), ERR_UNAVAILABLE);
    world_end(&w);
}
END_TEST

/* What a terminal or a service manager sends to everybody must not end the signing before the
 * front is done. */
START_TEST(group_signals_are_ignored)
{
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct world w;
    long keeper;

    world_reader(&w);
    keeper = keeper_pid(w.keeper);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        ck_assert_int_eq(kill((pid_t)keeper, signals[i]), 0);
        ck_assert_int_eq(kill((pid_t)parent_of(keeper), signals[i]), 0);
        ck_assert_int_eq(keeper_pid(w.keeper), keeper);
    }
    world_end(&w);
    ck_assert(dies(keeper));
}
END_TEST

START_TEST(front_dies)
{
    struct world w;
    int pipes[2];
    long pids[2];
    pid_t front;

    world_make(&w);
    ck_assert_int_eq(pipe(pipes), 0);
    front = fork();
    if (front == 0) {
        world_start(&w);
        pids[0] = keeper_pid(w.keeper);
        pids[1] = parent_of(pids[0]);
        _exit(write(pipes[1], pids, sizeof(pids)) == sizeof(pids) ? 0 : 1);
    }
    ck_assert_int_eq(read(pipes[0], pids, sizeof(pids)), sizeof(pids));
    ck_assert_int_eq(waitpid(front, NULL, 0), front);
    ck_assert(dies(pids[0]));
    ck_assert(dies(pids[1]));
    world_end(&w);
}
END_TEST

START_TEST(refuses_to_start)
{
    char path[2 * WORLD_PATH], other[2 * WORLD_PATH];
    struct world w;

    world_make(&w);
    (void)snprintf(path, sizeof(path), "%s/%s.identity", w.keys, w.key_id);
    ck_assert_int_eq(chmod(path, 0440), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(chmod(path, 0400), 0);
    (void)snprintf(other, sizeof(other), "%s/0123456789abcdef.identity", w.keys);
    ck_assert_int_eq(rename(path, other), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_CORRUPT);
    ck_assert_int_eq(rename(other, path), 0);
    ck_assert_int_eq(symlink(path, other), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(chmod(w.log_key, 0644), 0);
    ck_err(keeper_start(&w.config, &w.keeper), ERR_DENIED);
    ck_assert_int_eq(chmod(w.log_key, 0400), 0);
    w.config.keys_dir = w.dir; /* no identity in it */
    ck_err(keeper_start(&w.config, &w.keeper), ERR_NOT_FOUND);
    w.config.keys_dir = "/nonexistent";
    ck_err(keeper_start(&w.config, &w.keeper), ERR_NOT_FOUND);
    w.config.keys_dir = w.keys;
    w.config.log_key_file = path; /* an identity is no log key */
    ck_assert_int_ne(keeper_start(&w.config, &w.keeper), ERR_OK);
    w.config.log_key_file = w.log_key;
    w.config.log_name = "a name with spaces";
    ck_assert_int_ne(keeper_start(&w.config, &w.keeper), ERR_OK);
    w.config.log_name = NULL;
    ck_err(keeper_start(&w.config, &w.keeper), ERR_INVALID);
    w.config.log_name = WORLD_LOG;
    keeper_set_program("/nonexistent/program");
    ck_err(keeper_start(&w.config, &w.keeper), ERR_NOT_FOUND);
    keeper_set_program("/bin/false");
    ck_err(keeper_start(&w.config, &w.keeper), ERR_UNAVAILABLE);
    keeper_set_program(KEEPER_TOOL);
    world_start(&w);
    world_end(&w);
}
END_TEST

START_TEST(without_standard_error)
{
    struct keeper_info info;
    struct world w;
    pid_t pid;
    int status;

    world_make(&w);
    pid = fork();
    if (pid == 0) {
        enum err e;

        (void)close(STDIN_FILENO);
        (void)close(STDERR_FILENO);
        e = keeper_start(&w.config, &w.keeper);
        if (e == ERR_OK)
            e = keeper_info(w.keeper, &info);
        keeper_stop(w.keeper);
        _exit((int)e);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), ERR_OK);
    world_end(&w);
}
END_TEST

START_TEST(credentials_directory)
{
    struct keeper_info info;
    struct world w;

    world_make(&w);
    w.config.keys_dir = NULL;
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    ck_assert_int_ne(keeper_start(&w.config, &w.keeper), ERR_OK);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", w.keys, 1), 0);
    world_start(&w);
    ck_ok(keeper_info(w.keeper, &info));
    ck_assert_uint_eq(info.n_identities, 1);
    ck_assert_mem_eq(&info.recipients[0], &w.service, sizeof(w.service));
    world_end(&w);
}
END_TEST

/* What the system says about the running keeper. */
START_TEST(has_given_up)
{
    char text[128], path[64];
    unsigned files = 0;
    struct dirent *d;
    struct world w;
    long pid;
    DIR *dir;

    world_make(&w);
    w.config.user = "nobody";
    world_start(&w);
    pid = keeper_pid(w.keeper);
    status_line(pid, "NoNewPrivs", text);
    ck_assert_str_eq(text, "1");
    status_line(pid, "Seccomp", text);
    ck_assert_str_eq(text, sandbox_filter() == SANDBOX_NO_FILTER ? "0" : "2");
    (void)snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    dir = opendir(path);
    if (geteuid() == 0) {
        ck_assert_ptr_nonnull(dir);
        while ((d = readdir(dir)) != NULL)
            files += d->d_name[0] != '.';
        ck_assert_uint_eq(files, 5); /* nowhere twice, standard error, socket, state file */
        (void)closedir(dir);
        status_line(pid, "Uid", text);
        ck_assert_ptr_nonnull(strstr(text, "65534\t65534\t65534\t65534"));
        status_line(pid, "Groups", text);
        ck_assert_uint_eq(strspn(text, " \t"), strlen(text));
        status_line(pid, "CapEff", text);
        ck_assert_str_eq(text, "0000000000000000");
    } else {
        ck_assert_ptr_null(dir); /* not dumpable: not even ours to look at */
    }
    { /* and it still signs */
        AUTO_CLEAR(buf_clear) struct buf note;
        uint64_t size;

        buf_init(&note, NOTE_MAX);
        world_append(&w, 3);
        ck_ok(world_sign(&w, 0, 3, &note, &size));
    }
    world_end(&w);
    world_make(&w);
    w.config.user = "no-such-user-here";
    if (geteuid() == 0)
        ck_err(keeper_start(&w.config, &w.keeper), ERR_NOT_FOUND);
    world_end(&w);
}
END_TEST

/* --- many threads ---------------------------------------------------------------------------
 */
enum { THREADS = 12, CALLS = 60 };
struct crowd {
    struct world w;
    struct sealed a;
    struct buf receipt;
    uint8_t wanted[AGE_PAYLOAD_KEY_SIZE];
    bool may_fail;
    atomic_uint good, gone, wrong;
};

static enum err one_call(struct crowd *c, unsigned turn)
{
    AUTO_CLEAR(buf_clear) struct buf note;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE];
    struct keeper_info info;
    uint64_t size;
    enum err e;

    buf_init(&note, NOTE_MAX);
    if (turn % 3 == 0)
        return keeper_info(c->w.keeper, &info);
    if (turn % 3 == 1)
        return keeper_sign(c->w.keeper, 0, NULL, 0, NULL, &note, &size);
    e = world_open(&c->w, &c->a, &c->receipt, key);
    if (e == ERR_OK && memcmp(key, c->wanted, sizeof(key)) != 0)
        return ERR_INTERNAL; /* somebody else's answer */
    return e;
}

static void *crowd_member(void *arg)
{
    struct crowd *c = arg;

    for (unsigned i = 0; i < CALLS; i++) {
        enum err e = one_call(c, i);

        if (e == ERR_OK)
            c->good++;
        else if (e == ERR_UNAVAILABLE && c->may_fail)
            c->gone++;
        else
            c->wrong++;
        if (e == ERR_UNAVAILABLE)
            (void)usleep(NAP_US);
    }
    return NULL;
}

static void crowd_make(struct crowd *c)
{
    world_reader(&c->w);
    sealed_make(&c->w, &c->a);
    buf_init(&c->receipt, RECEIPT_MAX);
    world_entry(&c->w, opened_details(&c->a.id), &c->receipt);
    ck_ok(age_payload_key(c->a.file_key, c->a.nonce, c->wanted));
}

static void crowd_end(struct crowd *c)
{
    buf_clear(&c->receipt);
    sealed_clear(&c->a);
    world_end(&c->w);
    free(c);
}

/* Threads go on calling while the keeper is replaced again and again: none of them notices. */
START_TEST(reload_goes_unnoticed)
{
    struct crowd *c = calloc(1, sizeof(*c));
    pthread_t threads[THREADS];
    struct keeper_info before, after;

    crowd_make(c);
    ck_ok(keeper_info(c->w.keeper, &before));
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, crowd_member, c), 0);
    ck_ok(keeper_reload(c->w.keeper));
    ck_ok(keeper_reload(c->w.keeper));
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    ck_ok(keeper_info(c->w.keeper, &after));
    ck_assert_int_ne(before.pid, after.pid);
    ck_assert_uint_eq(c->wrong, 0);
    ck_assert_uint_eq(c->good, THREADS * CALLS);
    crowd_end(c);
}
END_TEST

START_TEST(threads_share_it)
{
    struct crowd *c = calloc(1, sizeof(*c));
    pthread_t threads[THREADS];

    crowd_make(c);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, crowd_member, c), 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    ck_assert_uint_eq(c->wrong, 0);
    ck_assert_uint_eq(c->good, THREADS * CALLS);
    crowd_end(c);
}
END_TEST

/* Killed again and again under them: every call comes back, with its own answer or with
 * ERR_UNAVAILABLE. */
START_TEST(threads_survive_its_death)
{
    struct crowd *c = calloc(1, sizeof(*c));
    pthread_t threads[THREADS];
    struct keeper_info info;

    crowd_make(c);
    c->may_fail = true;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, crowd_member, c), 0);
    for (int round = 0; round < 2; round++) {
        if (wait_back(c->w.keeper, &info) == ERR_OK)
            (void)kill((pid_t)info.pid, SIGKILL);
        (void)usleep(NAP_US);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    ck_assert_uint_eq(c->wrong, 0);
    ck_assert_uint_eq(c->good + c->gone, THREADS * CALLS);
    ck_ok(wait_back(c->w.keeper, &info));
    crowd_end(c);
}
END_TEST

/* --- malformed frames -----------------------------------------------------------------------
 */
struct line { /* a keeper's bare socket */
    struct world w;
    struct guardian_link guardian;
    int fd;
    uint8_t packet[FRAME_MAX + 4096];
};

static struct line *line_make(void)
{
    struct line *l = calloc(1, sizeof(*l));

    world_make(&l->w);
    ck_ok(guardian_start(&l->w.config, &l->guardian, &l->fd));
    return l;
}

static void line_end(struct line *l)
{
    (void)close(l->fd);
    guardian_stop(&l->guardian);
    world_end(&l->w);
    free(l);
}

/* The status of the next reply, which must be one, with this id. */
static enum err next_status(struct line *l, uint64_t id)
{
    AUTO_FREE uint8_t *packet = malloc(FRAME_MAX);
    struct reply reply;
    struct reader r;
    struct frame f;
    size_t len;

    ck_ok(frame_recv(l->fd, packet, FRAME_MAX, PATIENCE_MS, &len, NULL));
    ck_ok(frame_decode(packet, len, &f));
    ck_assert_uint_eq(f.type & FRAME_REPLY, FRAME_REPLY);
    ck_assert_uint_eq(f.id, id);
    reader_init(&r, f.body, f.len);
    ck_ok(reply_take(&r, &reply));
    return reply.status;
}

static void still_answers(struct line *l)
{
    ck_ok(frame_send(l->fd, FRAME_INFO, 77, NULL, 0, -1));
    ck_ok(next_status(l, 77));
}

START_TEST(malformed_packets)
{
    struct line *l = line_make();

    ck_assert_int_eq(send(l->fd, "", 0, 0), 0);
    ck_err(next_status(l, 0), ERR_INVALID);
    ck_assert_int_eq(send(l->fd, "EGKP", 4, 0), 4);
    ck_err(next_status(l, 0), ERR_INVALID);
    ck_assert_int_eq(send(l->fd, l->packet, sizeof(l->packet), 0),
                     sizeof(l->packet)); /* longer than any frame */
    ck_err(next_status(l, 0), ERR_INVALID);
    for (unsigned type = 0; type < 256; type++) {
        if (type == FRAME_INFO || type == FRAME_INTAKE_KEY || type == FRAME_COLUMN_KEYS)
            continue; /* which ask with nothing */
        ck_ok(frame_send(l->fd, (uint8_t)type, type, NULL, 0, -1));
        ck_err(next_status(l, type), ERR_INVALID);
    }
    ck_ok(frame_send(l->fd, FRAME_INFO, 5, "x", 1, -1));
    ck_err(next_status(l, 5), ERR_INVALID);
    ck_ok(frame_send(l->fd, FRAME_INTAKE_KEY, 6, "x", 1, -1));
    ck_err(next_status(l, 6), ERR_INVALID);
    ck_ok(frame_send(l->fd, FRAME_COLUMN_KEYS, 7, "x", 1, -1));
    ck_err(next_status(l, 7), ERR_INVALID);
    for (unsigned i = 0; i < 40; i++) { /* more descriptors than it may hold */
        ck_ok(frame_send(l->fd, FRAME_INFO, i, NULL, 0, l->fd));
        ck_ok(next_status(l, i));
    }
    still_answers(l);
    line_end(l);
}
END_TEST

START_TEST(random_packets)
{
    static const uint8_t types[] = {FRAME_SIGN, FRAME_OPEN, FRAME_REWRAP};
    struct line *l = line_make();

    for (unsigned i = 0; i < 3000; i++) {
        size_t len = randombytes_uniform(i % 50 == 0 ? FRAME_BODY_MAX : 400);

        randombytes_buf(l->packet, len);
        if (i % 3 == 0) {
            ck_assert_int_eq(send(l->fd, l->packet, len, 0), (ssize_t)len);
            ck_err(next_status(l, 0), ERR_INVALID);
        } else {
            enum err e;

            if (i % 3 == 2) /* lengths and counts that nearly fit */
                for (size_t at = 0; at < len; at++)
                    l->packet[at] &= at % 4 == 3 ? 0x3f : 0;
            ck_ok(frame_send(l->fd, types[i % ARRAY_LEN(types)], i, l->packet, len, -1));
            e = next_status(l, i);
            ck_assert_msg(e != ERR_OK || types[i % ARRAY_LEN(types)] == FRAME_SIGN, "round %u",
                          i);
        }
    }
    still_answers(l);
    line_end(l);
}
END_TEST

/* The guardian takes settings once; after that it starts keepers with them and nothing else. */
START_TEST(guardian_takes_no_other_settings)
{
    static const uint8_t types[] = {FRAME_CONFIG, FRAME_SIGN, FRAME_SPAWN};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        AUTO_CLEAR(buf_clear) struct buf settings;
        struct line *l = line_make();
        uint8_t packet[64];
        size_t len;

        buf_init(&settings, CONFIG_BODY_MAX);
        l->w.config.admin = true;
        ck_ok(settings_encode(&l->w.config, &settings));
        ck_ok(frame_send(l->guardian.control, types[i], 0, settings.data, settings.len, -1));
        ck_err(frame_recv(l->guardian.control, packet, sizeof(packet), PATIENCE_MS, &len, NULL),
               ERR_UNAVAILABLE);
        line_end(l);
    }
}
END_TEST

START_TEST(guardian_is_not_hurried)
{
    struct line *l = line_make();
    int fd = -1;

    ck_err(guardian_spawn(&l->guardian, &fd), ERR_BUSY);
    ck_assert_int_eq(fd, -1);
    (void)usleep(KEEPER_RESTART_GAP_MS * 1000);
    (void)close(l->fd);
    ck_ok(guardian_spawn(&l->guardian, &l->fd));
    still_answers(l);
    line_end(l);
}
END_TEST

int main(void)
{
    return SUITE_RUN("keeper/process", killed_and_replaced, guardian_killed,
                     group_signals_are_ignored, front_dies, refuses_to_start,
                     without_standard_error, credentials_directory, has_given_up,
                     threads_share_it, reload_goes_unnoticed, threads_survive_its_death, malformed_packets,
                     random_packets, guardian_takes_no_other_settings, guardian_is_not_hurried);
}
