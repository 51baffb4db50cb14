/* Uploads over several requests, in a world of their own: how they are sent, and what has to be
 * true of what came. The bytes are text that tells its own offset. */
#ifndef TESTS_UNIT_EVIDENCE_RESUMABLE_WORLD_H
#define TESTS_UNIT_EVIDENCE_RESUMABLE_WORLD_H

#include "gateway/evidence/resumable/internal.h"
#include "tests/unit/evidence/world.h"

#include <sys/wait.h>

static inline uint8_t text_at(uint64_t i)
{
    uint64_t mixed = (i * 2654435761u) ^ (i >> 9) * 40503u;
    return i % 64 == 63 ? '\n' : (uint8_t)('a' + mixed % 26);
}

static inline void text_fill(uint8_t *out, uint64_t from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = text_at(from + i);
}

static inline void text_digest(uint64_t size, uint8_t out[32])
{
    uint8_t *all = malloc(size ? size : 1);
    text_fill(all, 0, size);
    ok(sha256_once(all, size, out));
    free(all);
}

static inline struct resumable_request session_request(const struct uuid *claim, int64_t length)
{
    struct resumable_request rq = {.upload = letter_request(claim)};
    rq.upload.length = length;
    strcpy(rq.metadata, "filename bGV0dGVyLnR4dA==");
    return rq;
}

static inline struct resumable_request part_request(int64_t length)
{
    struct resumable_request rq = {.is_part = true, .upload = {.length = length}};
    return rq;
}

static inline struct uuid session_begin(struct world *w, const struct principal *p,
                                        const struct resumable_request *rq)
{
    struct resumable_view view;
    ok(resumable_create(w->ev, p, rq, &view));
    ck_assert_int_eq(view.record.state, UPLOAD_OPEN);
    return view.record.id;
}

/* The text from `at` to `end`, in pieces as they come off a network. */
static inline enum err text_write(struct resumable_writer *rw, uint64_t at, uint64_t end)
{
    while (at < end) {
        uint8_t piece[10007];
        size_t len = end - at < sizeof(piece) ? (size_t)(end - at) : sizeof(piece);
        text_fill(piece, at, len);
        TRY(resumable_write(rw, piece, len));
        at += len;
    }
    return ERR_OK;
}

struct sent { /* how one request ended */
    enum err e;
    int detail;
    struct resumable_view view;
    struct upload_result result;
    char receipt[RECEIPT_MAX];
};

static inline void sent_end(struct sent *s, enum err e)
{
    s->e = e;
    s->detail = e == ERR_OK ? 0 : err_detail(e);
    (void)snprintf(s->receipt, sizeof(s->receipt), "%s", buf_text(&s->result.receipt));
    buf_clear(&s->result.receipt);
}

/* One request: the text from `at` to `upto`. */
static inline struct sent *session_send(struct world *w, const struct principal *p,
                                        const struct uuid *id, uint64_t at, uint64_t upto,
                                        enum resumable_end end)
{
    static struct sent s;
    struct resumable_writer *rw = NULL;
    struct resumable_piece piece = {.offset = at, .length = -1};
    memset(&s, 0, sizeof(s));
    enum err e = resumable_open(w->ev, p, id, &piece, &s.view, &rw);
    if (e == ERR_OK)
        e = text_write(rw, at, upto);
    if (e == ERR_OK)
        e = resumable_close(rw, end, &s.view, &s.result);
    sent_end(&s, e);
    resumable_free(rw);
    return &s;
}

/* A connection that breaks after the text up to `upto`. */
static inline void session_break(struct world *w, const struct principal *p,
                                 const struct uuid *id, uint64_t at, uint64_t upto)
{
    struct resumable_writer *rw = NULL;
    struct resumable_view view;
    struct resumable_piece piece = {.offset = at, .length = -1};
    ok(resumable_open(w->ev, p, id, &piece, &view, &rw));
    ok(text_write(rw, at, upto));
    resumable_free(rw);
}

static inline struct resumable_view session_at(struct world *w, const struct principal *p,
                                               const struct uuid *id)
{
    struct resumable_view view;
    ok(resumable_find(w->ev, p, id, &view));
    return view;
}

static inline uint64_t session_offset(struct world *w, const struct principal *p,
                                      const struct uuid *id)
{
    return session_at(w, p, id).record.offset;
}

#define ck_sent_refused(code, how)                                                             \
    do {                                                                                       \
        const struct sent *s_ = (how);                                                         \
        ck_assert_msg(s_->e == ERR_REFUSED && s_->detail == (int)(code), "%s: %s, %s", #how,   \
                      err_name(s_->e), refusal_name((enum refusal)s_->detail));                \
    } while (0)

/* The artefact reads back as the text. */
static inline void ck_artefact_is_text(struct world *w, const struct principal *p,
                                       const struct uuid *id, uint64_t size)
{
    uint8_t *got = malloc(size + 1), digest[32];
    struct artefact_view v;
    size_t n = 0;
    ok(artefact_get(w->ev, p, id, &v));
    ck_assert_uint_eq(v.record.size, size);
    text_digest(size, digest);
    ck_assert_mem_eq(v.record.sha256, digest, 32);
    ok(world_read(w, p, id, PURPOSE_NONE, got, size + 1, &n));
    ck_assert_uint_eq(n, size);
    uint64_t same = 0;
    while (same < size && got[same] == text_at(same))
        same++;
    ck_assert_uint_eq(same, size); /* once: an assertion for each byte takes a minute */
    free(got);
}

/* A finished one: artefact, receipt, and nothing left of the part. */
static inline void ck_became_evidence(struct world *w, const struct principal *p,
                                      const struct sent *s, uint64_t size)
{
    ck_assert_msg(s->e == ERR_OK, "%s: %s", err_name(s->e), err_message(s->e));
    ck_assert_int_eq(s->view.record.state, UPLOAD_FINISHED);
    ck_assert_uint_eq(s->view.record.offset, size);
    ck_assert_int_eq(s->view.record.length, (int64_t)size);
    ck_assert(uuid_equal(&s->view.record.artefact, &s->result.artefact.id));
    ck_assert(s->receipt[0]);
    struct uuid artefact = s->result.artefact.id;
    ck_artefact_is_text(w, p, &artefact, size);
}

static inline size_t world_parts(struct world *w)
{
    size_t n = 0;
    ok(blob_part_each(w->blobs, world_count_one, &n));
    return n;
}

/* The process ends in order, and another begins. */
static inline void world_restart(struct world *w)
{
    world_close(w);
    world_open(w);
}

static inline void world_run(const char *program, const char *a, const char *b, const char *c)
{
    int status = 0;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)execlp(program, program, a, b, c, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* What a kill -9 would leave now, put aside: nothing may be committing. */
static inline void world_keep_remains(struct world *w, char remains[PATH_MAX])
{
    (void)snprintf(remains, PATH_MAX, "%s.remains", w->dir.root);
    world_run("cp", "-a", w->dir.root, remains);
}

/* The process was killed when its remains were kept. Its writers are freed by now. */
static inline void world_crash(struct world *w, const char *remains)
{
    world_close(w);
    scratch_remove(&w->dir);
    ck_assert_int_eq(rename(remains, w->dir.root), 0);
    world_open(w);
}

static inline void with_intake_key(struct world *w)
{
    ok(keeper_intake_key_create(w->keys));
}

#endif
