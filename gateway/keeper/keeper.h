/* The keeper: the process that holds the service identities and the log's signing key, and its client in the front.
 *
 * The front starts it by executing the same program (`evidence-gateway keeper`, internal) with one end of a socket pair; it has no
 * network, parses no uploaded content, and talks in frames (protocol.h). A malformed request gets an error reply, never a crash.
 *
 * No log entry, no key: keeper_open wants the receipt of the read's opening entry (crypto/receipt.h). The keeper checks it against its own log
 * key: action "read.opened", the artefact, an actor, a purpose, status "available", and a time within the read session; only then it unwraps.
 * Two other openings have an action of their own: "view.opened" (a picture is made of it) may also be of what is "restricted", "inspection.opened" of what is
 * "quarantined" or "could_not_scan".
 * It returns the payload key, never the file key. Re-wrapping (keys rotate, export) wants the receipt of the entry that orders it.
 * It rate-limits openings. With `intake_only` it holds the log key and no identity: opening and re-wrapping answer ERR_UNAVAILABLE.
 *
 * The front may confine itself after the start: a guardian process, started with the keeper, starts a dead keeper again with the same
 * settings, at most once a second; until then, and for requests in flight when it died, the client answers ERR_UNAVAILABLE.
 *
 * It signs what continues what it signed last: it keeps its own frontier and the last checkpoint in a strict file outside the database (state_file,
 * two slots, fdatasync, flock, because an administrator's keeper may run beside it), takes leaf hashes and refuses anything else.
 */
#ifndef GATEWAY_KEEPER_KEEPER_H
#define GATEWAY_KEEPER_KEEPER_H

#include "crypto/age_header.h"
#include "crypto/column.h"
#include "crypto/receipt.h"

#define KEEPER_INTAKE_KEY_FILE "intake.key" /* in keys_dir: 32 bytes in base64, one line */
enum { KEEPER_IDENTITIES_MAX = 64, KEEPER_LEAVES_MAX = 4096, KEEPER_PATH_MAX = 1024, KEEPER_INTAKE_KEY_SIZE = 32 };

struct keeper_config { /* what the keeper process is told (over the socket's first frame, not on the command line) */
    const char *keys_dir;      /* service identities: <key id>.identity; systemd credentials: $CREDENTIALS_DIRECTORY when NULL or "" */
    const char *log_key_file;  /* 32-byte Ed25519 seed, base64, one line */
    const char *log_name;      /* origin and key name of the log */
    const char *state_file;
    const char *user;          /* to run as when started by root; NULL or "": stay */
    bool intake_only;
    bool require_mlock;
    unsigned read_session_s;   /* how old an opening entry may be */
    unsigned opens_per_second; /* rate limit, per keeper */
    bool columns;              /* loads the master keys of the personal columns */
    bool admin;                /* an administrator's keeper: re-wraps without rate limit */
};

struct keeper; /* the client; thread-safe, requests are pipelined or serialised inside */

/* Starts the process (executes /proc/self/exe with the internal subcommand) and waits until it is ready or says why not. */
MUST_USE enum err keeper_start(const struct keeper_config *config, struct keeper **out);
void keeper_stop(struct keeper *k); /* closes the socket, waits, frees */
DEFINE_AUTO(struct keeper, keeper_stop);
/* Replaces the keeper process by one that has read the keys again (after keys add|retire). No request fails by it: those under way
 * are answered first, new ones wait (about a second at the most when reloads follow each other). */
MUST_USE enum err keeper_reload(struct keeper *k);
/* The internal subcommand `evidence-gateway keeper FD`: guards keepers for the front behind `fd` until it is closed. Returns the exit code. */
int keeper_main(int fd);
/* Another program than /proc/self/exe, whose main calls keeper_main (tests); before keeper_start. NULL: the default again. */
void keeper_set_program(const char *path);

struct keeper_info {
    char log_vkey[NOTE_VKEY_MAX];
    bool intake_only;
    size_t n_identities;
    struct age_recipient recipients[KEEPER_IDENTITIES_MAX];
    uint64_t signed_size;
    long pid;
};
MUST_USE enum err keeper_info(struct keeper *k, struct keeper_info *out); /* also the health check: ERR_UNAVAILABLE when it is gone */

/* The intake key: 32 bytes under which the front seals what an unfinished upload needs to go on after a restart (file key, last bytes). The keeper
 * holds it in <keys_dir>/intake.key and hands it to its front; on the disk it stands only there, out of the front's reach. It opens no
 * artefact. Without the file the keeper makes one up for its life (`persistent` false): uploads then end with the process. A keeper that was
 * reloaded or started again has another made-up one, so that the front asks once, at its start, and keeps what it got. A file that is not
 * private or not a key keeps the keeper from starting. */
MUST_USE enum err keeper_intake_key(struct keeper *k, struct secret **out, bool *persistent);
MUST_USE enum err keeper_intake_key_create(const char *keys_dir); /* ERR_EXISTS */

/* The master keys of the personal columns (crypto/column.h): <keys_dir>/column-<number>.key, 32 bytes in base64 each; the highest number is active. A keeper that
 * was told `columns` hands them to its front, which asks once, at its start: names and dates are shown to those who may see them all day long, so that the front's
 * memory holds them anyway, and a keeper asked for each would be an oracle for whoever took the front over. What the keys guard against is the database's files in
 * other hands: disks, copies, backups. The keys of evidence are another matter: each opening is an act of its own, logged, and they never leave the keeper.
 * ERR_NOT_FOUND: there is none; ERR_UNAVAILABLE: this keeper has none to give (a plane for intake only seals, to the public key in the keyring). */
MUST_USE enum err keeper_column_keys(struct keeper *k, struct column_keys **out);
enum { KEEPER_COLUMN_KEY_NUMBER_MAX = 9999 };
/* Makes the next one, which is active from then on; `keys` (may be empty) gets it. */
MUST_USE enum err keeper_column_key_create(const char *keys_dir, struct column_keys *keys);
/* Overwrites and removes the file of this key. ERR_NOT_FOUND; ERR_CONFLICT: it is the active one. */
MUST_USE enum err keeper_column_key_remove(const char *keys_dir, const uint8_t id[COLUMN_ID_SIZE]);

/* See struct ledger_signer (storage/ledger.h). n = 0 asks for the last signed checkpoint (of the empty tree if nothing was signed), whatever `first` and
 * `root` (may be NULL) are; n at most KEEPER_LEAVES_MAX, else ERR_TOO_LARGE. */
MUST_USE enum err keeper_sign(struct keeper *k, uint64_t first, const struct merkle_hash *leaves, size_t n,
                              const struct merkle_hash *root, struct buf *note, uint64_t *signed_size);

struct keeper_opening {
    const char *receipt;       /* of the entry "read.opened" */
    size_t receipt_len;
    const void *header;
    size_t header_len;
    struct uuid artefact;
    uint8_t nonce[AGE_NONCE_SIZE]; /* the payload's first 16 bytes */
};
/* ERR_DENIED: the receipt does not carry this opening; ERR_EXPIRED: too old; ERR_BUSY: rate limit; ERR_NOT_FOUND: no identity for this header;
 * ERR_CRYPTO: the header is not this artefact's or was tampered with. */
MUST_USE enum err keeper_open(struct keeper *k, const struct keeper_opening *o, uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE]);

/* A new header for the artefact. With `service` (and recovery): rotation, wants a receipt of action "key.rewrap" whose details name the artefact or "scope":"all" (good
 * for an administrator's keeper only), "to":<key id> (a key that the keeper holds itself) and, when `recovery` is given, "recovery":<age1...>, at most 24 hours old: one logged order
 * must not hand every artefact to a key that the log does not show. With `plain`: export to a recipient, wants action "artefact.exported" with "artefact" and "recipient" (age1...),
 * as old as an opening may be. */
struct keeper_rewrap {
    const char *receipt;
    size_t receipt_len;
    const void *header;
    size_t header_len;
    struct uuid artefact;
    const struct age_recipient *service, *recovery; /* or */
    const struct age_recipient *plain;
};
MUST_USE enum err keeper_rewrap(struct keeper *k, const struct keeper_rewrap *r, struct buf *header);

/* Key files, for init and keys add: makes <keys_dir>/<key id>.identity (0400). */
MUST_USE enum err keeper_identity_create(const char *keys_dir, char key_id[KEY_ID_SIZE], struct age_recipient *recipient);
/* Makes the log key file; writes the verifier key text. */
MUST_USE enum err keeper_log_key_create(const char *log_key_file, const char *log_name, char vkey[NOTE_VKEY_MAX]);
/* Makes the state file for an empty log (size 0); ERR_EXISTS. */
MUST_USE enum err keeper_state_create(const char *state_file);

/* The front gives up what it does not need: Landlock so that it cannot open keys_dir, log key and state file (allow-list of paths), no new privileges,
 * not dumpable. A readable path may be executed from, a writable one may not. After keeper_start and before any thread.
 * Degrades with a warning where the kernel lacks it (ERR_UNSUPPORTED when `required`). */
struct confine_path {
    const char *path;
    bool write;
};
MUST_USE enum err process_confine(const struct confine_path *paths, size_t n, bool required);

#endif
