// Package password hashes passwords and compares them with their hashes, at a
// cost to who guesses and at a bounded cost to the machine.
package password

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"

	"github.com/omarty/chat/internal/omarty"
)

// parameters are those that the OWASP Password Storage Cheat Sheet names first
// after the largest: 19 MiB of memory, two passes, one lane.
var parameters = &argon2id.Params{
	Memory:      19 * 1024, // KiB
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16, // bytes
	KeyLength:   32, // bytes
}

// patience is how long somebody waits for a core before being told to come back.
const patience = 5 * time.Second

// Hasher lets as many hashes be computed at once as there are cores. It is safe
// for concurrent use.
type Hasher struct {
	cores *semaphore.Weighted
	decoy string
}

// NewHasher gives a Hasher for this machine.
func NewHasher() *Hasher {
	return &Hasher{semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), newDecoy()}
}

// newDecoy gives what looks like a hash, of a password that nobody knows: to compute one
// would take a start 20 ms.
func newDecoy() string {
	p := parameters
	salt, key := make([]byte, p.SaltLength), make([]byte, p.KeyLength)
	_, _ = rand.Read(salt) // never fails
	_, _ = rand.Read(key)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Iterations, p.Parallelism, encode(salt), encode(key))
}

// Turn waits for a core, first come, first served. Who has one may call Hash or
// Matches, and calls done after. Who waited for five seconds, or whose ctx ended,
// gets UNAVAILABLE.
func (h *Hasher) Turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := h.cores.Acquire(ctx, 1); err != nil {
		return nil, omarty.Errorf(omarty.CodeUnavailable, "Too many people are logging in at once; try again.")
	}
	return func() { h.cores.Release(1) }, nil
}

// Hash gives the argon2id hash of a password, with a new salt, in PHC string
// format. About 20 ms of a core.
func (h *Hasher) Hash(password string) (string, error) {
	return argon2id.CreateHash(password, parameters)
}

// Matches tells whether a password has a hash. Against an empty hash, it takes as
// long as against any other and is false: so nobody learns from the time whether
// there was a hash to compare with.
func (h *Hasher) Matches(password, hash string) (bool, error) {
	if hash == "" {
		_, err := argon2id.ComparePasswordAndHash(password, h.decoy)
		return false, err
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}
