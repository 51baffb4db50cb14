/* Which of the department's templates says what: pairs of "<event>.<channel>=<template id>".
 * What has no template is not sent. */
#ifndef GATEWAY_NOTIFY_TEMPLATE_H
#define GATEWAY_NOTIFY_TEMPLATE_H

#include "storage/record_outbox.h"

struct templates {
    char ids[MESSAGE_EVENT_COUNT][MESSAGE_CHANNEL_COUNT][UUID_TEXT_SIZE];
};
/* Words with a space between. ERR_INVALID names what is wrong. */
MUST_USE enum err templates_read(const char *words, struct templates *out);
/* Bits of enum message_channel that have one for the event. */
uint8_t templates_channels(const struct templates *t, enum message_event e);

#endif
