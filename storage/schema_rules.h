/* The later migrations of the schema, which keep what the rules of the domain need: a room each
 * (schema.c has the first ones, and the conventions). Not for others. */
#ifndef STORAGE_SCHEMA_RULES_H
#define STORAGE_SCHEMA_RULES_H

/* Statements, NULL at the end. */
extern const char *const SCHEMA_PEOPLE[],
    *const SCHEMA_REPORTS[], *const SCHEMA_KEEPING[], *const SCHEMA_REQUESTS[],
                                                          *const SCHEMA_AUDIT[],
                                                              *const SCHEMA_SEALED[],
                                                                  *const SCHEMA_OUTBOX[],
    *const SCHEMA_PASSWORDS[];

#endif
