package remote

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

var (
	validFunction = regexp.MustCompile(`^[A-Za-z0-9_-]+@[A-Za-z0-9_-]+$`)
	validStream   = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// maxName bounds the length of the name of a function or a stream, in bytes.
const maxName = 100

// CheckName returns an error that says what is wrong with the name of a function,
// and nil for a name that Define accepts: NAME@VERSION, each of letters, digits,
// "_" and "-", at most 100 bytes in all.
func CheckName(name string) error {
	if len(name) > maxName || !validFunction.MatchString(name) {
		return fmt.Errorf("remote: function name %q is not NAME@VERSION of letters, digits, _ and -, at most %d bytes", name, maxName)
	}
	return nil
}

// names are the streams and subjects of an engine; the value is their common
// prefix, the name given to Stream.
//
//	PREFIX.task.FUNCTION.TOKEN           in stream PREFIX-tasks
//	PREFIX.out.FUNCTION.TOKEN.ok|dead    in stream PREFIX-outcomes
//	PREFIX.failed.FUNCTION.TOKEN         in stream PREFIX-outcomes
//	PREFIX.done.FUNCTION.TOKEN           a stored outcome, published again for who waits
type names string

func (n names) tasks() string    { return string(n) + "-tasks" }
func (n names) outcomes() string { return string(n) + "-outcomes" }

func (n names) task(function, token string) string {
	return string(n) + ".task." + function + "." + token
}

func (n names) failed(function, token string) string {
	return string(n) + ".failed." + function + "." + token
}

// outcome matches both subjects an outcome of the task can have, so that one
// condition on it admits only the first.
func (n names) outcome(function, token string) string {
	return string(n) + ".out." + function + "." + token + ".*"
}

func (n names) done(function, token string) string {
	return string(n) + ".done." + function + "." + token
}

// The last token of the subject of an outcome.
const (
	kindOK   = "ok"
	kindDead = "dead"
)

// withKind is the subject of an outcome, made from what matches both.
func withKind(outcome, kind string) string { return strings.TrimSuffix(outcome, "*") + kind }

// kind is what an ID names, so that a task, a part of a batch and an item of one
// never share a token.
type kind byte

const (
	single kind = 't' // a task of its own
	part   kind = 'b' // a message of a batch
	member kind = 'i' // an item of a batch
)

// token is what stands for an ID in a subject, where most characters have a
// meaning or are forbidden.
func token(k kind, id string) string {
	sum := sha256.Sum256(append([]byte{byte(k)}, id...))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// newID returns an ID that no other task has.
func newID() string { return rand.Text() }
