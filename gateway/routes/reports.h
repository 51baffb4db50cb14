/* POST /v1/medical-reports: what its two ways share (reports.c: a form as JSON; reports_file.c:
 * a PDF in multipart/form-data with who the patient is). Not for others. */
#ifndef GATEWAY_ROUTES_REPORTS_H
#define GATEWAY_ROUTES_REPORTS_H

#include "gateway/evidence/reports/report.h"
#include "gateway/http/content_digest.h"
#include "gateway/routes/api.h"
#include "gateway/routes/intake.h"

struct multipart;

struct reporting {
    struct http_exchange *x;
    struct principal caller;
    struct upload_request rq;
    struct report_facts facts;
    struct upload *upload;
    struct buf document; /* JSON: as it comes */

    struct multipart *parser; /* NULL: it is JSON */
    unsigned stated;          /* fields that came, by their bits */
    bool has_file;
    struct content_digest *digest; /* of the message; NULL: none was stated */
    uint8_t expected[CONTENT_DIGEST_SIZE];
};

/* Sends what is described: the upload has its bytes. Replies. */
MUST_USE enum err reporting_send(struct reporting *r);
/* {"artefact","receipt","linked"} */
json_t *report_created(const struct upload_result *result);

/* --- reports_file.c --- */
MUST_USE enum err report_file_begin(struct reporting *r);
MUST_USE enum err report_file_piece(struct reporting *r, const void *data, size_t len);
MUST_USE enum err report_file_end(struct reporting *r); /* described, not sent yet */

#endif
