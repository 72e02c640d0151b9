package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// outboxTasks are tasks in memory.
type outboxTasks struct {
	mu    sync.Mutex
	tasks map[omarty.ID]omarty.Task
}

// outboxStore reads them.
type outboxStore struct {
	Store
	*outboxTasks
}

func (s outboxStore) TasksDue(_ context.Context, kind omarty.TaskKind, now time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tasks {
		if t.Kind == kind && !t.DueAt.After(now) {
			return true, nil
		}
	}
	return false, nil
}

// outboxTx writes to it.
type outboxTx struct {
	Tx
	of *outboxTasks
}

func (tx outboxTx) TakeTasks(_ context.Context, kind omarty.TaskKind, now, until time.Time, most int) ([]omarty.Task, error) {
	tx.of.mu.Lock()
	defer tx.of.mu.Unlock()
	var taken []omarty.Task
	for id, t := range tx.of.tasks {
		switch {
		case !now.Before(t.ExpiresAt):
			delete(tx.of.tasks, id)
		case t.Kind == kind && !t.DueAt.After(now) && len(taken) < most:
			taken = append(taken, t)
			t.DueAt = until
			t.Attempts++
			tx.of.tasks[id] = t
		}
	}
	return taken, nil
}

func (tx outboxTx) PutOffTask(_ context.Context, id omarty.ID, until time.Time) error {
	tx.of.mu.Lock()
	defer tx.of.mu.Unlock()
	if t, ok := tx.of.tasks[id]; ok {
		t.DueAt = until
		tx.of.tasks[id] = t
	}
	return nil
}

func (tx outboxTx) RemoveTask(_ context.Context, id omarty.ID) error {
	tx.of.mu.Lock()
	defer tx.of.mu.Unlock()
	delete(tx.of.tasks, id)
	return nil
}

func (tx outboxTx) DropExpiredCodes(context.Context, time.Time) error { return nil }

func (tx outboxTx) AddTask(_ context.Context, t omarty.Task) error {
	tx.of.mu.Lock()
	defer tx.of.mu.Unlock()
	tx.of.tasks[t.ID] = t
	return nil
}

// openSecrets seals nothing.
type openSecrets struct{ Secrets }

func (openSecrets) Seal(text []byte) []byte            { return text }
func (openSecrets) Open(sealed []byte) ([]byte, error) { return sealed, nil }

// sender notes when it is asked to send, and does as send does.
type sender struct {
	mu    sync.Mutex
	times []time.Duration
	begun time.Time
	send  func(ctx context.Context, try int) error
}

func (s *sender) Send(ctx context.Context, _ omarty.Letter) error {
	s.mu.Lock()
	s.times = append(s.times, time.Since(s.begun).Round(time.Second))
	try := len(s.times)
	s.mu.Unlock()
	return s.send(ctx, try)
}

// tried tells how often it was asked.
func (s *sender) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// watchOutbox runs a test beside an outbox with one letter of each way, which is of use
// for ten minutes.
func watchOutbox(t *testing.T, mails, phones *sender, test func(*outboxTasks, *[]error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		mails.begun, phones.begun = time.Now(), time.Now()
		kept := &outboxTasks{tasks: map[omarty.ID]omarty.Task{}}
		tx := outboxTx{of: kept}
		s := New(Parts{
			Store: outboxStore{outboxTasks: kept}, Mails: mails, Phones: phones, Secrets: openSecrets{}, Now: time.Now, Region: "EG",
			Write: func(ctx context.Context, change func(context.Context, Tx) error) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return change(ctx, tx)
			},
		})
		for _, by := range []omarty.Contact{omarty.ContactEmail, omarty.ContactPhone} {
			if err := s.sendLetter(t.Context(), tx, by, omarty.Letter{To: "x", Text: "y"}, time.Now().Add(omarty.CodeLifetime)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var failures []error
		var watching sync.WaitGroup
		watching.Go(func() {
			s.WatchOutbox(ctx, func(err error) { mu.Lock(); defer mu.Unlock(); failures = append(failures, err) })
		})
		s.outbox.wake()
		test(kept, &failures)
		cancel()
		watching.Wait()
	})
}

// A letter that cannot be sent is tried again, each time after twice as long, until it is
// of no use; one that is sent is not.
func TestOutboxTriesAgain(t *testing.T) {
	refused := errors.New("refused")
	mails := &sender{send: func(context.Context, int) error { return refused }}
	phones := &sender{send: func(_ context.Context, try int) error {
		if try < 3 {
			return refused
		}
		return nil
	}}
	watchOutbox(t, mails, phones, func(kept *outboxTasks, failures *[]error) {
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, 2 * time.Second, 6 * time.Second}; !slices.EqualFunc(phones.times, want, near) {
			t.Errorf("tried after %v, and not %v", phones.times, want)
		}
		want := []time.Duration{0, 2 * time.Second, 6 * time.Second, 14 * time.Second, 30 * time.Second, 62 * time.Second, 126 * time.Second, 254 * time.Second, 510 * time.Second}
		if !slices.EqualFunc(mails.times, want, near) {
			t.Errorf("tried after %v, and not %v", mails.times, want)
		}
		if len(kept.tasks) > 0 {
			t.Errorf("%d letters are kept that are of no use", len(kept.tasks))
		}
		if len(*failures) != 2+len(want) {
			t.Errorf("%d failures are told of", len(*failures))
		}
	})
}

// near allows for the ticks between which a letter falls due.
func near(got, want time.Duration) bool { return got >= want && got <= want+want/20+3*time.Second }

// A mail server that does not answer keeps nobody's phone waiting, and what it costs ends.
func TestOutboxWaysDoNotWaitForEachOther(t *testing.T) {
	mails := &sender{send: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
	phones := &sender{send: func(context.Context, int) error { return nil }}
	watchOutbox(t, mails, phones, func(*outboxTasks, *[]error) {
		synctest.Wait()
		if mails.tried() != 1 || phones.tried() != 1 {
			t.Errorf("at once %d mails and %d messages are tried", mails.tried(), phones.tried())
		}
		time.Sleep(outboxTime + 5*time.Second)
		synctest.Wait()
		if mails.tried() != 2 {
			t.Errorf("a mail that took too long was tried %d times", mails.tried())
		}
	})
}

// What is under way when the program stops is for the next one, and tells of no failure.
func TestOutboxStops(t *testing.T) {
	mails := &sender{send: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
	phones := &sender{send: func(context.Context, int) error { return nil }}
	var after *outboxTasks
	var told *[]error
	watchOutbox(t, mails, phones, func(kept *outboxTasks, failures *[]error) {
		synctest.Wait()
		after, told = kept, failures
	})
	if len(after.tasks) != 1 || len(*told) != 0 {
		t.Errorf("%d letters are left, and told is of %v", len(after.tasks), *told)
	}
}
