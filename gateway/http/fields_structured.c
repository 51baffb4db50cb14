/* Items of structured fields (RFC 8941 4.2.3), by the letter.
 *
 *     item      = *SP bare-item *( ";" *SP key [ "=" bare-item ] ) *SP
 *     integer   = ["-"] 1*15DIGIT            decimal = ["-"] 1*12DIGIT "." 1*3DIGIT
 *     string    = <"> printable ASCII, \ before <"> and \ <">
 *     token     = ( ALPHA / "*" ) *( tchar / ":" / "/" )
 *     bytes     = ":" base64 ":"             boolean = "?" ( "0" / "1" )
 *
 * Invariant: nothing is read past the first character that does not fit, and the terminating
 * NUL fits nowhere. */
#include "gateway/http/fields_structured.h"

#include "gateway/http/chars.h"

enum { INTEGER_DIGITS = 15, DECIMAL_DIGITS = 12, FRACTION_DIGITS = 3 };

struct at {
    const char *p;
};

static MUST_USE enum err malformed(void)
{
    return err_set(ERR_INVALID, "not a structured item");
}

static size_t digits_skip(struct at *at)
{
    size_t n = 0;

    for (; char_is_digit(*at->p); at->p++)
        n++;
    return n;
}

static enum err number_parse(struct at *at, struct structured_item *out)
{
    bool negative = *at->p == '-';
    const char *first;
    size_t whole, fraction;

    at->p += negative;
    first = at->p;
    whole = digits_skip(at);
    if (whole == 0 || whole > INTEGER_DIGITS)
        return malformed();
    if (*at->p != '.') {
        out->kind = STRUCTURED_INTEGER;
        out->integer = 0;
        for (size_t i = 0; i < whole; i++)
            out->integer = out->integer * 10 + (first[i] - '0');
        if (negative)
            out->integer = -out->integer;
        return ERR_OK;
    }
    at->p++;
    fraction = digits_skip(at);
    out->kind = STRUCTURED_DECIMAL;
    return whole > DECIMAL_DIGITS || fraction == 0 || fraction > FRACTION_DIGITS ? malformed()
                                                                                 : ERR_OK;
}

static enum err string_parse(struct at *at)
{
    for (at->p++; *at->p != '"'; at->p++) {
        if (*at->p == '\\') {
            at->p++;
            if (*at->p != '"' && *at->p != '\\')
                return malformed();
        } else if (!char_is_visible(*at->p) && *at->p != ' ') {
            return malformed();
        }
    }
    at->p++;
    return ERR_OK;
}

static void token_skip(struct at *at)
{
    while (char_is_token(*at->p) || *at->p == ':' || *at->p == '/')
        at->p++;
}

/* Of what stands between the colons only the alphabet is looked at: nobody here reads it. */
static enum err bytes_parse(struct at *at)
{
    for (at->p++; *at->p != ':'; at->p++)
        if (!char_is_alpha(*at->p) && !char_is_digit(*at->p) && *at->p != '+' &&
            *at->p != '/' && *at->p != '=')
            return malformed();
    at->p++;
    return ERR_OK;
}

static enum err boolean_parse(struct at *at, struct structured_item *out)
{
    at->p++;
    if (*at->p != '0' && *at->p != '1')
        return malformed();
    out->boolean = *at->p++ == '1';
    return ERR_OK;
}

static enum err bare_item_parse(struct at *at, struct structured_item *out)
{
    char c = *at->p;

    if (c == '-' || char_is_digit(c))
        return number_parse(at, out);
    if (c == '"') {
        out->kind = STRUCTURED_STRING;
        return string_parse(at);
    }
    if (c == ':') {
        out->kind = STRUCTURED_BYTES;
        return bytes_parse(at);
    }
    if (c == '?') {
        out->kind = STRUCTURED_BOOLEAN;
        return boolean_parse(at, out);
    }
    if (c != '*' && !char_is_alpha(c))
        return malformed();
    out->kind = STRUCTURED_TOKEN;
    token_skip(at);
    return ERR_OK;
}

static void spaces_skip(struct at *at)
{
    while (*at->p == ' ')
        at->p++;
}

static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || c == '*';
}

static bool is_key_char(char c)
{
    return is_key_start(c) || char_is_digit(c) || c == '_' || c == '-' || c == '.';
}

static enum err parameters_skip(struct at *at)
{
    struct structured_item unused;

    while (*at->p == ';') {
        at->p++;
        spaces_skip(at);
        if (!is_key_start(*at->p))
            return malformed();
        while (is_key_char(*at->p))
            at->p++;
        if (*at->p != '=')
            continue;
        at->p++;
        TRY(bare_item_parse(at, &unused));
    }
    return ERR_OK;
}

enum err structured_item_parse(const char *value, struct structured_item *out)
{
    struct at at = {value};

    *out = (struct structured_item){.kind = STRUCTURED_TOKEN};
    spaces_skip(&at);
    TRY(bare_item_parse(&at, out));
    TRY(parameters_skip(&at));
    spaces_skip(&at);
    return *at.p == '\0' ? ERR_OK : malformed();
}

enum err structured_boolean(const char *value, bool *out)
{
    struct structured_item item;

    TRY(structured_item_parse(value, &item));
    if (item.kind != STRUCTURED_BOOLEAN)
        return err_set(ERR_INVALID, "not a structured boolean");
    *out = item.boolean;
    return ERR_OK;
}

enum err structured_integer(const char *value, int64_t *out)
{
    struct structured_item item;

    TRY(structured_item_parse(value, &item));
    if (item.kind != STRUCTURED_INTEGER)
        return err_set(ERR_INVALID, "not a structured integer");
    *out = item.integer;
    return ERR_OK;
}
