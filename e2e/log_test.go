package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// logWithoutRequests gives the end of the log, without the lines that tell of
// requests.
func (s *server) logWithoutRequests() string {
	var lines []string
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		if !strings.Contains(line, "level=INFO msg=request") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// checkLog tells what a program's log must not have: a race, a panic, a deadlock, and
// what came in a request and is nobody else's business.
func (s *server) checkLog() error {
	log := s.log.String() + s.out.String()
	var problems []error
	for _, word := range []string{"DATA RACE", "panic", "deadlock detected"} {
		if i := strings.Index(log, word); i >= 0 {
			problems = append(problems, fmt.Errorf("%s in the log:\n%s", word, clip(log[i:], 4000)))
		}
	}
	for _, secret := range secrets.list() {
		if i := strings.Index(log, secret); i >= 0 {
			problems = append(problems, fmt.Errorf("the log has %q, which came in a request:\n%s", secret, clip(log[max(0, i-200):], 600)))
		}
	}
	return errors.Join(problems...)
}

// transcript keeps what a program prints, to be read at any moment.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is for the program.
func (w *transcript) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

// String gives all that was printed so far.
func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func clip(s string, bytes int) string { return s[:min(len(s), bytes)] }

// marked are texts that came in requests, and must not be in a log.
type marked struct {
	mu    sync.Mutex
	texts map[string]bool
}

// secrets are those of all tests: what one told a server, no server may tell.
var secrets = &marked{texts: map[string]bool{}}

// secret marks a password, a token or what else came in a body, and gives it
// back. What is so short that it may stand in a log by chance is not marked.
func secret(s string) string {
	if len(s) >= 12 {
		secrets.mu.Lock()
		defer secrets.mu.Unlock()
		secrets.texts[s] = true
	}
	return s
}

func (m *marked) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for s := range m.texts {
		all = append(all, s)
	}
	return all
}
