package graph

import (
	"cmp"
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (q queries) Room(ctx context.Context, id omarty.ID) (*omarty.Room, error) {
	return orNull(q.verbs.Room(ctx, asker(ctx), id))
}

func (v viewers) Rooms(ctx context.Context, of *omarty.Account, first int, after *string) (*generated.RoomConnection, error) {
	return roomPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Room], error) {
		return v.verbs.Rooms(ctx, owner(of), p)
	})
}

func (r *resolver) Room() generated.RoomResolver                       { return rooms{r} }
func (r *resolver) RoomParticipant() generated.RoomParticipantResolver { return participants{r} }

type (
	rooms        struct{ *resolver }
	participants struct{ *resolver }
)

func (rooms) Building(ctx context.Context, of *omarty.Room) (*omarty.Building, error) {
	return byID(ctx, load(ctx).buildings, of.Building)
}

func (r rooms) Events(ctx context.Context, of *omarty.Room, after int, logID *omarty.ID, first int) (*generated.RoomEventPage, error) {
	page, err := r.verbs.Events(ctx, asker(ctx), *of, service.Position{After: &after, Log: logID}, first)
	if err != nil {
		return nil, err
	}
	load(ctx).foreseeEvents(page.Events)
	return &generated.RoomEventPage{Nodes: page.Events, EndSeq: page.EndSeq, HasNextPage: page.More}, nil
}

func (r rooms) Participants(ctx context.Context, of *omarty.Room, first int, after *string) (*generated.RoomParticipantConnection, error) {
	return participantPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Participant], error) {
		return r.verbs.Participants(ctx, asker(ctx), of.ID, p)
	})
}

func (r rooms) ViewerName(ctx context.Context, of *omarty.Room) (string, error) {
	other, err := r.ViewerCounterpart(ctx, of)
	if err != nil || other == nil {
		return of.Name, err
	}
	return other.Name, nil
}

func (rooms) ViewerCounterpart(ctx context.Context, of *omarty.Room) (*omarty.User, error) {
	if of.Kind != omarty.RoomDirect {
		return nil, nil
	}
	other, _, err := load(ctx).counterparts.get(ctx, of.ID)
	if err != nil {
		return nil, err
	}
	return byID(ctx, load(ctx).users, other.User)
}

func (rooms) ViewerNotifications(ctx context.Context, of *omarty.Room) (omarty.NotificationLevel, error) {
	reading, err := readingOf(ctx, of)
	return cmp.Or(reading.Level, omarty.NotifyAll), err
}

func (rooms) ViewerPosting(ctx context.Context, of *omarty.Room) (*omarty.Posting, error) {
	return byID(ctx, load(ctx).postings, of.ID)
}

func (participants) User(ctx context.Context, of *omarty.Participant) (*omarty.User, error) {
	return byID(ctx, load(ctx).users, of.User)
}
