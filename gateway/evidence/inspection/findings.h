/* What a verdict of the inspection means for an artefact: its status, what the record keeps of
 * it and what the log is told. Pure: no database, no bytes. */
#ifndef GATEWAY_EVIDENCE_INSPECTION_FINDINGS_H
#define GATEWAY_EVIDENCE_INSPECTION_FINDINGS_H

#include "gateway/base/json.h"
#include "gateway/inspect/verdict.h"
#include "storage/records.h"

/* Reasons of a status, as callers see them. */
#define STATUS_REASON_NOT_INSPECTED "not-inspected"
#define STATUS_REASON_INFECTED "infected"
#define STATUS_REASON_INTERVAL "recording-interval"
#define STATUS_REASON_NO_NOTICE "recording-no-notice"
#define STATUS_REASON_OPTED_OUT "opted-out"

/* Attempts at what may be the file's own fault, before it counts as one that cannot be scanned:
 * a parser that dies of it will die of it again. */
enum { FINDINGS_ATTEMPTS = 5 };

/* Could not be scanned for trouble of ours that may pass; `attempts` were made, this one
 * included. */
bool findings_may_pass(const struct verdict *v, unsigned attempts);
/* Nothing about this artefact, but the scanner is away or overrun: others would fare alike. */
bool findings_scanner_away(const struct verdict *v);

struct finding_rules {
    bool recording;       /* its length has to be known, and to fit the stated times */
    int64_t tolerance_us; /* by which it may be longer ... */
    int64_t shortfall_us; /* ... or shorter */
};
/* The status of an artefact with such a verdict, if nothing else speaks against it. */
void findings_status(const struct verdict *v, unsigned attempts,
                     const struct artefact_record *a, const struct finding_rules *rules,
                     enum artefact_status *status, char reason[SHORT_TEXT_MAX + 1]);
void findings_record(const struct verdict *v, const struct uuid *artefact, int64_t at,
                     struct inspection_record *out);
/* Adds inspection, inspection_reason, virus, engine, signatures, signatures_at. */
void findings_entry(json_t *entry, const struct verdict *v);
/* The names of the flags that are set: a new reference. */
json_t *findings_flags(uint32_t flags);
/* Record and, if there is one, the waveform; inside a commit. */
MUST_USE enum err findings_keep(struct db *db, const struct verdict *v,
                                const struct uuid *artefact, int64_t at);

#endif
