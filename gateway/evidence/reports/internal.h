/* What the files of this room share: report.c (the intake), match.c (which claim), tray.c
 * (those of none), print.c. Not for others but intake/upload.c and intake/upload_commit.c. */
#ifndef GATEWAY_EVIDENCE_REPORTS_INTERNAL_H
#define GATEWAY_EVIDENCE_REPORTS_INTERNAL_H

#include "gateway/evidence/internal.h"
#include "gateway/evidence/reports/report.h"
#include "gateway/evidence/reports/subject.h"

struct report_said { /* of an upload that is a report */
    bool described;
    char form[SHORT_TEXT_MAX + 1];
    struct report_patient patient;
    struct buf resource;
    uint8_t print[32]; /* of all of it, under the intake key */
    bool linked;       /* told by report_store */
};
MUST_USE enum err report_said_new(struct report_said **out);
void report_said_free(struct report_said *said); /* wipes; NULL is allowed */

/* The details as they are kept: {"name","born","nino","resource"}. */
MUST_USE enum err details_write(const struct report_said *said, struct buf *out);
/* `patient` stays empty where they cannot be read; `resource` may be NULL. */
MUST_USE enum err details_read(struct db *db, const struct uuid *artefact,
                               struct report_patient *patient, struct buf *resource);

/* One report to one claim, told to the log. */
struct report_attaching {
    const struct principal *p; /* NULL: the gateway by itself */
    enum role role;
    const char *how; /* "match", "case_manager" */
    const char *reason;
    struct artefact_record *artefact;
    const struct uuid *claim;
};
MUST_USE enum err report_attach(struct commit_tx *tx, const struct report_attaching *a);
/* To the one claim that has this subject; *linked says whether there was just one. */
MUST_USE enum err report_match(struct commit_tx *tx, struct artefact_record *artefact,
                               const char *subject, bool *linked);

/* A form as a sheet of labels and values (gateway/inspector/sheet.h has its shape). */
MUST_USE enum err report_sheet(const struct report_form *f, const struct artefact_record *a,
                               struct buf *out);

#endif
