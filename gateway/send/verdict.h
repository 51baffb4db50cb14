/* What an answer means for an upload, whatever step it answers. */
#ifndef GATEWAY_SEND_VERDICT_H
#define GATEWAY_SEND_VERDICT_H

#include "gateway/base/error.h"

#include <stdint.h>

/*   CREATE --> SEND --> ... --> SEND --> RESULT --> (received)
 *                ^                          |
 *   ASK ---------+  after any trouble  <----+            */
enum step {
    STEP_CREATE, /* POST: there is to be an upload */
    STEP_ASK,    /* HEAD: how far is it? */
    STEP_SEND,   /* PATCH: the next piece */
    STEP_RESULT, /* GET: the receipt */
    STEP_COUNT
};

enum verdict {
    VERDICT_GOOD,
    VERDICT_AGAIN,  /* trouble that passes: wait, ask where the upload stands, go on */
    VERDICT_LOGIN,  /* the token is not accepted (any more) */
    VERDICT_ANEW,   /* the upload is gone: start again */
    VERDICT_REFUSED /* for good */
};
/* `problem`: the last part of the problem's type, "" for none. */
enum verdict verdict_of(enum step step, long status, const char *problem);

enum { PROBLEM_NAME_MAX = 64, PROBLEM_WORDS_MAX = ERR_MESSAGE_MAX };
struct problem {                   /* RFC 9457 */
    char name[PROBLEM_NAME_MAX];   /* "type-not-allowed"; "" for none */
    char words[PROBLEM_WORDS_MAX]; /* title and detail in one line; never empty */
};
/* What the service says for itself, or words for the status where it says nothing. */
void problem_read(long status, const void *body, size_t len, struct problem *out);
/* Somebody else's text for a terminal: control characters and what is not UTF-8 become '?'. */
void words_clean(const char *text, char *out, size_t cap);

#endif
