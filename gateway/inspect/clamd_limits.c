/* clamd's configuration file, read for its limits: "Name value", one a line, '#' comments, sizes
 * with K, M or G. A missing line means clamd's default (1.4). What cannot be understood counts
 * as the least: a warning too many is cheaper than one too few. */
#include "gateway/inspect/clamd.h"

#include <ctype.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/vfs.h>

enum { LINE_MAX_BYTES = 1024, LINES_MAX = 10000 };
#define MEBIBYTE (UINT64_C(1) << 20)

static void read_size(const char *text, uint64_t *out)
{
    char *end;
    unsigned long long n;
    unsigned shift = 0;

    errno = 0;
    n = strtoull(text, &end, 10);
    switch (toupper((unsigned char)*end)) {
    case 'K':
        shift = 10;
        break;
    case 'M':
        shift = 20;
        break;
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    if (errno != 0 || end == text || !isdigit((unsigned char)*text) ||
        n > (UINT64_MAX >> shift))
        *out = 1;
    else
        *out = (uint64_t)n << shift;
}

static void read_line(char *line, struct clamd_limits *l)
{
    char *name = line + strspn(line, " \t"), *value;

    name[strcspn(name, "\r\n#")] = '\0';
    value = name + strcspn(name, " \t=");
    if (*value == '\0')
        return;
    *value++ = '\0';
    value += strspn(value, " \t=");
    if (strcasecmp(name, "StreamMaxLength") == 0)
        read_size(value, &l->stream_max);
    else if (strcasecmp(name, "MaxScanSize") == 0)
        read_size(value, &l->scan_max);
    else if (strcasecmp(name, "MaxFileSize") == 0)
        read_size(value, &l->file_max);
    else if (strcasecmp(name, "AlertExceedsMax") == 0)
        l->alert_exceeds = strchr("yYtT1", *value) != NULL && *value != '\0';
    else if (strcasecmp(name, "TemporaryDirectory") == 0)
        verdict_text(l->temporary, sizeof(l->temporary), value, strcspn(value, " \t"));
}

enum err clamd_limits_read(const char *conf_path, struct clamd_limits *out)
{
    char line[LINE_MAX_BYTES];
    FILE *file;

    *out = (struct clamd_limits){.stream_max = 100 * MEBIBYTE,
                                 .scan_max = 400 * MEBIBYTE,
                                 .file_max = 100 * MEBIBYTE,
                                 .temporary = "/tmp"};
    file = fopen(conf_path, "re");
    if (file == NULL)
        return err_errno("clamd's configuration");
    for (int i = 0; i < LINES_MAX && fgets(line, sizeof(line), file) != NULL; i++)
        read_line(line, out);
    (void)fclose(file);
    return ERR_OK;
}

static bool holds(uint64_t limit, uint64_t largest)
{
    return limit == 0 || limit >= largest;
}

bool clamd_limits_fit(const struct clamd_limits *l, uint64_t largest)
{
    return l->alert_exceeds && holds(l->stream_max, largest) &&
           holds(l->scan_max, largest) && holds(l->file_max, largest);
}

bool clamd_temporary_in_memory(const struct clamd_limits *l)
{
    struct statfs fs;

    return statfs(l->temporary, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}
