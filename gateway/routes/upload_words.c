/* What a sender says of an upload, under the same names wherever it is said: in the query,
 * which the draft leaves to the application, and in tus's Upload-Metadata, which clients of the
 * draft send as well. What is said twice, even alike, is refused: nobody shall have to know
 * which counts. */
#include "gateway/routes/upload_resource.h"

#include "gateway/base/encode.h"
#include "gateway/http/fields.h"
#include "gateway/http/fields_tus.h"
#include "gateway/routes/intake.h"

#include <string.h>

_Static_assert((int)TUS_METADATA_MAX == (int)UPLOAD_METADATA_MAX, "metadata fits its record");

static enum err claim_set(struct resumable_request *rq, const char *value)
{
    return uuid_parse(value, &rq->upload.claim) == ERR_OK ? ERR_OK
                                                          : refuse(REFUSAL_CLAIM_NOT_FOUND);
}

static enum err filename_set(struct resumable_request *rq, const char *value)
{
    return field_filename_clean(value, rq->upload.filename, sizeof(rq->upload.filename));
}

static enum err filetype_set(struct resumable_request *rq, const char *value)
{
    return field_media_type(value, rq->upload.media_type, sizeof(rq->upload.media_type));
}

static const struct word {
    const char *name;
    enum err (*set)(struct resumable_request *rq, const char *value);
} WORDS[] = {
    {"claim", claim_set},
    {"filename", filename_set},
    {"filetype", filetype_set},
};
enum { WORD_VALUE_MAX = TUS_METADATA_MAX, WORDS_ALL = ARRAY_LEN(WORDS) + INTAKE_MEMBERS };

struct words {
    struct resumable_request *rq;
    unsigned said; /* bits: WORDS, then the intake's members */
};

/* Its number, or -1. */
static int word_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strcmp(WORDS[i].name, name) == 0)
            return (int)i;
    }
    int member = intake_member_find(name);
    return member < 0 ? -1 : member + (int)ARRAY_LEN(WORDS);
}

/* An empty value says nothing: browsers send an empty type for a file they do not know. */
static enum err word_say(struct words *w, int word, const char *name, const char *value)
{
    assert(word >= 0 && word < WORDS_ALL);
    if (*value == '\0')
        return ERR_OK;
    if (w->said & 1u << word)
        return refuse_because(REFUSAL_INVALID_REQUEST, "%s is said twice", name);
    w->said |= 1u << word;
    if ((size_t)word < ARRAY_LEN(WORDS))
        return WORDS[word].set(w->rq, value);
    return intake_member_set(&w->rq->upload, word - (int)ARRAY_LEN(WORDS), value);
}

/* --- where it is said --------------------------------------------------------------------- */

struct query_reading {
    struct words *words;
    enum err e;
};

static void query_argument(void *ctx, const char *name, const char *value)
{
    struct query_reading *r = ctx;
    int word = word_find(name);
    if (r->e == ERR_OK)
        r->e = word < 0 ? refuse_because(REFUSAL_INVALID_REQUEST, "an unknown query argument")
                        : word_say(r->words, word, name, value);
}

/* Unknown keys are the client's own: kept and told again, and nothing is read from them. */
static enum err pair_take(struct words *w, const struct tus_pair *pair)
{
    char name[SHORT_TEXT_MAX + 1], value[WORD_VALUE_MAX + 1];
    int word;
    if (pair->key_len >= sizeof(name))
        return ERR_OK;
    memcpy(name, pair->key, pair->key_len);
    name[pair->key_len] = '\0';
    word = word_find(name);
    if (word < 0)
        return ERR_OK;
    TRY(tus_pair_text(pair, value, sizeof(value)));
    return word_say(w, word, name, value);
}

static enum err metadata_read(const struct http_exchange *x, struct words *w)
{
    const char *value = http_header(x, "Upload-Metadata");
    struct tus_pair pairs[TUS_PAIRS_MAX];
    size_t n = 0;
    if (!value || *value == '\0')
        return ERR_OK;
    if (http_header_count(x, "Upload-Metadata") > 1)
        return refuse_because(REFUSAL_INVALID_REQUEST, "Upload-Metadata more than once");
    TRY(tus_metadata_parse(value, pairs, &n));
    memcpy(w->rq->metadata, value, strlen(value) + 1);
    for (size_t i = 0; i < n; i++)
        TRY(pair_take(w, &pairs[i]));
    return ERR_OK;
}

/* The types that only say that the body is a piece of something. */
static bool is_piece_type(const char *type)
{
    return strcmp(type, "application/partial-upload") == 0 ||
           strcmp(type, "application/offset+octet-stream") == 0;
}

static enum err representation_read(const struct http_exchange *x, struct upload_request *rq)
{
    const char *type = http_header(x, "Content-Type");
    const char *disposition = http_header(x, "Content-Disposition");
    char stated[MEDIA_TYPE_MAX + 1] = "";
    if (type)
        TRY(field_media_type(type, stated, sizeof(stated)));
    if (strncmp(stated, "multipart/", 10) == 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "send the file itself as the body");
    if (rq->media_type[0] == '\0' && !is_piece_type(stated))
        memcpy(rq->media_type, stated, sizeof(stated));
    if (rq->filename[0] == '\0' && disposition)
        TRY(field_disposition_filename(disposition, rq->filename, sizeof(rq->filename)));
    return ERR_OK;
}

enum err upload_digest_read(const char *value, bool *present, uint8_t sha256[32])
{
    bool another = false;
    uint8_t told[32];
    if (!value)
        return ERR_OK;
    TRY(field_digest_parse(value, &another, told));
    if (!another)
        return ERR_OK;
    if (*present && memcmp(sha256, told, sizeof(told)) != 0)
        return refuse(REFUSAL_DIGEST_MISMATCH);
    *present = true;
    memcpy(sha256, told, sizeof(told));
    return ERR_OK;
}

enum err upload_words_read(const struct http_exchange *x, bool representation,
                           struct resumable_request *out)
{
    struct words w = {.rq = out};
    struct query_reading query = {.words = &w, .e = ERR_OK};
    out->upload.length = -1;
    TRY(intake_coding_check(x));
    http_query_each(x, query_argument, &query);
    TRY(query.e);
    TRY(metadata_read(x, &w));
    if (representation)
        TRY(representation_read(x, &out->upload));
    TRY(api_key(x, out->upload.idempotency_key));
    return upload_digest_read(http_header(x, "Repr-Digest"), &out->upload.has_digest,
                              out->upload.digest);
}
