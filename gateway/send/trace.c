/* The trace. */
#include "gateway/send/trace.h"

#include "gateway/base/buf.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const STEP_NAMES[STEP_COUNT] = {[STEP_CREATE] = "create",
                                                   [STEP_ASK] = "ask",
                                                   [STEP_SEND] = "send",
                                                   [STEP_RESULT] = "result"};

enum err trace_open(struct trace *t, const char *path)
{
    t->fd = -1;
    if (!path)
        return ERR_OK;
    t->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return t->fd >= 0 ? ERR_OK : err_errno(path);
}

void trace_close(struct trace *t)
{
    if (t->fd >= 0)
        (void)close(t->fd);
    t->fd = -1;
}

void trace_write(const struct trace *t, const struct trace_line *l)
{
    AUTO(json_free) json_t *line = t->fd >= 0 ? json_object() : NULL;
    AUTO_FREE char *text = NULL;
    size_t len;

    if (!line)
        return;
    json_put_time(line, "time", clock_now());
    json_put_text(line, "step", STEP_NAMES[l->step]);
    json_put_text(line, "upload", l->upload);
    json_put_int(line, "status", l->status);
    json_put_int(line, "offset", l->offset);
    if (l->step == STEP_SEND) {
        json_put_int(line, "from", (int64_t)l->from);
        json_put_int(line, "len", (int64_t)l->len);
        json_put_int(line, "handed", (int64_t)l->handed);
    }
    if (json_text(line, &text, &len) != ERR_OK)
        return;
    text[len] = '\n'; /* in the place of the terminator */
    if (write(t->fd, text, len + 1) < 0)
        return;
}
