/* Back-off: the n-th wait lies between one half and the whole of FIRST * 2^n, so that clients
 * that lost the same server do not come back together. */
#include "gateway/send/patience.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBLINGS_MAX = 16, ASKED_DIGITS_MAX = 9 };

void patience_begin(struct patience *p, int64_t allowed_ms)
{
    *p = (struct patience){.allowed_ms = allowed_ms, .since_ms = -1};
}

void patience_progress(struct patience *p)
{
    p->since_ms = -1;
    p->attempts = 0;
}

int64_t patience_trouble(struct patience *p, int64_t now_ms)
{
    if (p->since_ms < 0)
        p->since_ms = now_ms;
    int64_t left = p->since_ms + p->allowed_ms - now_ms;
    return left > 0 ? left : 0;
}

static int64_t backoff_ms(unsigned attempt, uint32_t dice)
{
    int64_t whole = (int64_t)PATIENCE_FIRST_MS
                    << (attempt < DOUBLINGS_MAX ? attempt : DOUBLINGS_MAX);

    whole = whole < PATIENCE_LONGEST_MS ? whole : PATIENCE_LONGEST_MS;
    return whole - (int64_t)((uint64_t)dice * (uint64_t)(whole / 2) / UINT32_MAX);
}

enum err patience_next(struct patience *p, int64_t now_ms, int64_t asked_ms, uint32_t dice,
                       int64_t *wait_ms)
{
    int64_t left = patience_trouble(p, now_ms), wait = backoff_ms(p->attempts, dice);

    if (left == 0)
        return err_set(ERR_TIMEOUT, "nothing went forward for %lld s",
                       (long long)(p->allowed_ms / 1000));
    if (asked_ms > left)
        return err_set(ERR_TIMEOUT, "the service asks to come back in %lld s",
                       (long long)(asked_ms / 1000));
    p->attempts++;
    wait = wait < left ? wait : left; /* a last attempt at the very end */
    *wait_ms = wait > asked_ms ? wait : asked_ms;
    return ERR_OK;
}

int64_t retry_after_ms(const char *value, int64_t now_s)
{
    size_t digits = strspn(value, "0123456789");

    if (digits > 0 && value[digits] == '\0')
        return digits <= ASKED_DIGITS_MAX ? strtoll(value, NULL, 10) * 1000 : INT64_MAX;
    time_t at = digits == 0 ? curl_getdate(value, NULL) : -1;
    if (at < 0)
        return -1;
    return at > now_s ? ((int64_t)at - now_s) * 1000 : 0;
}
