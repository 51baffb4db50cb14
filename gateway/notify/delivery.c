#include "gateway/notify/delivery.h"

#include <stdio.h>

static enum delivery_outcome judged(long status)
{
    if (status >= 200 && status < 300)
        return DELIVERY_DONE;
    bool passes = status == 408 || status == 429 || status >= 500;
    return passes ? DELIVERY_AGAIN : DELIVERY_REFUSED;
}

static const char *words_for(enum err e)
{
    if (e == ERR_TIMEOUT)
        return "no answer in time";
    return e == ERR_TOO_LARGE ? "an answer without end" : "not reached";
}

void delivery_call(const struct delivery_way *way, struct http_fetch *fetch, struct buf *answer,
                   struct delivery *out)
{
    long status = 0, max_age = -1;
    fetch->ca_file = way->ca_file;
    fetch->allow_plain = way->allow_plain;
    fetch->connect_timeout_ms = way->connect_ms;
    fetch->total_timeout_ms = way->total_ms;
    enum err e = http_client_fetch(fetch, answer, &status, &max_age);
    out->outcome = e == ERR_OK ? judged(status) : DELIVERY_AGAIN;
    if (e == ERR_OK)
        (void)snprintf(out->detail, sizeof(out->detail), "%ld", status);
    else
        (void)snprintf(out->detail, sizeof(out->detail), "%s", words_for(e));
}
