/* One form with files: what its rooms share (form.c: the call; form_files.c: its parts as they
 * come; form_answer.c: what is told; form_page.c: the same as a page). Not for others.
 *
 * A field counts for every file that is not accepted when it comes. A file is accepted as soon
 * as its kind is known and nothing more can be meant for it: when the next file begins, or at
 * the form's end. Until then it is kept open; so all are kept open while the kind is unknown,
 * and to the end where the form states a Content-Digest. At most api.form_files of them.
 */
#ifndef GATEWAY_ROUTES_FORM_H
#define GATEWAY_ROUTES_FORM_H

#include "gateway/http/content_digest.h"
#include "gateway/http/multipart.h"
#include "gateway/routes/api.h"
#include "gateway/routes/intake.h"

enum {
    FORM_FILES_MAX = 64, /* of the setting */
    FORM_NUMBER_MAX = 3, /* "#64" behind an Idempotency-Key */
};
_Static_assert(FORM_FILES_MAX + INTAKE_MEMBERS < MULTIPART_PARTS_MAX, "all of them fit a form");

struct form_file {
    char filename[FILE_NAME_MAX + 1]; /* cleaned; "" for none, or one that cannot be shown */
    struct upload *upload;            /* open: neither refused nor accepted */
    struct err_info why;              /* refused */
    json_t *created;                  /* accepted: artefact and receipt */
    json_t *refused;                  /* refused, and that has a receipt; may be NULL */
    struct uuid id;
    uint8_t sha256[32];
};

struct form {
    struct http_exchange *x;
    struct multipart *parser;
    struct principal caller;
    struct upload_request said; /* what the query and the fields have said until now */
    unsigned stated;            /* members that came, by their bits */
    bool charset_stated, page;  /* page: the answer is one */
    char key[IDEMPOTENCY_KEY_MAX + 1];

    struct content_digest *digest; /* NULL: none was stated */
    bool has_expected;
    uint8_t expected[CONTENT_DIGEST_SIZE];

    struct form_file *files; /* max_files, and one to prepare the next in */
    size_t n_files, max_files;
    bool in_file;                        /* the part that is being read was counted as a file */
    char media_type[MEDIA_TYPE_MAX + 1]; /* of that part */
    size_t n_empty;                      /* file inputs that were left empty */
    uint64_t passed_over;                /* bytes of refused files */
};

/* --- form_files.c --- */
void form_sink(struct form *f, struct multipart_sink *out);
/* Behind the last part: an empty input counts as a file if there is none else; then what is
 * open is finished. An error concerns the form as a whole. */
MUST_USE enum err form_files_finish(struct form *f);
void form_files_drop(struct form *f); /* what is still open leaves nothing */

/* --- form_answer.c --- */
void form_answer(struct form *f);
/* The form as a whole is refused; what was accepted before is told beside it. */
void form_answer_refused(struct form *f, enum err e);

/* --- form_page.c --- */
/* `results` as in the JSON answer; `trouble` NULL unless the form as a whole was refused. */
MUST_USE enum err form_page(const json_t *results, const struct api_trouble *trouble,
                            struct buf *out);

#endif
