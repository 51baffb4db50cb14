#include "crypto/secret.h"

#include "tests/support/suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LOCKING_WORKS = 0 }; /* the sanitizers answer mlock themselves, with "done" */
#else
enum { LOCKING_WORKS = 1 };
#endif

enum { NOBODY = 65534 };

/* The wait status of `body` run in a process of its own, silent, without exit handlers. */
static int status_of(int (*body)(void))
{
    int status;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        _exit(body());
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

START_TEST(starting_twice_is_harmless)
{
    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(crypto_init(), ERR_OK);
}
END_TEST

START_TEST(a_secret_begins_zeroed)
{
    AUTO(secret_free) struct secret *s = NULL;
    const uint8_t zeros[100] = {0};

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(secret_new(100, &s), ERR_OK);
    ck_assert_uint_eq(s->len, 100);
    ck_assert_mem_eq(s->bytes, zeros, 100);
    memset(s->bytes, 0xff, s->len);
    secret_free(NULL);
}
END_TEST

static int write_past_the_end(void)
{
    struct secret *s;

    if (crypto_init() != ERR_OK || secret_new(32, &s) != ERR_OK)
        return 0;
    ((volatile uint8_t *)s->bytes)[32] = 1;
    return 0;
}

START_TEST(writing_past_a_secret_kills)
{
    ck_assert_int_ne(status_of(write_past_the_end), 0);
}
END_TEST

static int hide(void)
{
    struct rlimit core;

    if (process_hide() != ERR_OK)
        return 1;
    if (prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &core) != 0)
        return 2;
    return core.rlim_cur == 0 && core.rlim_max == 0 ? 0 : 3;
}

START_TEST(a_hidden_process_cannot_be_dumped)
{
    ck_assert_int_eq(status_of(hide), 0);
}
END_TEST

static int without_locking(void)
{
    const struct rlimit none = {0, 0};
    struct secret *s;
    struct key_slab *slab;

    if (crypto_init() != ERR_OK || setrlimit(RLIMIT_MEMLOCK, &none) != 0)
        return 1;
    if (geteuid() == 0 && setuid(NOBODY) != 0)
        return 2;
    if (secret_new(32, &s) != ERR_UNAVAILABLE || key_slab_new(4, &slab) != ERR_UNAVAILABLE)
        return 3;
    if (strstr(err_message(ERR_UNAVAILABLE), "RLIMIT_MEMLOCK") == NULL)
        return 4;
    secrets_allow_unlocked(true);
    return secret_new(32, &s) == ERR_OK && key_slab_new(4, &slab) == ERR_OK ? 0 : 5;
}

START_TEST(unlocked_memory_has_to_be_allowed)
{
    if (LOCKING_WORKS)
        ck_assert_int_eq(status_of(without_locking), 0);
}
END_TEST

START_TEST(a_slab_ends)
{
    AUTO(key_slab_free) struct key_slab *slab = NULL;
    uint8_t *slots[4], *more = NULL;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(key_slab_new(4, &slab), ERR_OK);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(key_slab_take(slab, &slots[i]), ERR_OK);
        memset(slots[i], (int)i + 1, SLAB_KEY_SIZE);
    }
    ck_assert_int_eq(key_slab_take(slab, &more), ERR_BUSY);
    ck_assert_ptr_null(more);
    for (size_t i = 0; i < 4; i++) { /* no two slots overlap */
        ck_assert_uint_eq(slots[i][0], i + 1);
        ck_assert_uint_eq(slots[i][SLAB_KEY_SIZE - 1], i + 1);
    }
    key_slab_give(slab, slots[2]);
    key_slab_give(slab, NULL);
    ck_assert_int_eq(key_slab_take(slab, &more), ERR_OK);
    ck_assert_ptr_eq(more, slots[2]);
    ck_assert_int_eq(key_slab_take(slab, &more), ERR_BUSY);
}
END_TEST

START_TEST(a_slot_given_back_is_wiped)
{
    AUTO(key_slab_free) struct key_slab *slab = NULL;
    const uint8_t zeros[SLAB_KEY_SIZE] = {0};
    uint8_t *slot;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(key_slab_new(1, &slab), ERR_OK);
    ck_assert_int_eq(key_slab_take(slab, &slot), ERR_OK);
    ck_assert_mem_eq(slot, zeros, SLAB_KEY_SIZE);
    memset(slot, 0xff, SLAB_KEY_SIZE);
    key_slab_give(slab, slot);
    ck_assert_mem_eq(slot, zeros, SLAB_KEY_SIZE);
}
END_TEST

static struct key_slab *shared;

static int give_twice(void)
{
    uint8_t *slot;

    if (key_slab_take(shared, &slot) != ERR_OK)
        return 0;
    key_slab_give(shared, slot);
    key_slab_give(shared, slot);
    return 0;
}

START_TEST(giving_back_twice_aborts)
{
    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(key_slab_new(2, &shared), ERR_OK);
    ck_assert_int_ne(status_of(give_twice), 0);
    key_slab_free(shared);
    key_slab_free(NULL);
}
END_TEST

static char mark; /* a thread gives its argument back when it failed */

static void *take_and_give(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        uint8_t *slot;

        if (key_slab_take(shared, &slot) != ERR_OK)
            continue;
        if (slot[0] != 0)
            return arg; /* somebody else's */
        slot[0] = 1;
        key_slab_give(shared, slot);
    }
    return NULL;
}

START_TEST(threads_share_a_slab)
{
    pthread_t threads[6];
    uint8_t *slot;
    void *failed;

    ck_assert_int_eq(crypto_init(), ERR_OK);
    ck_assert_int_eq(key_slab_new(3, &shared), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, &mark), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(key_slab_take(shared, &slot), ERR_OK);
    ck_assert_int_eq(key_slab_take(shared, &slot), ERR_BUSY);
    key_slab_free(shared);
}
END_TEST

int main(void)
{
    return SUITE_RUN("crypto/secret", starting_twice_is_harmless, a_secret_begins_zeroed,
                     writing_past_a_secret_kills, a_hidden_process_cannot_be_dumped,
                     unlocked_memory_has_to_be_allowed, a_slab_ends, a_slot_given_back_is_wiped,
                     giving_back_twice_aborts, threads_share_a_slab);
}
