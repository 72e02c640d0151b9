package store_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/omarty/chat/internal/testkit"
)

// Nodes that start together have one secret, and so do those that start later.
func TestSecret(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		s := open(t, db)
		secrets := make([][]byte, 8)
		var group sync.WaitGroup
		for i := range secrets {
			group.Go(func() {
				var err error
				if secrets[i], err = s.Secret(t.Context(), "installation"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, secret := range secrets {
			if len(secret) != 32 || !bytes.Equal(secret, secrets[0]) {
				t.Errorf("%x and %x", secret, secrets[0])
			}
		}
		other, err := s.Secret(t.Context(), "another")
		must(t, err)
		if bytes.Equal(other, secrets[0]) {
			t.Error("two names have the same secret")
		}
	})
}
