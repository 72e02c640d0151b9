// Package secret does what an installation's key is for: it marks what only the
// installation can have made, and seals what only it may read.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// KeyLength is how many bytes a key has at least that is random through and through.
const KeyLength = 32

// Keeper has the key. It is safe for concurrent use.
type Keeper struct {
	mac  []byte
	seal cipher.AEAD
}

// New gives the keeper of a key of whatever length, which is a secret. The keys for
// marks and seals are derived from it (HKDF, RFC 5869), so that neither tells of the other.
func New(key []byte) (*Keeper, error) {
	if len(key) < KeyLength {
		return nil, errors.New("the key is too short")
	}
	mac, err := hkdf.Key(sha256.New, key, nil, "omarty-chat marks", 32)
	if err != nil {
		return nil, err
	}
	seal, err := hkdf.Key(sha256.New, key, nil, "omarty-chat seals", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Keeper{mac, aead}, nil
}

// Mark gives 32 bytes by which nobody without the key comes: HMAC-SHA-256 (RFC 2104) of
// what it is for and of the parts, whose lengths are part of it. Compare marks with
// hmac.Equal.
func (k *Keeper) Mark(purpose string, parts ...string) []byte {
	h := hmac.New(sha256.New, k.mac)
	for _, part := range append([]string{purpose}, parts...) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// Seal gives a text that Open alone reads: AES-256 in GCM with a random nonce (NIST SP
// 800-38D), for up to 2³² seals of a key.
func (k *Keeper) Seal(text []byte) []byte { return k.seal.Seal(nil, nil, text, nil) } //nolint:gosec // NewGCMWithRandomNonce makes the nonce

// Open gives the text that was sealed: an error where it was sealed by another key, or
// was changed since.
func (k *Keeper) Open(sealed []byte) ([]byte, error) { return k.seal.Open(nil, nil, sealed, nil) }
