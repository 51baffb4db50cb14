// Verify-receipt is a second verifier of receipts, written from docs/receipt.md alone. It shares no
// code with the gateway: notes and proofs are checked by golang.org/x/mod/sumdb.
//
//	verify-receipt [-witness VKEY-FILE] VKEY-FILE RECEIPT [EVIDENCE]
//	verify-receipt -each VKEY-FILE          paths on standard input; "good" or "bad" for each
//
// The exit status is 0 if the receipt holds, 1 if it does not, 2 for wrong usage.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	leafSize      = 41
	saltSize      = 32
	detailsMax    = 8192
	receiptMax    = 32768
	checkpointMax = 8192
	textMax       = 512
	originMax     = 128
	hashesMax     = 64
	signaturesMax = 16
	dash          = "\u2014 "
)

type receipt struct {
	leaf       []byte
	salt       []byte
	details    []byte
	index      int64
	proof      tlog.RecordProof
	checkpoint string
	origin     string
	size       int64
	root       tlog.Hash
}

// decodeBase64 accepts canonical base64 only: the decoder of the standard library skips line breaks.
func decodeBase64(text string) ([]byte, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		return nil, errors.New("not canonical base64")
	}
	return data, nil
}

func decodeHash(text string) (h tlog.Hash, err error) {
	data, err := decodeBase64(text)
	if err != nil || len(data) != len(h) {
		return h, errors.New("not the base64 of a hash")
	}
	copy(h[:], data)
	return h, nil
}

func decodeDecimal(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, errors.New("not a decimal number")
	}
	return n, nil
}

// cut takes the first line off text.
func cut(text *string) (string, error) {
	line, rest, found := strings.Cut(*text, "\n")
	if !found {
		return "", errors.New("the receipt ends too early")
	}
	*text = rest
	return line, nil
}

func cutLabel(text *string, label string) (string, error) {
	line, err := cut(text)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(line, label) {
		return "", fmt.Errorf("a line should begin with %q", label)
	}
	return line[len(label):], nil
}

func (r *receipt) parseExtra(text string) error {
	extra, err := decodeBase64(text)
	if err != nil {
		return err
	}
	const detailsAt = 3 + leafSize + saltSize
	if len(extra) <= detailsAt || len(extra) > detailsAt+detailsMax || string(extra[:3]) != "eg1" {
		return errors.New("the extra line")
	}
	r.leaf, r.salt, r.details = extra[3:3+leafSize], extra[3+leafSize:detailsAt], extra[detailsAt:]
	if r.leaf[0] != 1 || binary.BigEndian.Uint64(r.leaf[1:9])%60 != 0 {
		return errors.New("the leaf")
	}
	var object map[string]json.RawMessage
	if !plain(r.details, false) || json.Unmarshal(r.details, &object) != nil || object == nil {
		return errors.New("the details are not a JSON object")
	}
	return nil
}

// plain reports whether text is UTF-8 without control characters.
func plain(text []byte, newlines bool) bool {
	for _, c := range text {
		if c < ' ' && !(newlines && c == '\n') {
			return false
		}
	}
	return utf8.Valid(text)
}

// parseCheckpoint checks what sumdb/note would let pass, and reads the three lines.
func (r *receipt) parseCheckpoint(text string) error {
	if len(text) > checkpointMax || !plain([]byte(text), true) {
		return errors.New("the checkpoint is not plain text")
	}
	split := strings.LastIndex(text, "\n\n")
	if split < 0 || split+1 > textMax || !strings.HasSuffix(text, "\n") {
		return errors.New("the checkpoint has no signatures")
	}
	signatures := strings.Split(strings.TrimSuffix(text[split+2:], "\n"), "\n")
	if len(signatures) > signaturesMax {
		return errors.New("the checkpoint has too many signatures")
	}
	for _, line := range signatures {
		words := strings.Split(strings.TrimPrefix(line, dash), " ")
		if !strings.HasPrefix(line, dash) || len(words) != 2 {
			return errors.New("a signature line")
		}
		if _, err := decodeBase64(words[1]); err != nil {
			return err
		}
	}
	lines := strings.Split(text[:split], "\n")
	if len(lines) < 3 || lines[0] == "" || len(lines[0]) > originMax {
		return errors.New("the text of the checkpoint")
	}
	for _, extension := range lines[3:] {
		if extension == "" {
			return errors.New("an empty extension line")
		}
	}
	var err error
	r.checkpoint, r.origin = text, lines[0]
	if r.size, err = decodeDecimal(lines[1]); err != nil {
		return err
	}
	r.root, err = decodeHash(lines[2])
	return err
}

func parse(text string) (*receipt, error) {
	r := new(receipt)
	if len(text) > receiptMax {
		return nil, errors.New("the receipt is too large")
	}
	if line, err := cut(&text); err != nil || line != "c2sp.org/tlog-proof@v1" {
		return nil, errors.New("not a receipt")
	}
	extra, err := cutLabel(&text, "extra ")
	if err != nil {
		return nil, err
	}
	if err := r.parseExtra(extra); err != nil {
		return nil, err
	}
	index, err := cutLabel(&text, "index ")
	if err != nil {
		return nil, err
	}
	if r.index, err = decodeDecimal(index); err != nil {
		return nil, err
	}
	for {
		line, err := cut(&text)
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		hash, err := decodeHash(line)
		if err != nil || len(r.proof) == hashesMax {
			return nil, errors.New("the inclusion proof")
		}
		r.proof = append(r.proof, hash)
	}
	return r, r.parseCheckpoint(text)
}

func (r *receipt) verify(log note.Verifier) error {
	mac := hmac.New(sha256.New, r.salt)
	mac.Write(r.details)
	if !hmac.Equal(mac.Sum(nil), r.leaf[9:]) {
		return errors.New("the details do not belong to the leaf")
	}
	if r.index >= r.size {
		return errors.New("the index is outside of the tree")
	}
	if err := tlog.CheckRecord(r.proof, r.size, r.root, r.index, tlog.RecordHash(r.leaf)); err != nil {
		return err
	}
	if r.origin != log.Name() {
		return errors.New("the checkpoint was issued by another log")
	}
	return r.verifyNote(log)
}

// verifyNote wants exactly one signature of the key; sumdb/note ignores repeated ones.
func (r *receipt) verifyNote(key note.Verifier) error {
	if _, err := note.Open([]byte(r.checkpoint), note.VerifierList(key)); err != nil {
		return err
	}
	count := 0
	split := strings.LastIndex(r.checkpoint, "\n\n")
	for _, line := range strings.Split(r.checkpoint[split+2:], "\n") {
		name, text, _ := strings.Cut(strings.TrimPrefix(line, dash), " ")
		data, _ := decodeBase64(text)
		if name == key.Name() && len(data) > 4 && binary.BigEndian.Uint32(data) == key.KeyHash() {
			count++
		}
	}
	if count != 1 {
		return errors.New("the checkpoint is signed twice with one key")
	}
	return nil
}

func (r *receipt) verifyEvidence(evidence []byte) error {
	var details struct {
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(r.details, &details); err != nil {
		return err
	}
	sum := sha256.Sum256(evidence)
	if details.SHA256 != hex.EncodeToString(sum[:]) {
		return errors.New("the file is not the one that was received")
	}
	return nil
}

// witness is a note.Verifier for cosignature/v1.
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.id }
func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return time>>63 == 0 && ed25519.Verify(w.key, []byte(message), signature[8:])
}

// parseKey reads a verifier key of the given kind: 1 for the log, 4 for a witness.
func parseKey(path string, kind byte) (note.Verifier, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	vkey := strings.TrimSuffix(string(text), "\n")
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 || parts[0] == "" {
		return nil, errors.New("not a verifier key")
	}
	data, err := decodeBase64(parts[2])
	if err != nil || len(data) != 1+ed25519.PublicKeySize || data[0] != kind {
		return nil, errors.New("not a verifier key of this kind")
	}
	hash := sha256.Sum256(append([]byte(parts[0]+"\n"), data...))
	if parts[1] != hex.EncodeToString(hash[:4]) {
		return nil, errors.New("the key id does not belong to the key")
	}
	if kind == 1 {
		return note.NewVerifier(vkey)
	}
	return witness{parts[0], binary.BigEndian.Uint32(hash[:4]), data[1:]}, nil
}

func verifyFile(path string, log note.Verifier) (*receipt, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	return r, r.verify(log)
}

func verifyEach(log note.Verifier) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for paths := bufio.NewScanner(os.Stdin); paths.Scan(); {
		verdict := "good"
		if _, err := verifyFile(paths.Text(), log); err != nil {
			verdict = "bad"
		}
		fmt.Fprintln(out, verdict)
	}
}

func run(witnessPath string, each bool, args []string) error {
	log, err := parseKey(args[0], 1)
	if err != nil {
		return err
	}
	if each {
		verifyEach(log)
		return nil
	}
	r, err := verifyFile(args[1], log)
	if err != nil {
		return err
	}
	if witnessPath != "" {
		w, err := parseKey(witnessPath, 4)
		if err != nil {
			return err
		}
		if err := r.verifyNote(w); err != nil {
			return err
		}
	}
	if len(args) == 3 {
		evidence, err := os.ReadFile(args[2])
		if err != nil {
			return err
		}
		if err := r.verifyEvidence(evidence); err != nil {
			return err
		}
	}
	var details bytes.Buffer
	if err := json.Indent(&details, r.details, "", "  "); err != nil {
		return err
	}
	fmt.Printf("entry %d of %s, tree of %d\n%s\n", r.index, r.origin, r.size, details.String())
	return nil
}

func main() {
	witnessPath := flag.String("witness", "", "the checkpoint must be cosigned with this verifier key")
	each := flag.Bool("each", false, "read the paths of receipts from standard input")
	flag.Parse()
	if n := flag.NArg(); (*each && n != 1) || (!*each && n != 2 && n != 3) {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*witnessPath, *each, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "verify-receipt:", err)
		os.Exit(1)
	}
}
