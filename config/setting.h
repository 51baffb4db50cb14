/* One row of a settings table, and what can be done with a value by knowing its row: default,
 * read, print, free. Inside config/ alone. */
#ifndef CONFIG_SETTING_H
#define CONFIG_SETTING_H

#include "config/config.h"

#include <libconfig.h>

enum setting_type {
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_CHOICE,
    SETTING_LIST,
    SETTING_BOOL,
    SETTING_NUMBER,
    SETTING_BYTES,
    SETTING_SECONDS,
    SETTING_MILLIS,
};
enum setting_flags {
    SETTING_REQUIRED = 1, /* may not stay empty */
    SETTING_SECRET = 2,   /* masked where it is printed */
};
struct setting {
    const char *section, *name;
    enum setting_type type;
    size_t offset;
    const char *text;     /* default of texts */
    const char *words;    /* allowed, for CHOICE and LIST; "" for any */
    uint64_t number;      /* default of numbers, in the field's unit */
    uint64_t least, most; /* bounds; most is the longest text for texts */
    unsigned flags;
    const char *help;
};
struct setting_section {
    const char *name, *help;
};
struct setting_table {
    const struct setting *rows;
    size_t n;
};
enum { SETTING_VALUE_MAX = 2048 };

extern const struct setting_table settings_table;     /* of struct config */
extern const struct setting_table issuers_table;      /* of struct config_issuer */
extern const struct setting_table certificates_table; /* of struct config_certificate */
extern const struct setting_table witnesses_table;    /* of struct config_witness */
extern const struct setting_section setting_sections[];
extern const size_t n_setting_sections;

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

MUST_USE enum err setting_default(const struct setting *s, void *base);
void setting_clear(const struct setting *s, void *base);
bool setting_is_default(const struct setting *s, const void *base);
bool setting_is_text(const struct setting *s); /* its field is a const char * */
/* The value of a file into the field. ERR_INVALID: "wants ..." (the caller knows file, line and
 * name). `folder` is where paths are relative to; NULL leaves them. */
MUST_USE enum err setting_read(const struct setting *s, config_setting_t *value,
                               const char *folder, void *base);
/* As it would stand in the file: "text", true, 8, "15 min", [ "a", "b" ]. */
MUST_USE enum err setting_format(const struct setting *s, const void *base, struct buf *out);
/* What it may be, in words: "a size from 4 KiB to 256 KiB". */
MUST_USE enum err setting_bounds(const struct setting *s, struct buf *out);
bool setting_word_in(const char *words, const char *word);

/* units.c: "64 KiB", "15 min". ERR_INVALID: not a number with a unit, or more than 64 bits
 * hold. Durations in milliseconds. */
enum { UNIT_TEXT_SIZE = 32 };
MUST_USE enum err size_parse(const char *text, uint64_t *bytes);
MUST_USE enum err duration_parse(const char *text, uint64_t *ms);
void size_format(uint64_t bytes, char out[UNIT_TEXT_SIZE]);
void duration_format(uint64_t ms, char out[UNIT_TEXT_SIZE]);

#endif
