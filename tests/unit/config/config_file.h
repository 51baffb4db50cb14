/* A configuration file in a folder of its own, for the tests of config/. */
#ifndef TESTS_UNIT_CONFIG_CONFIG_FILE_H
#define TESTS_UNIT_CONFIG_CONFIG_FILE_H

#include "config/config.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct config_file {
    char folder[64];
    char path[96];
};

static inline struct config_file config_file_make(const char *text)
{
    struct config_file f = {.folder = "/tmp/eg-config-XXXXXX"};
    FILE *out;

    ck_assert_ptr_nonnull(mkdtemp(f.folder));
    (void)snprintf(f.path, sizeof(f.path), "%s/gateway.conf", f.folder);
    out = fopen(f.path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert(fputs(text, out) >= 0);
    ck_assert_int_eq(fclose(out), 0);
    return f;
}

static inline void config_file_remove(const struct config_file *f)
{
    (void)unlink(f->path);
    (void)rmdir(f->folder);
}

static inline enum err config_of(const char *text, struct config **out)
{
    struct config_file f = config_file_make(text);
    enum err e = config_load(f.path, out);

    config_file_remove(&f);
    return e;
}

#endif
