/* Answers as two tables, looked through from the top: first what a problem's name says, then
 * what a status says. Anything else below 500 is final: to repeat what a service will not have
 * helps nobody. */
#include "gateway/send/verdict.h"

#include "gateway/base/encode.h"
#include "gateway/base/json.h"

#include <stdio.h>
#include <string.h>

enum {
    ON_CREATE = 1 << STEP_CREATE,
    ON_UPLOAD = 1 << STEP_ASK | 1 << STEP_SEND | 1 << STEP_RESULT
};
#define ON_ANY (ON_CREATE | ON_UPLOAD)

static const struct {
    const char *problem;
    unsigned steps;
    enum verdict verdict;
} BY_NAME[] = {
    {"mismatching-upload-offset", ON_ANY, VERDICT_AGAIN},
    {"idempotency-key-in-use", ON_ANY, VERDICT_AGAIN},
    {"upload-locked", ON_ANY, VERDICT_AGAIN},
    {"token-expired", ON_ANY, VERDICT_LOGIN},
    {"upload-gone", ON_ANY, VERDICT_ANEW},
    {"digest-mismatch", ON_ANY, VERDICT_ANEW},
    {"idempotency-key-reused", ON_CREATE, VERDICT_ANEW},
};

static const struct {
    long status;
    unsigned steps;
    enum verdict verdict;
} BY_STATUS[] = {
    {401, ON_ANY, VERDICT_LOGIN},
    {404, ON_UPLOAD, VERDICT_ANEW},
    {408, ON_ANY, VERDICT_AGAIN}, /* request timeout */
    {410, ON_ANY, VERDICT_ANEW},
    {423, ON_ANY, VERDICT_AGAIN}, /* another writer has it */
    {425, ON_ANY, VERDICT_AGAIN}, /* too early */
    {429, ON_ANY, VERDICT_AGAIN},
    {460, ON_ANY, VERDICT_AGAIN}, /* tus: a checksum did not fit, nothing was taken */
};

enum verdict verdict_of(enum step step, long status, const char *problem)
{
    if (status >= 200 && status < 300)
        return VERDICT_GOOD;
    for (size_t i = 0; i < ARRAY_LEN(BY_NAME); i++) {
        if (strcmp(BY_NAME[i].problem, problem) == 0 && (BY_NAME[i].steps & 1U << step))
            return BY_NAME[i].verdict;
    }
    for (size_t i = 0; i < ARRAY_LEN(BY_STATUS); i++) {
        if (BY_STATUS[i].status == status && (BY_STATUS[i].steps & 1U << step))
            return BY_STATUS[i].verdict;
    }
    /* A conflict that has no name is one of offsets: the plain tus answer. */
    if (status == 409 && !*problem)
        return VERDICT_AGAIN;
    return status >= 500 ? VERDICT_AGAIN : VERDICT_REFUSED;
}

/* --- what the service says -----------------------------------------------------------------
 */

static const struct {
    long status;
    const char *words;
} STATUS_WORDS[] = {
    {400, "the request could not be understood"},
    {401, "the token is not accepted"},
    {403, "this is not permitted"},
    {404, "there is no such thing, or no such service at this address"},
    {405, "there is no such service at this address"},
    {409, "the upload stands elsewhere"},
    {410, "the upload has ended"},
    {412, "the service speaks another version of tus"},
    {413, "the file is too large"},
    {415, "files of this type are not taken"},
    {423, "another sender has the upload"},
    {429, "too much at once"},
    {503, "the service is busy"},
    {507, "the service has no room"},
};

static void words_for(long status, char out[PROBLEM_WORDS_MAX])
{
    const char *words = status >= 500       ? "the service is in trouble"
                        : status / 100 == 3 ? "the service is elsewhere: check --url"
                                            : "the service refuses";

    for (size_t i = 0; i < ARRAY_LEN(STATUS_WORDS); i++) {
        if (STATUS_WORDS[i].status == status)
            words = STATUS_WORDS[i].words;
    }
    (void)snprintf(out, PROBLEM_WORDS_MAX, "%s (status %ld)", words, status);
}

void words_clean(const char *text, char *out, size_t cap)
{
    size_t left = strlen(text), n = 0;

    while (left > 0) {
        size_t step = utf8_step(text, left);
        bool good = step > 0 && (unsigned char)*text >= 0x20 && *text != 0x7f &&
                    !(step == 2 && (unsigned char)text[0] == 0xc2 &&
                      (unsigned char)text[1] < 0xa0); /* C1 controls */
        size_t width = good ? step : 1;

        if (n + width >= cap)
            break;
        memcpy(out + n, good ? text : "?", width);
        n += width;
        step = step > 0 ? step : 1;
        text += step;
        left -= step;
    }
    out[n] = '\0';
}

static const char *member(const json_t *root, const char *name)
{
    const char *text = json_string_value(json_object_get(root, name));

    return text ? text : "";
}

static void name_read(const char *type, char out[PROBLEM_NAME_MAX])
{
    const char *name = type;

    for (const char *c = type; *c; c++) {
        if (*c == '/' || *c == '#')
            name = c + 1;
    }
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name) &&
        strlen(name) < PROBLEM_NAME_MAX)
        (void)snprintf(out, PROBLEM_NAME_MAX, "%s", name);
}

void problem_read(long status, const void *body, size_t len, struct problem *out)
{
    AUTO(json_free) json_t *root = NULL;
    char said[2 * PROBLEM_WORDS_MAX];

    out->name[0] = '\0';
    words_for(status, out->words);
    if (len == 0 || json_parse(body, len, &root) != ERR_OK || !json_is_object(root))
        return;
    name_read(member(root, "type"), out->name);
    const char *title = member(root, "title"), *detail = member(root, "detail");
    if (!*title && !*detail)
        return;
    bool both = *title && *detail && strcmp(title, detail) != 0;
    (void)snprintf(said, sizeof(said), "%s%s%s", *title ? title : detail, both ? ": " : "",
                   both ? detail : "");
    words_clean(said, out->words, sizeof(out->words));
}
