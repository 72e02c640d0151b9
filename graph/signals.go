package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) SetTyping(ctx context.Context, room omarty.ID, active bool) (*generated.SetTypingPayload, error) {
	if err := m.verbs.SetTyping(ctx, asker(ctx), room, active); err != nil {
		return nil, err
	}
	return &generated.SetTypingPayload{RoomID: room}, nil
}

func (s subscriptions) RoomSignals(ctx context.Context, room omarty.ID) (<-chan omarty.RoomSignal, error) {
	watch, err := s.verbs.WatchSignals(ctx, asker(ctx), room)
	if err != nil {
		return nil, err
	}
	signals := make(chan omarty.RoomSignal)
	go signal(ctx, watch, signals)
	return signals, nil
}

// signal gives a subscription its signals. The executor takes one at a time: what comes
// meanwhile is merged.
func signal(ctx context.Context, watch *service.SignalWatch, signals chan<- omarty.RoomSignal) {
	defer close(signals)
	defer watch.Close()
	for {
		next, err := watch.Next(ctx)
		if err != nil {
			if ctx.Err() == nil {
				live.Fail(ctx, faultOf(err))
			}
			return
		}
		select {
		case signals <- next:
		case <-ctx.Done():
			return
		}
	}
}

func (r *resolver) ReadMark() generated.ReadMarkResolver { return readMarks{r} }

type readMarks struct{ *resolver }

// Participant brings what is asked below it, so that nothing is read for each listener.
func (readMarks) Participant(ctx context.Context, of *omarty.ReadMark) (*omarty.Participant, error) {
	load(ctx).users.know(map[omarty.ID]omarty.User{of.User.ID: of.User})
	load(ctx).readSeqs.know(map[omarty.ID]int{of.Participant.ID: of.Seq})
	return &of.Participant, nil
}

func (u users) Presence(_ context.Context, of *omarty.User) (*omarty.Presence, error) {
	return u.verbs.Presence(*of), nil
}
