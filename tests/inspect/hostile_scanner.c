/* A scanner in foreign hands, in the place of ours: it serves every other job as it should, and
 * lies about the rest in turns. What it may gain by that: nothing beyond the one job. */
#define scanner_serve honest_scanner_serve
#include "gateway/inspector/scanner.c"
#undef scanner_serve

int scanner_serve(int control, uint32_t cpu_s);

enum lie { DONE_AND_SITS, DONE_A_HUNDRED_TIMES, TIRED_AND_SITS, GONE_BUT_NOT, SITS, LIES };

static void say(int control, char what)
{
    (void)send(control, &what, 1, MSG_NOSIGNAL);
}

/* It keeps all that it was given. */
static void sit(void)
{
    for (;;)
        (void)poll(NULL, 0, -1);
}

static void lie(int control, enum lie how)
{
    switch (how) {
    case DONE_AND_SITS:
        say(control, SCANNER_READY);
        sit();
        break;
    case DONE_A_HUNDRED_TIMES:
        for (int i = 0; i < 100; i++)
            say(control, SCANNER_READY);
        break; /* and reads on, with every descriptor it had */
    case TIRED_AND_SITS:
        say(control, SCANNER_TIRED);
        sit();
        break;
    case GONE_BUT_NOT:
        (void)close(control);
        sit();
        break;
    case SITS:
    case LIES:
        sit();
        break;
    }
}

int scanner_serve(int control, uint32_t cpu_s)
{
    for (;;) {
        struct job j;
        int fds[JOB_FDS_MAX];

        if (job_recv(control, &j, fds) != ERR_OK)
            sit(); /* not even then */
        if (j.id % 2 == 0) {
            (void)scan_job(&j, fds);
            say(control, condition(cpu_s));
        } else {
            lie(control, (enum lie)(j.id / 2 % LIES));
        }
    }
}
