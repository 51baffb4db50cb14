/* By what a medical report and a claim find each other: National Insurance number, date of
 * birth and surname, as one text of which a blind index is kept (storage/record_reports.h).
 *
 * Names are made alike first: case, accents, apostrophes and marks go, a hyphen is a space; of
 * a whole name the last word counts, together with an O, Mc or Mac before it and without a
 * Jr or Sr behind it. What differs all the same is left for a person to match.
 */
#ifndef GATEWAY_EVIDENCE_REPORTS_SUBJECT_H
#define GATEWAY_EVIDENCE_REPORTS_SUBJECT_H

#include "gateway/evidence/reports/form.h"

enum {
    SUBJECT_SURNAME_MAX = 200, /* bytes */
    SUBJECT_TEXT_MAX = NINO_MAX + DATE_TEXT + SUBJECT_SURNAME_MAX + 2,
};

/* "Siobhán O’Brien-McKay" is "mckay", "Ann O Brien" is "obrien"; "" where nothing is left. */
void subject_surname(const char *name, char out[SUBJECT_SURNAME_MAX + 1]);
/* "" where a part is missing. The caller wipes it. */
void subject_text(const char *nino, const char *born, const char *name,
                  char out[SUBJECT_TEXT_MAX + 1]);

#endif
