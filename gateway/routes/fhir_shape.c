/* Invariant: no value of the resource stands in a message, only names of elements. */
#include "gateway/routes/fhir_shape.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- the tables --------------------------------------------------------------------------- */

#define END                                                                                    \
    {                                                                                          \
        NULL, FHIR_STRING, false, false, NULL, NULL                                            \
    }
#define ONE(name, type)                                                                        \
    {                                                                                          \
        name, type, false, false, NULL, NULL                                                   \
    }
#define MANY(name, type)                                                                       \
    {                                                                                          \
        name, type, true, false, NULL, NULL                                                    \
    }
#define CODED(name, need, codes)                                                               \
    {                                                                                          \
        name, FHIR_CODE, false, need, codes, NULL                                              \
    }
#define OBJECT(name, list, need, inside)                                                       \
    {                                                                                          \
        name, FHIR_OBJECT, list, need, NULL, inside                                            \
    }
#define DROPPED(name)                                                                          \
    {                                                                                          \
        name, FHIR_DROPPED, false, false, NULL, NULL                                           \
    }

static const struct fhir_element CODING[] = {
    ONE("system", FHIR_URI), ONE("version", FHIR_STRING), ONE("code", FHIR_CODE),
    ONE("display", FHIR_STRING), END};
static const struct fhir_element CONCEPT[] = {OBJECT("coding", true, false, CODING),
                                              ONE("text", FHIR_STRING), END};
static const struct fhir_element PERIOD[] = {ONE("start", FHIR_DATETIME),
                                             ONE("end", FHIR_DATETIME), END};
static const struct fhir_element IDENTIFIER[] = {
    CODED("use", false, "usual official temp secondary old"),
    OBJECT("type", false, false, CONCEPT),
    ONE("system", FHIR_URI),
    ONE("value", FHIR_STRING),
    OBJECT("period", false, false, PERIOD),
    END};
static const struct fhir_element REFERENCE[] = {
    ONE("reference", FHIR_STRING), ONE("type", FHIR_URI),
    OBJECT("identifier", false, false, IDENTIFIER), ONE("display", FHIR_STRING), END};
static const struct fhir_element IDENTIFIED[] = {
    ONE("reference", FHIR_STRING), ONE("type", FHIR_URI),
    OBJECT("identifier", false, true, IDENTIFIER), ONE("display", FHIR_STRING), END};
static const struct fhir_element ATTACHMENT[] = {
    {"contentType", FHIR_CODE, false, true, "application/pdf", NULL},
    ONE("language", FHIR_CODE),
    {"data", FHIR_BASE64, false, true, NULL, NULL},
    {"size", FHIR_UINT, false, true, NULL, NULL},
    {"hash", FHIR_BASE64, false, true, NULL, NULL},
    ONE("title", FHIR_STRING),
    ONE("creation", FHIR_DATETIME),
    END};
static const struct fhir_element CONTENT[] = {OBJECT("attachment", false, true, ATTACHMENT),
                                              OBJECT("format", false, false, CODING), END};
static const struct fhir_element CONTEXT[] = {OBJECT("period", false, false, PERIOD),
                                              OBJECT("facilityType", false, false, CONCEPT),
                                              OBJECT("practiceSetting", false, false, CONCEPT),
                                              OBJECT("related", true, false, REFERENCE), END};
static const struct fhir_element HUMAN_NAME[] = {
    CODED("use", false, "usual official temp nickname anonymous old maiden"),
    ONE("text", FHIR_STRING),
    ONE("family", FHIR_STRING),
    MANY("given", FHIR_STRING),
    MANY("prefix", FHIR_STRING),
    MANY("suffix", FHIR_STRING),
    END};
static const struct fhir_element PATIENT[] = {
    CODED("resourceType", true, "Patient"),
    {"id", FHIR_ID, false, true, NULL, NULL},
    OBJECT("identifier", true, false, IDENTIFIER),
    OBJECT("name", true, false, HUMAN_NAME),
    CODED("gender", false, "male female other unknown"),
    ONE("birthDate", FHIR_DATE),
    END};
const struct fhir_element FHIR_DOCUMENT_REFERENCE[] = {
    CODED("resourceType", true, "DocumentReference"),
    DROPPED("id"),
    DROPPED("meta"),
    DROPPED("language"),
    DROPPED("text"),
    OBJECT("contained", true, false, PATIENT),
    OBJECT("masterIdentifier", false, false, IDENTIFIER),
    OBJECT("identifier", true, false, IDENTIFIER),
    CODED("status", true, "current"),
    CODED("docStatus", false, "final amended"),
    OBJECT("type", false, true, CONCEPT),
    OBJECT("category", true, true, CONCEPT),
    OBJECT("subject", false, true, IDENTIFIED),
    {"date", FHIR_INSTANT, false, true, NULL, NULL},
    OBJECT("author", true, true, REFERENCE),
    OBJECT("authenticator", false, false, REFERENCE),
    OBJECT("custodian", false, true, IDENTIFIED),
    ONE("description", FHIR_STRING),
    OBJECT("securityLabel", true, false, CONCEPT),
    OBJECT("content", true, true, CONTENT),
    OBJECT("context", false, false, CONTEXT),
    END};

/* --- values ------------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *list)
{
    size_t len = strlen(text);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, text, len) == 0)
            return true;
        at += word;
    }
    return false;
}

static bool good_text(const char *text, size_t len)
{
    bool visible = false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
            return false;
        visible = visible || c > ' ';
    }
    return visible;
}

/* No blanks at its ends, none twice in it. */
static bool good_code(const char *text)
{
    bool blank = true;
    for (; *text; text++) {
        bool now = isspace((unsigned char)*text) != 0;
        if (now && (blank || *text != ' '))
            return false;
        blank = now;
    }
    return !blank;
}

static bool good_id(const char *text)
{
    size_t len = strlen(text);
    for (const char *c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
            return false;
    }
    return len > 0 && len <= 64;
}

/* A year, a month or a day. */
static bool good_date(const char *text)
{
    static const char *const REST[] = {"-01-01", "-01", ""};
    char whole[16];
    size_t len = strlen(text), at = len == 4 ? 0 : len == 7 ? 1 : 2;
    if (len != 4 && len != 7 && len != 10)
        return false;
    (void)snprintf(whole, sizeof(whole), "%s%s", text, REST[at]);
    return date_check(whole) == ERR_OK;
}

static bool good_instant(const char *text)
{
    int64_t micros;
    return time_parse(text, &micros) == ERR_OK;
}

static bool good_base64(const char *text, size_t len)
{
    size_t padding = 0;
    if (len == 0 || len % 4 != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool sign = isalnum((unsigned char)c) || c == '+' || c == '/';
        padding += c == '=';
        if ((c != '=' && (!sign || padding > 0)) || padding > 2)
            return false;
    }
    return true;
}

static bool good_string(const struct fhir_element *el, const char *text, size_t len)
{
    switch (el->type) {
    case FHIR_STRING:
        return good_text(text, len);
    case FHIR_CODE:
        return good_code(text) && good_text(text, len);
    case FHIR_URI:
        return len > 0 && strcspn(text, " \t\r\n") == len && good_text(text, len);
    case FHIR_ID:
        return good_id(text);
    case FHIR_DATE:
        return good_date(text);
    case FHIR_DATETIME:
        return good_date(text) || good_instant(text);
    case FHIR_INSTANT:
        return good_instant(text);
    case FHIR_BASE64:
        return good_base64(text, len);
    case FHIR_UINT:
    case FHIR_OBJECT:
    case FHIR_DROPPED:
        break;
    }
    return false;
}

/* --- walking ------------------------------------------------------------------------------ */

struct walk {
    char *path;
    size_t len;
};

static void path_add(struct walk *w, const char *name, int at)
{
    int n = at < 0 ? snprintf(w->path + w->len, FHIR_PATH_MAX - w->len, ".%s", name)
                   : snprintf(w->path + w->len, FHIR_PATH_MAX - w->len, ".%s[%d]", name, at);
    if (n > 0 && w->len + (size_t)n < FHIR_PATH_MAX)
        w->len += (size_t)n;
}

static enum err check_object(struct walk *w, json_t *value, const struct fhir_element *inside);

static enum err check_value(struct walk *w, json_t *value, const struct fhir_element *el)
{
    if (el->type == FHIR_OBJECT)
        return check_object(w, value, el->inside);
    if (el->type == FHIR_UINT)
        return json_is_integer(value) && json_integer_value(value) >= 0
                   ? ERR_OK
                   : err_set(ERR_INVALID, "not a number from 0");
    if (!json_is_string(value))
        return err_set(ERR_INVALID, "not a text");
    const char *text = json_string_value(value);
    if (!good_string(el, text, json_string_length(value)))
        return err_set(ERR_INVALID, "not a value of its type");
    return el->one_of && !is_one_of(text, el->one_of)
               ? err_set(ERR_INVALID, "not one of: %s", el->one_of)
               : ERR_OK;
}

static enum err check_element(struct walk *w, json_t *value, const struct fhir_element *el)
{
    size_t here = w->len;
    if (!el->list) {
        path_add(w, el->name, -1);
        TRY(check_value(w, value, el));
    } else if (!json_is_array(value) || json_array_size(value) == 0) {
        path_add(w, el->name, -1);
        return err_set(ERR_INVALID, "not a list of at least one");
    }
    for (size_t i = 0; el->list && i < json_array_size(value); i++) {
        w->len = here;
        path_add(w, el->name, (int)i);
        TRY(check_value(w, json_array_get(value, i), el));
    }
    w->len = here;
    w->path[here] = 0;
    return ERR_OK;
}

static const struct fhir_element *element_find(const struct fhir_element *inside,
                                               const char *name)
{
    for (; inside->name; inside++) {
        if (strcmp(inside->name, name) == 0)
            return inside;
    }
    return NULL;
}

static enum err check_known(json_t *object, const struct fhir_element *inside)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (!element_find(inside, name))
            return err_set(ERR_INVALID, "an element that is not taken here");
    }
    return ERR_OK;
}

static enum err check_object(struct walk *w, json_t *value, const struct fhir_element *inside)
{
    if (!json_is_object(value) || json_object_size(value) == 0)
        return err_set(ERR_INVALID, "not an object with something in it");
    TRY(check_known(value, inside));
    for (const struct fhir_element *el = inside; el->name; el++) {
        json_t *member = json_object_get(value, el->name);
        if (el->type == FHIR_DROPPED)
            (void)json_object_del(value, el->name);
        else if (member)
            TRY(check_element(w, member, el));
        else if (el->required) {
            path_add(w, el->name, -1);
            return err_set(ERR_INVALID, "missing");
        }
    }
    return ERR_OK;
}

enum err fhir_check(json_t *resource, const char *name, const struct fhir_element *elements,
                    char path[FHIR_PATH_MAX])
{
    struct walk w = {.path = path};
    w.len = (size_t)snprintf(path, FHIR_PATH_MAX, "%s", name);
    assert(w.len < FHIR_PATH_MAX);
    return check_object(&w, resource, elements);
}
