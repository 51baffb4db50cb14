#include "gateway/notify/template.h"

#include <string.h>

enum { WORD_MAX = 160 };

/* Cuts the word at a mark and returns what stands behind it; NULL if there is none. */
static char *cut(char *word, char mark)
{
    char *at = strchr(word, mark);
    if (!at)
        return NULL;
    *at = 0;
    return at + 1;
}

static enum err word_read(char *word, struct templates *out)
{
    enum message_event event;
    enum message_channel channel;
    struct uuid id;
    char *template_id = cut(word, '='), *name = cut(word, '.');
    if (!template_id || !name)
        return err_set(ERR_INVALID, "templates: wants <event>.<channel>=<template id>");
    TRY(message_event_parse(word, &event));
    TRY(message_channel_parse(name, &channel));
    if (channel == MESSAGE_WEBHOOK || uuid_parse(template_id, &id) != ERR_OK)
        return err_set(ERR_INVALID, "templates: %s.%s: wants the id of a template", word, name);
    if (out->ids[event][channel][0])
        return err_set(ERR_INVALID, "templates: %s.%s stands twice", word, name);
    uuid_format(&id, out->ids[event][channel]);
    return ERR_OK;
}

enum err templates_read(const char *words, struct templates *out)
{
    char word[WORD_MAX];
    memset(out, 0, sizeof(*out));
    while (*words) {
        size_t len = strcspn(words, " ");
        if (len >= sizeof(word))
            return err_set(ERR_INVALID, "templates: too long");
        memcpy(word, words, len);
        word[len] = 0;
        if (len > 0)
            TRY(word_read(word, out));
        words += len + (words[len] == ' ');
    }
    return ERR_OK;
}

uint8_t templates_channels(const struct templates *t, enum message_event e)
{
    unsigned bits = 0;
    for (unsigned c = 0; c < MESSAGE_CHANNEL_COUNT; c++)
        bits |= t->ids[e][c][0] ? 1u << c : 0;
    return (uint8_t)bits;
}
