/* What the front asks of the spawner: packets on a SOCK_SEQPACKET pair, one request each, all
 * of one size. The first is JOB_SETTINGS, answered with one struct job_ready; nothing else is
 * ever answered here, since every result goes through a descriptor that travels with its job.
 *
 * Both ends are ours and of one build, so that the structs travel as they are; the inspectors
 * themselves, which strangers may own, never hold this socket.
 */
#ifndef GATEWAY_INSPECT_JOB_H
#define GATEWAY_INSPECT_JOB_H

#include "gateway/base/error.h"
#include "gateway/inspect/sniff.h"

#include <stdbool.h>
#include <stdint.h>

enum { JOB_MAGIC = 0x45494a31, JOB_USER_MAX = 64, JOB_FDS_MAX = 5, JOB_CONTROL_FD = 3 };

enum job_kind {
    JOB_SETTINGS = 1,
    JOB_INSPECT, /* descriptors: plaintext (a pipe), verdict; and those of enum job_with */
    JOB_RENDER,  /* descriptors: plaintext (a pipe), picture */
    JOB_KILL,
    JOB_SCAN, /* a nursery's to its scanner: plaintext, verdict, the examiner's plaintext and
               * its report; and clamd */
};

/* Further descriptors of a job, in this order, behind those that each has. */
enum job_with {
    JOB_WITH_CLAMD = 1 << 0,    /* it could be reached */
    JOB_WITH_PASSWORD = 1 << 1, /* a socket: opener.h of the inspector */
};

struct job_settings {
    char user[JOB_USER_MAX]; /* to become when started by root; "": stay */
    bool sandbox_required;   /* whatever is missing: refuse to run */
    uint64_t memory_max;     /* bytes of address space of one inspector */
    uint32_t cpu_s;          /* CPU seconds of one inspector */
    uint32_t jobs_max;
    bool member; /* of the inspectors' programs: passes nothing on to others */
};

struct job {
    uint32_t magic;
    uint32_t kind;
    uint64_t id; /* never used twice */
    union {
        struct job_settings settings;
        struct {
            char type[SNIFF_TYPE_MAX + 1]; /* declared */
            uint32_t page;                 /* render: from 0 */
            uint32_t with;                 /* of enum job_with */
        } work;
    };
};

/* Parts of the sandbox that this machine did not give. */
enum sandbox_lack {
    LACK_USER = 1 << 0,       /* no user of its own */
    LACK_NAMESPACES = 1 << 1, /* no network and process namespace of its own */
    LACK_ROOT = 1 << 2,       /* no empty root */
    LACK_LANDLOCK = 1 << 3,
    LACK_SECCOMP = 1 << 4, /* sanitizer builds: unlisted calls are refused, not killed */
    LACK_MEMORY = 1 << 5,  /* sanitizer builds: no limit on memory */
};

struct job_ready {
    uint32_t magic;
    uint32_t status; /* enum err: whether it runs at all */
    uint32_t lacks;  /* of enum sandbox_lack */
    char message[ERR_MESSAGE_MAX];
};

void job_tell_ready(int control, enum err e, unsigned lacks); /* the answer to JOB_SETTINGS */
MUST_USE enum err job_socketpair(int pair[2]);
/* Whole or not at all. ERR_UNAVAILABLE: the other side is gone. */
MUST_USE enum err job_send(int socket, const struct job *j, const int *fds, size_t n_fds);
/* Waits for the next one. ERR_UNAVAILABLE: the other side is gone. Descriptors that were not
 * sent are -1. A packet that is none of ours is ERR_INVALID, its descriptors are closed. */
MUST_USE enum err job_recv(int socket, struct job *j, int fds[JOB_FDS_MAX]);

/* The password's socket: the front sends it and ends, the opener answers with one of these and
 * ends. No answer is trouble, as is one that is none of them. */
enum { PASSWORD_MAX = 127 };
enum opened { OPENED_WHOLE = 'O', OPENED_WRONG_PASSWORD = 'W', OPENED_TROUBLE = 'T' };

/* The head of a rendered picture on its descriptor; the bytes follow, then the end. */
enum { RENDER_MAGIC = 0x45495031, RENDER_BYTES_MAX = 64 << 20, RENDER_SIDE_MAX = 2480 };
/* Drawn for printing: the gateway's own sheets (gateway/inspector/sheet.h), never an artefact's
 * bytes; the result is a PDF. */
#define RENDER_SHEET "application/vnd.evidence-gateway.sheet+json"
enum render_format { RENDER_NOTHING, RENDER_JPEG, RENDER_PNG, RENDER_PDF };
struct render_head {
    uint32_t magic;
    uint32_t format; /* RENDER_NOTHING: could not be rendered */
    uint32_t width, height;
    uint32_t pages; /* of the document */
    uint32_t len;
};

#endif
