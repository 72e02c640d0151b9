//go:build bench

package main

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// remembering are verbs that answer from memory what they were asked before: the reads
// of one person that screens are made of.
type remembering struct {
	graph.Verbs

	mu   sync.RWMutex
	kept map[memoryOf]any
}

// memoryOf names an answer: the verb, and the ids it was asked for, in any order.
type memoryOf struct {
	verb string
	ids  uint64
	n    int
}

func remembered[T any](r *remembering, verb string, ids []omarty.ID, ask func() (T, error)) (T, error) {
	key := memoryOf{verb: verb, n: len(ids)}
	for _, id := range ids {
		key.ids ^= binary.LittleEndian.Uint64(id.Row[8:])
	}
	r.mu.RLock()
	found, ok := r.kept[key]
	r.mu.RUnlock()
	if ok {
		return found.(T), nil
	}
	answer, err := ask()
	if err == nil {
		r.mu.Lock()
		r.kept[key] = answer
		r.mu.Unlock()
	}
	return answer, err
}

func (r *remembering) Authenticate(ctx context.Context, token omarty.Token) (service.Asker, error) {
	return remembered(r, "Authenticate", nil, func() (service.Asker, error) { return r.Verbs.Authenticate(ctx, token) })
}

func (r *remembering) Account(ctx context.Context, by service.Asker) (omarty.Account, error) {
	return remembered(r, "Account", nil, func() (omarty.Account, error) { return r.Verbs.Account(ctx, by) })
}

func (r *remembering) Room(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Room, error) {
	return remembered(r, "Room", []omarty.ID{id}, func() (omarty.Room, error) { return r.Verbs.Room(ctx, by, id) })
}

func (r *remembering) Rooms(ctx context.Context, by service.Asker, page omarty.Page) (omarty.Slice[omarty.Room], error) {
	return remembered(r, "Rooms", nil, func() (omarty.Slice[omarty.Room], error) { return r.Verbs.Rooms(ctx, by, page) })
}

func (r *remembering) Messages(ctx context.Context, by service.Asker, room omarty.ID, w omarty.MessageWindow) (service.MessagePage, error) {
	return remembered(r, "Messages", nil, func() (service.MessagePage, error) { return r.Verbs.Messages(ctx, by, room, w) })
}

func (r *remembering) RoomsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Room, error) {
	return remembered(r, "RoomsByID", ids, func() (map[omarty.ID]omarty.Room, error) { return r.Verbs.RoomsByID(ctx, ids) })
}

func (r *remembering) MessagesByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Message, error) {
	return remembered(r, "MessagesByID", ids, func() (map[omarty.ID]omarty.Message, error) { return r.Verbs.MessagesByID(ctx, ids) })
}

func (r *remembering) MessagesFor(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID]omarty.Message, error) {
	return remembered(r, "MessagesFor", ids, func() (map[omarty.ID]omarty.Message, error) { return r.Verbs.MessagesFor(ctx, by, ids) })
}

func (r *remembering) Users(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.User, error) {
	return remembered(r, "Users", ids, func() (map[omarty.ID]omarty.User, error) { return r.Verbs.Users(ctx, ids) })
}

func (r *remembering) Buildings(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID]omarty.Building, error) {
	return remembered(r, "Buildings", ids, func() (map[omarty.ID]omarty.Building, error) { return r.Verbs.Buildings(ctx, by, ids) })
}

func (r *remembering) Readings(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID]omarty.Reading, error) {
	return remembered(r, "Readings", ids, func() (map[omarty.ID]omarty.Reading, error) { return r.Verbs.Readings(ctx, by, ids) })
}

func (r *remembering) Counterparts(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID]omarty.Counterpart, error) {
	return remembered(r, "Counterparts", ids, func() (map[omarty.ID]omarty.Counterpart, error) { return r.Verbs.Counterparts(ctx, by, ids) })
}

func (r *remembering) PollsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error) {
	return remembered(r, "PollsByID", ids, func() (map[omarty.ID]omarty.Poll, error) { return r.Verbs.PollsByID(ctx, ids) })
}

func (r *remembering) Reactions(ctx context.Context, ids []omarty.ID) (map[omarty.ID][]omarty.Reaction, error) {
	return remembered(r, "Reactions", ids, func() (map[omarty.ID][]omarty.Reaction, error) { return r.Verbs.Reactions(ctx, ids) })
}

func (r *remembering) OwnReactions(ctx context.Context, by service.Asker, ids []omarty.ID) (map[omarty.ID][]omarty.Emoji, error) {
	return remembered(r, "OwnReactions", ids, func() (map[omarty.ID][]omarty.Emoji, error) { return r.Verbs.OwnReactions(ctx, by, ids) })
}
