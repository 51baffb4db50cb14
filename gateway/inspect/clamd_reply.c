/* The reading of clamd's answers. clamd is trusted to have looked, not to be well-formed: what
 * is not word for word one of the known answers is "could not scan". */
#include "gateway/inspect/clamd_reply.h"

#include <string.h>
#include <time.h>

#define STREAM "stream: "
#define FOUND " FOUND"

static const char LIMITS[] = "Heuristics.Limits.Exceeded";
static const char ENCRYPTED[] = "Heuristics.Encrypted";

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void conclude(struct verdict *v, enum inspect_outcome outcome,
                     enum inspect_reason reason)
{
    v->outcome = outcome;
    v->reason = reason;
    memset(v->virus, 0, sizeof(v->virus));
}

static void judge_found(const char *name, size_t len, struct verdict *v)
{
    if (starts(name, LIMITS)) {
        conclude(v, INSPECT_COULD_NOT_SCAN, REASON_SCANNER_LIMITS);
    } else if (starts(name, ENCRYPTED)) {
        conclude(v, INSPECT_PASSWORD, REASON_NONE);
    } else {
        conclude(v, INSPECT_VIRUS, REASON_NONE);
        verdict_text(v->virus, sizeof(v->virus), name, len);
    }
}

/* The text without the NUL that must end it, and end only it; NULL if that is not so. */
static const char *ended_text(const char *reply, size_t len)
{
    return len > 1 && memchr(reply, '\0', len) == reply + len - 1 ? reply : NULL;
}

void clamd_judge(const char *reply, size_t len, struct verdict *v)
{
    const char *text = ended_text(reply, len);

    conclude(v, INSPECT_COULD_NOT_SCAN, REASON_SCANNER_ANSWER);
    if (text == NULL)
        return;
    len--;
    if (strcmp(text, STREAM "OK") == 0)
        conclude(v, INSPECT_CLEAN, REASON_NONE);
    else if (starts(text, "INSTREAM size limit exceeded"))
        conclude(v, INSPECT_COULD_NOT_SCAN, REASON_SCANNER_SIZE);
    else if (starts(text, STREAM) && len > strlen(STREAM) + strlen(FOUND) &&
             strcmp(text + len - strlen(FOUND), FOUND) == 0)
        judge_found(text + strlen(STREAM), len - strlen(STREAM) - strlen(FOUND), v);
}

static int64_t time_of(const char *text)
{
    struct tm tm = {.tm_isdst = 0};
    const char *end = strptime(text, "%a %b %d %H:%M:%S %Y", &tm);
    time_t t;

    if (end == NULL || *end != '\0')
        return 0;
    t = timegm(&tm);
    return t > 0 ? (int64_t)t : 0;
}

enum err clamd_version_parse(const char *reply, size_t len, struct clamd_about *out)
{
    const char *text = ended_text(reply, len);
    const char *slash, *second;

    *out = (struct clamd_about){.signatures_at = 0};
    if (text == NULL || !starts(text, "ClamAV "))
        return err_set(ERR_INVALID, "what answers on clamd's socket is not clamd");
    slash = strchr(text, '/');
    if (slash == NULL) {
        verdict_text(out->engine, sizeof(out->engine), text, len - 1);
        return ERR_OK;
    }
    second = strchr(slash + 1, '/');
    verdict_text(out->engine, sizeof(out->engine), text, (size_t)(slash - text));
    verdict_text(out->signatures, sizeof(out->signatures), slash + 1,
                 second == NULL ? strlen(slash + 1) : (size_t)(second - slash - 1));
    if (second != NULL)
        out->signatures_at = time_of(second + 1);
    return ERR_OK;
}
