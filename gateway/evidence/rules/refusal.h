/* Refusals: what a person or a system is told when a rule says no. Stable names (api.md), the
 * words people know. A refusal travels as ERR_REFUSED with detail = enum refusal; routes turn
 * its name into a status (gateway/routes/problem.c). */
#ifndef GATEWAY_EVIDENCE_RULES_REFUSAL_H
#define GATEWAY_EVIDENCE_RULES_REFUSAL_H

#include "gateway/base/error.h"

/* X(code, name, words) */
#define REFUSAL_TABLE(X)                                                                       \
    X(REFUSAL_NONE, "none", "No refusal")                                                      \
    X(REFUSAL_NOT_FOUND, "not-found", "There is nothing here, or it is not yours to see")      \
    X(REFUSAL_CLAIM_NOT_FOUND, "claim-not-found",                                              \
      "There is no such claim, or it is not yours to see")                                     \
    X(REFUSAL_NOT_PERMITTED, "not-permitted", "You are not permitted to do this")              \
    X(REFUSAL_INVALID_REQUEST, "invalid-request", "The request could not be understood")       \
    X(REFUSAL_PURPOSE_REQUIRED, "purpose-required",                                            \
      "Say what you read this for: purpose=decision, assessment, appeal, audit or "            \
      "subject_access")                                                                        \
    X(REFUSAL_NOT_AVAILABLE, "not-available", "This item cannot be opened at present")         \
    X(REFUSAL_FILE_EMPTY, "file-empty", "The selected file is empty")                          \
    X(REFUSAL_DIGEST_MISMATCH, "digest-mismatch",                                              \
      "The file that arrived is not the file that was described - try again")                  \
    X(REFUSAL_FILE_TOO_LARGE, "file-too-large", "The selected file must be smaller")           \
    X(REFUSAL_TYPE_NOT_ALLOWED, "type-not-allowed",                                            \
      "The selected file must be of another type")                                             \
    X(REFUSAL_PASSWORD_PROTECTED, "password-protected",                                        \
      "The selected file is password protected")                                               \
    X(REFUSAL_WRONG_PASSWORD, "wrong-password", "The password does not open the file")         \
    X(REFUSAL_CONTAINS_VIRUS, "contains-virus", "The selected file contains a virus")          \
    X(REFUSAL_UNREADABLE_FILE, "unreadable-file", "The selected file could not be read")       \
    X(REFUSAL_RECORDING_OPTED_OUT, "recording-opted-out",                                      \
      "The claimant has opted out of audio recording for this assessment")                     \
    X(REFUSAL_RECORDING_NO_NOTICE, "recording-no-notice",                                      \
      "There is no record that the claimant was told about the recording")                     \
    X(REFUSAL_QUOTA_EXCEEDED, "quota-exceeded", "Too much has been sent - try again later")    \
    X(REFUSAL_STORAGE_FULL, "storage-full",                                                    \
      "The selected file could not be uploaded - try again later")                             \
    X(REFUSAL_TRY_AGAIN, "try-again", "The selected file could not be uploaded - try again")   \
    X(REFUSAL_CONFLICT, "conflict", "This does not fit what is on record")                     \
    X(REFUSAL_KEY_REUSED, "idempotency-key-reused",                                            \
      "This Idempotency-Key was used for another request")                                     \
    X(REFUSAL_KEY_BUSY, "idempotency-key-in-use",                                              \
      "The first request with this Idempotency-Key is still running")                          \
    X(REFUSAL_UPLOAD_GONE, "upload-gone", "This upload has ended - start again")               \
    X(REFUSAL_OFFSET_MISMATCH, "mismatching-upload-offset",                                    \
      "The upload stands at another offset")                                                   \
    X(REFUSAL_UPLOAD_FINAL, "upload-is-final",                                                 \
      "An upload that was put together from parts takes no more bytes")                        \
    X(REFUSAL_UPLOAD_LOCKED, "upload-locked",                                                  \
      "A newer request has taken this upload over")                                            \
    X(REFUSAL_REQUEST_CLOSED, "request-closed", "This request has been answered or withdrawn") \
    X(REFUSAL_CLAIM_LEASED, "claim-leased", "A colleague keeps this claim at present")         \
    X(REFUSAL_INTAKE_ONLY, "intake-only",                                                      \
      "This service takes evidence in and gives nothing out")

enum refusal {
#define X(code, name, words) code,
    REFUSAL_TABLE(X)
#undef X
        REFUSAL_COUNT
};

const char *refusal_name(enum refusal r);
const char *refusal_words(enum refusal r);

/* ERR_REFUSED with the table's words. */
MUST_USE enum err refuse(enum refusal r);
/* With words of its own (shown to the caller: no secret, no personal value). */
MUST_USE enum err refuse_because(enum refusal r, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
