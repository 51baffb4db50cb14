/* Character classes of RFC 9110, for the parsers of this folder. ASCII only, no locale. */
#ifndef GATEWAY_HTTP_CHARS_H
#define GATEWAY_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* tchar of RFC 9110 5.6.2 */
static inline bool char_is_token(char c)
{
    return char_is_digit(c) || char_is_alpha(c) ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static inline bool char_is_space(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool char_is_visible(char c)
{
    return c >= 0x21 && c <= 0x7e;
}

static inline char char_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static inline const char *skip_spaces(const char *p)
{
    while (char_is_space(*p))
        p++;
    return p;
}

static inline const char *skip_token(const char *p)
{
    while (char_is_token(*p))
        p++;
    return p;
}

/* Case-insensitive comparison of a counted text with a literal. */
static inline bool text_is(const char *text, size_t len, const char *literal)
{
    return strlen(literal) == len && strncasecmp(text, literal, len) == 0;
}

#endif
