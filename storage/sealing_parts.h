/* The table of sealed columns, for the walk over them (record_sealing.c) and nobody else. Who
 * seals a further column adds it here, or its values stay under the key that sealed them first
 * (a test compares with what the record files name). */
#ifndef STORAGE_SEALING_PARTS_H
#define STORAGE_SEALING_PARTS_H

enum { KEYS_MAX = 4, VALUES_MAX = 3 };

enum cell_type { CELL_END, CELL_UUID, CELL_NUMBER, CELL_TEXT };
struct column {
    const char *name;
    enum cell_type type;
};
struct value {
    const char *plain; /* NULL: there never was one */
    const char *sealed, *domain;
};
struct part {
    const char *name, *table;
    struct column keys[KEYS_MAX]; /* of its primary key, in order */
    struct column row[KEYS_MAX];  /* what its values are bound to; none: the keys */
    struct value values[VALUES_MAX];
};
/* Columns that are counted and not walked. */
struct counted {
    const char *table, *column;
};

enum { SEALED_PARTS_COUNT = 14, SEALED_COUNTED_COUNT = 5 };
extern const struct part SEALED_PARTS[SEALED_PARTS_COUNT];
extern const struct counted SEALED_COUNTED[SEALED_COUNTED_COUNT];

#endif
