package password

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

func mustHash(t *testing.T, h *Hasher, password string) string {
	t.Helper()
	hash, err := h.Hash(password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestPasswordMatchesItsHashAlone(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	hash := mustHash(t, h, "correct horse")
	long := strings.Repeat("م", omarty.MaxPasswordLength)
	for _, c := range []struct {
		password, hash string
		want           bool
	}{
		{"correct horse", hash, true},
		{"correct horsf", hash, false},
		{"Correct horse", hash, false},
		{"correct horse ", hash, false},
		{"correct horse\x00", hash, false},
		{"", hash, false},
		{"t", mustHash(t, h, "t"), true}, // the legacy form takes one character
		{long, mustHash(t, h, long), true},
		{long[:len(long)-2], mustHash(t, h, long), false},
	} {
		if got, err := h.Matches(c.password, c.hash); got != c.want || err != nil {
			t.Errorf("%.20q matches %.20q: %v, %v; want %v", c.password, c.hash, got, err, c.want)
		}
	}
}

// Two people with one password have two hashes, so that who reads the table does
// not see it.
func TestHashesAreSalted(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	if one, other := mustHash(t, h, "correct horse"), mustHash(t, h, "correct horse"); one == other {
		t.Errorf("the hash is %s both times", one)
	}
}

func TestHashTellsItsParameters(t *testing.T) {
	t.Parallel()
	hash := mustHash(t, NewHasher(), "correct horse")
	const owasp = "$argon2id$v=19$m=19456,t=2,p=1$"
	if !strings.HasPrefix(hash, owasp) {
		t.Errorf("%s, want %s…", hash, owasp)
	}
	if parts := strings.Split(hash, "$"); len(parts) != 6 || len(parts[4]) != 22 || len(parts[5]) != 43 {
		t.Errorf("%s, want a salt of 16 bytes and a key of 32", hash)
	}
}

func TestNobodyHasTheEmptyHash(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	for _, password := range []string{"", "correct horse", h.decoy} {
		if got, err := h.Matches(password, ""); got || err != nil {
			t.Errorf("%q matches: %v, %v", password, got, err)
		}
	}
	// The work against nothing is the work against something: the decoy has the same
	// parameters.
	if own := mustHash(t, h, "x"); own[:strings.LastIndex(own, ",p=")] != h.decoy[:strings.LastIndex(h.decoy, ",p=")] || len(own) != len(h.decoy) {
		t.Errorf("the decoy is %s, and a hash %s", h.decoy, own)
	}
	if other := NewHasher(); other.decoy == h.decoy {
		t.Error("the decoy is known beforehand")
	}
}

func TestHashThatIsNone(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	for _, hash := range []string{"x", "$argon2id$", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"} {
		if got, err := h.Matches("x", hash); got || err == nil {
			t.Errorf("%s matches: %v, %v", hash, got, err)
		}
	}
}

// takeAll takes a turn for each core.
func takeAll(t *testing.T, h *Hasher) (done []func()) {
	t.Helper()
	for range runtime.GOMAXPROCS(0) {
		release, err := h.Turn(t.Context())
		if err != nil {
			t.Fatalf("no turn, with a core free: %v", err)
		}
		done = append(done, release)
	}
	return done
}

func TestTurnsAreAsManyAsCores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		done := takeAll(t, h)
		got := make(chan error)
		for range 2 {
			go func() {
				release, err := h.Turn(t.Context())
				if err == nil {
					defer release()
				}
				got <- err
			}()
		}
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("there were more turns than cores")
		default:
		}
		time.Sleep(patience - 1)
		done[0]()
		// The one that waits takes over, and hands on to the next.
		for range 2 {
			if err := <-got; err != nil {
				t.Errorf("the next did not get the core that was free: %v", err)
			}
		}
		for _, release := range done[1:] {
			release()
		}
		takeAll(t, h)
	})
}

func TestPatienceEndsAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		done := takeAll(t, h)
		start := time.Now()
		release, err := h.Turn(t.Context())
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("it waited for %v", waited)
		}
		if omarty.CodeOf(err) != omarty.CodeUnavailable || release != nil {
			t.Errorf("the answer is %v", err)
		}
		// Who gave up takes no turn from those who come later.
		for _, release := range done {
			release()
		}
		takeAll(t, h)
	})
}

func TestTurnsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		done := takeAll(t, h)
		const waiting = 5
		order := make(chan int, waiting)
		for i := range waiting {
			go func() {
				release, err := h.Turn(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order <- i
				release()
			}()
			synctest.Wait()
		}
		done[0]()
		synctest.Wait()
		for want := range waiting {
			if got := <-order; got != want {
				t.Errorf("number %d came as %d", got, want)
			}
		}
	})
}

// Who has gone waits no longer, whether they were waiting or just came.
func TestTurnEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		takeAll(t, h)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error)
		go func() {
			_, err := h.Turn(ctx)
			got <- err
		}()
		synctest.Wait()
		start := time.Now()
		cancel()
		for range 2 {
			if err := <-got; omarty.CodeOf(err) != omarty.CodeUnavailable || time.Since(start) != 0 {
				t.Errorf("after %v the answer is %v", time.Since(start), err)
			}
			go func() {
				_, err := h.Turn(ctx)
				got <- err
			}()
		}
		<-got
	})
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash("correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}
