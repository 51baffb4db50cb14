/* Content is counted, not kept. Bytes behind an answer are a fault: the driver never pipelines.
 */
#include "tests/bench/driver/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_begin(struct answer *a)
{
    a->head_len = a->line_len = 0;
    a->head_done = a->chunked = a->close = a->done = a->bad = false;
    a->status = 0;
    a->content = a->remaining = 0;
    a->chunk = CHUNK_SIZE;
}

static void field_take(struct answer *a, char *line)
{
    char *value = strchr(line, ':');

    if (value == NULL)
        return;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "Content-Length") == 0)
        a->remaining = strtoull(value, NULL, 10);
    else if (strcasecmp(line, "Transfer-Encoding") == 0)
        a->chunked = strcasecmp(value, "chunked") == 0;
    else if (strcasecmp(line, "Connection") == 0)
        a->close = strcasecmp(value, "close") == 0;
}

static void head_take(struct answer *a)
{
    char *save = NULL, *line = strtok_r(a->head, "\r\n", &save);

    if (line == NULL || strncmp(line, "HTTP/1.1 ", 9) != 0) {
        a->bad = true;
        return;
    }
    a->status = atoi(line + 9);
    while ((line = strtok_r(NULL, "\r\n", &save)) != NULL)
        field_take(a, line);
    a->head_done = true;
    if (a->status == 204 || a->status == 304)
        a->remaining = 0;
    a->done = !a->chunked && a->remaining == 0;
}

/* Returns how much of the data was head. */
static size_t head_feed(struct answer *a, const char *data, size_t len)
{
    size_t room = ANSWER_HEAD_MAX - a->head_len, part = len < room ? len : room;
    size_t before = a->head_len;

    memcpy(a->head + a->head_len, data, part);
    a->head_len += part;
    a->head[a->head_len] = '\0';
    char *end = strstr(a->head, "\r\n\r\n");
    if (end == NULL) {
        a->bad = a->head_len == ANSWER_HEAD_MAX;
        return part;
    }
    size_t used = (size_t)(end - a->head) + 4 - before;
    *end = '\0';
    head_take(a);
    return used;
}

static size_t data_feed(struct answer *a, size_t len)
{
    size_t part = len < a->remaining ? len : (size_t)a->remaining;

    a->content += part;
    a->remaining -= part;
    return part;
}

static void line_take(struct answer *a)
{
    bool empty = a->line_len == 0 || a->line[0] == '\r';

    a->line[a->line_len] = '\0';
    a->line_len = 0;
    if (a->chunk == CHUNK_END) {
        a->chunk = CHUNK_SIZE;
    } else if (a->chunk == CHUNK_TRAILER) {
        a->done = empty;
    } else {
        a->remaining = strtoull(a->line, NULL, 16);
        a->chunk = a->remaining > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    }
}

static size_t chunk_feed(struct answer *a, const char *data, size_t len)
{
    if (a->chunk == CHUNK_DATA) {
        size_t part = data_feed(a, len);
        if (a->remaining == 0)
            a->chunk = CHUNK_END;
        return part;
    }
    if (*data == '\n')
        line_take(a);
    else if (a->line_len < sizeof(a->line) - 1)
        a->line[a->line_len++] = *data;
    else
        a->bad = true;
    return 1;
}

void answer_feed(struct answer *a, const char *data, size_t len)
{
    while (len > 0 && !a->bad) {
        size_t used;

        if (a->done) {
            a->bad = true;
            return;
        }
        if (!a->head_done)
            used = head_feed(a, data, len);
        else if (a->chunked)
            used = chunk_feed(a, data, len);
        else
            used = data_feed(a, len);
        if (a->head_done && !a->chunked)
            a->done = a->remaining == 0;
        data += used;
        len -= used;
    }
}
