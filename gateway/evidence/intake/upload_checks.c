/* The rules of the intake: who, which claim, which kind, how large, of which type, what the
 * recording choice says, and whether there is room. Those that the world can change meanwhile
 * (authority, recording choice) are asked at the start and again inside the commit. */
#include "gateway/evidence/intake/upload_internal.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/rules/authority.h"
#include "gateway/evidence/rules/quota.h"

#include <string.h>

enum err upload_check_size(const struct upload *u, uint64_t size)
{
    if (size <= u->max_bytes)
        return ERR_OK;
    uint64_t max = u->max_bytes;
    bool giga = max >= UINT64_C(1) << 30;
    unsigned shift = giga ? 30 : 20;
    return refuse_because(REFUSAL_FILE_TOO_LARGE,
                          "The selected file must be smaller than %llu%s",
                          (unsigned long long)(max >> shift), giga ? "GB" : "MB");
}

/* Sound of an assessment comes in as a recording, where the choice decides about it; only the
 * claimant and who acts for them may add what they recorded themselves. */
static bool passes_by_the_choice(const struct upload *u, const char *media_type)
{
    return u->rq.has_assessment && !u->kind->recording &&
           strncmp(media_type, "audio/", 6) == 0 && u->role != ROLE_CLAIMANT &&
           u->role != ROLE_REPRESENTATIVE;
}

static enum err type_check(const struct upload *u, const char *media_type)
{
    if (!kind_allows_type(u->kind, media_type))
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "The selected file must be a %s",
                              u->kind->words);
    if (passes_by_the_choice(u, media_type))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a recording of an assessment is sent as one");
    return ERR_OK;
}

/* A browser that does not know says octet-stream: then the bytes alone decide. */
static bool type_is_stated(const struct upload *u)
{
    return u->rq.media_type[0] && strcmp(u->rq.media_type, "application/octet-stream") != 0;
}

static enum err stated_check(const struct upload *u)
{
    if (u->rq.length == 0)
        return refuse(REFUSAL_FILE_EMPTY);
    return u->rq.length > 0 ? upload_check_size(u, (uint64_t)u->rq.length) : ERR_OK;
}

enum err upload_check_kind(struct upload *u)
{
    u->kind = kinds_find(u->ev->parts.kinds, u->rq.kind);
    if (!u->kind)
        return refuse_because(REFUSAL_INVALID_REQUEST, "there is no such kind of evidence");
    if (!(u->kind->roles & u->principal.roles))
        return refuse(REFUSAL_NOT_PERMITTED);
    u->max_bytes = u->kind->max_bytes;
    TRY(stated_check(u));
    return type_is_stated(u) ? type_check(u, u->rq.media_type) : ERR_OK;
}

enum err upload_check_any_kind(struct upload *u)
{
    const struct kinds *kinds = u->ev->parts.kinds;
    u->max_bytes = 0;
    for (size_t i = 0; i < kinds->n; i++) {
        const struct kind *k = &kinds->rows[i];
        if ((k->roles & u->principal.roles) && k->max_bytes > u->max_bytes)
            u->max_bytes = k->max_bytes;
    }
    return u->max_bytes > 0 ? stated_check(u) : refuse(REFUSAL_NOT_PERMITTED);
}

enum err upload_check_recording_times(const struct upload *u)
{
    const struct upload_request *rq = &u->rq;
    bool stated = rq->recording_started_at != 0 || rq->recording_stopped_at != 0;
    if (!u->kind->recording && !stated)
        return ERR_OK;
    if (u->kind->recording && !rq->has_assessment)
        return refuse_because(REFUSAL_INVALID_REQUEST, "a recording names its assessment");
    if (rq->recording_started_at == 0 || rq->recording_stopped_at == 0)
        return refuse_because(
            REFUSAL_INVALID_REQUEST,
            "a recording states recording_started_at and recording_stopped_at");
    if (rq->recording_stopped_at <= rq->recording_started_at)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the recording stops before it starts");
    if (rq->recording_stopped_at > clock_now() + CHOICE_FUTURE_MAX_S * MICROS_PER_SECOND)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the recording stops in the future");
    return ERR_OK;
}

/* A representative may send what their scope names. */
static enum err scope_check(const struct upload *u, struct db *db)
{
    return u->role == ROLE_REPRESENTATIVE
               ? authority_sends_kind(db, &u->rq.claim, &u->principal, u->kind->name)
               : ERR_OK;
}

enum err upload_check_recording(const struct upload *u, struct db *db,
                                enum recording_verdict *out)
{
    *out = RECORDING_ALLOWED;
    TRY(scope_check(u, db));
    if (!u->rq.has_assessment)
        return ERR_OK;
    struct assessment_record assessment;
    enum err found = assessment_find(db, &u->rq.assessment, &assessment);
    if (found == ERR_NOT_FOUND ||
        (found == ERR_OK && !uuid_equal(&assessment.claim, &u->rq.claim)))
        return refuse_because(REFUSAL_INVALID_REQUEST, "this claim has no such assessment");
    TRY(found);
    if (!u->kind->recording)
        return ERR_OK;
    TRY(choice_room(u->ev, db, &u->rq.assessment));
    TRY(choice_judge(db, &u->rq.assessment, u->rq.recording_started_at,
                     u->rq.recording_stopped_at, out));
    return *out == RECORDING_REFUSED ? refuse(REFUSAL_RECORDING_OPTED_OUT) : ERR_OK;
}

enum err upload_check_authority(struct upload *u, struct db *db)
{
    struct claim_record claim;
    if (u->report && uuid_is_nil(&u->rq.claim))
        return report_check_authority(u);
    return authority_claim(db, &u->rq.claim, &u->principal, ACTION_ARTEFACT_CREATE, &claim,
                           NULL, &u->role);
}

enum err upload_check_room(struct evidence *ev, int64_t length)
{
    uint64_t bytes = 0, inodes = 0;
    TRY(blob_space(ev->parts.blobs, &bytes, &inodes));
    uint64_t wanted = ev->config.reserve_bytes + (length > 0 ? (uint64_t)length : 0);
    return bytes < wanted || inodes < 16 ? refuse(REFUSAL_STORAGE_FULL) : ERR_OK;
}

enum err upload_check_known_type(const struct upload *u)
{
    const char *type = u->artefact.media_type;
    if (!u->sniffed)
        return ERR_OK;
    if (u->kind)
        TRY(type_check(u, type));
    if (type_is_stated(u) && strcmp(type, u->rq.media_type) != 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "The selected file is not what it is called: it looks like %s",
                              type);
    return ERR_OK;
}

enum err upload_check_quota(struct upload *u, struct db *db, uint64_t size)
{
    /* a part that names no claim yet is its sender's alone */
    enum role role = u->reached ? u->role : denial_role(&u->principal);
    struct quota_wish wish = {
        .role = role, .claim = &u->rq.claim, .size = size, .begun = u->begun_size};
    return quota_ask(u->ev, db, &u->principal, &wish, &u->quota_left);
}

enum err upload_check_bytes_type(struct upload *u)
{
    u->sniffed = true;
    if (!u->artefact.media_type[0]) /* the inspection may have asked before */
        TRY(seal_sniff(u->sealer, u->artefact.media_type));
    return upload_check_known_type(u);
}
_Static_assert((int)SNIFF_TYPE_MAX == (int)MEDIA_TYPE_MAX, "a sniffed type fits a record");
