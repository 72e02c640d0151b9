package service

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// outboxTick is how often it is looked for tasks that are due.
	outboxTick = 500 * time.Millisecond
	// outboxLease is for how long a node has a task for itself: longer than it may take.
	outboxLease = time.Minute
	// outboxTime is how long a task may take.
	outboxTime = 30 * time.Second
	// outboxAtOnce is how many of a kind are done at once.
	outboxAtOnce = 8
	// outboxRetry is after how long a task is tried again that failed, and twice as long
	// each time that it fails again, up to outboxLongest.
	outboxRetry   = 2 * time.Second
	outboxLongest = 10 * time.Minute
	// codeSweep is how often codes are removed that have ended.
	codeSweep = time.Hour
)

// Mail sends letters: mails, or messages to phones. An error says nothing of whom they were
// to; what it says is for the operator.
type Mail interface {
	Send(ctx context.Context, l omarty.Letter) error
}

// outbox wakes who does what is to be done outside. It alone owns that.
type outbox struct {
	woken map[omarty.TaskKind]chan struct{}
}

func newOutbox() outbox {
	o := outbox{map[omarty.TaskKind]chan struct{}{}}
	for _, kind := range omarty.TaskKinds {
		o.woken[kind] = make(chan struct{}, 1)
	}
	return o
}

// wake says that there may be letters to send. Resets wait for the next look: what they
// write beside other people's calls would tell, by the time of these, whose login it was.
func (o *outbox) wake() {
	for _, kind := range []omarty.TaskKind{omarty.TaskMail, omarty.TaskPhone} {
		select {
		case o.woken[kind] <- struct{}{}:
		default:
		}
	}
}

// WatchOutbox does what is to be done outside of the database as it falls due, until ctx
// ends: each task by one node, until it is done or of no use, and once unless a node dies
// between doing it and saying so. No kind of task waits for another. What keeps it from
// that goes to failed.
func (s *Service) WatchOutbox(ctx context.Context, failed func(error)) {
	var all sync.WaitGroup
	for _, kind := range omarty.TaskKinds {
		all.Go(func() { s.watchTasks(ctx, kind, failed) })
	}
	all.Go(func() {
		every(ctx, codeSweep, func(ctx context.Context) error {
			return s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.DropExpiredCodes(ctx, s.now()) })
		}, failed)
	})
	all.Wait()
}

// watchTasks does the tasks of a kind.
func (s *Service) watchTasks(ctx context.Context, kind omarty.TaskKind, failed func(error)) {
	tick := time.NewTicker(outboxTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.outbox.woken[kind]:
		}
		if err := s.doTasks(ctx, kind, failed); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

// doTasks does all tasks of a kind that are due.
func (s *Service) doTasks(ctx context.Context, kind omarty.TaskKind, failed func(error)) error {
	for ctx.Err() == nil {
		due, err := s.Store.TasksDue(ctx, kind, s.now())
		if err != nil || !due {
			return err
		}
		var tasks []omarty.Task
		err = s.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			now := s.now()
			tasks, err = tx.TakeTasks(ctx, kind, now, now.Add(outboxLease), outboxAtOnce)
			return err
		})
		if err != nil || len(tasks) == 0 {
			return err
		}
		var group sync.WaitGroup
		for _, t := range tasks {
			group.Go(func() {
				if err := s.doTask(ctx, t); err != nil && ctx.Err() == nil {
					failed(err)
				}
			})
		}
		group.Wait()
	}
	return nil
}

// doTask does one, and says so, or has it tried again.
func (s *Service) doTask(ctx context.Context, t omarty.Task) error {
	limited, cancel := context.WithTimeout(ctx, outboxTime)
	defer cancel()
	undone := s.attempt(limited, t)
	if undone == nil {
		return nil
	}
	retry := outboxRetry
	for range t.Attempts {
		retry = min(2*retry, outboxLongest)
	}
	err := s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.PutOffTask(ctx, t.ID, s.now().Add(retry)) })
	if err != nil {
		return err // it is tried again when its lease has ended
	}
	return undone
}

// attempt does a task.
func (s *Service) attempt(ctx context.Context, t omarty.Task) error {
	text, err := s.Secrets.Open(t.Sealed)
	if err != nil {
		return err // by the secret of another installation: it ends by itself
	}
	if t.Kind == omarty.TaskReset {
		var what resetTask
		if err := json.Unmarshal(text, &what); err != nil {
			return err
		}
		return s.doReset(ctx, t, what)
	}
	var l omarty.Letter
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	l.ID = t.ID.String()
	by := s.Mails
	if t.Kind == omarty.TaskPhone {
		by = s.Phones
	}
	if err := by.Send(ctx, l); err != nil {
		return err
	}
	return s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.RemoveTask(ctx, t.ID) })
}
