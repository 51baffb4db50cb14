/* Members of an archive held in memory, each inflated within one bound for all of them. */
#ifndef GATEWAY_INSPECTOR_MEMBERS_H
#define GATEWAY_INSPECTOR_MEMBERS_H

#include "gateway/inspector/steps.h"

enum {
    MEMBERS_HELD_MAX = 256 << 20, /* of the archive */
    MEMBERS_MAX = 20000,
    MEMBERS_DEPTH_MAX = 4,
    MEMBER_KEPT_MAX = 1 << 20,
};

struct members {
    uint64_t inflated; /* of all, nested ones included */
    uint32_t n;        /* likewise */
    bool encrypted, broken, beyond;
    /* For each member: its name and, up to MEMBER_KEPT_MAX, its bytes. May be NULL. */
    void (*look)(void *of, unsigned depth, const char *name, const uint8_t *data, size_t len);
    void *of;
};

/* Sets what it finds in `m`; stops at the first bound. */
MUST_USE enum err members_walk(struct members *m, const uint8_t *data, size_t len,
                               unsigned depth);
/* The verdict on what was found; false: none is due yet. */
bool members_judge(const struct members *m, struct verdict *v);

#endif
