/* The policy table of artefact kinds, read from a file (config/kinds.conf is the one that
 * ships): what may be sent, by whom, how large, of which types, and whether the harm rule holds
 * from the start.
 *
 *     version = "2026-1";
 *     kinds = (
 *       { name = "further_evidence"; max_bytes = 1073741824L; roles = ["claimant", ...];
 *         types = ["application/pdf", ...]; words = "PDF, JPG, ...";
 *         harmful = false; recording = false; retention = "730 d"; }, ...
 *     );
 *     notices = ( { version = "2026-1"; sha256 = "<64 hex digits>"; }, ... );   (may be left out)
 */
#ifndef GATEWAY_EVIDENCE_RULES_KINDS_H
#define GATEWAY_EVIDENCE_RULES_KINDS_H

#include "gateway/auth/principal.h"
#include "storage/records.h"

enum { KINDS_MAX = 32, KIND_TYPES_MAX = 32, KIND_WORDS_MAX = 200, NOTICES_MAX = 32 };

struct kind {
    char name[SHORT_TEXT_MAX + 1];
    uint64_t max_bytes;
    uint32_t roles; /* who may send it: bits of enum role */
    char types[KIND_TYPES_MAX][MEDIA_TYPE_MAX + 1];
    size_t n_types;
    char words[KIND_WORDS_MAX + 1]; /* the types as people call them, for the refusal */
    bool harmful;                   /* the harm rule holds from the start */
    bool recording;                 /* belongs to an assessment; the recording choice decides */
    int64_t retention_s; /* kept so long after live interest ended; 0: until somebody decides */
};
struct notice { /* a text about the recording of assessments, as people are shown it */
    char version[SHORT_TEXT_MAX + 1];
    uint8_t sha256[32];
};
struct kinds {
    struct kind rows[KINDS_MAX];
    size_t n;
    struct notice notices[NOTICES_MAX];
    size_t n_notices;
    char version[SHORT_TEXT_MAX + 1]; /* what the department calls this policy */
    uint8_t sha256[32]; /* of the file as it was read: the policy's version, told to the log */
};

/* ERR_INVALID names the row and the member. */
MUST_USE enum err kinds_load(const char *path, struct kinds *out);
const struct kind *kinds_find(const struct kinds *k, const char *name); /* NULL: no such kind */
const struct notice *kinds_notice(const struct kinds *k, const char *version); /* NULL: none */
uint64_t kinds_largest(const struct kinds *k); /* bytes that any kind lets in */
bool kind_allows_type(const struct kind *k, const char *media_type);

#endif
