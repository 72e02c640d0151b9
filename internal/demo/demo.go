// Package demo furnishes an empty server with two made-up buildings: people, a week
// of talk, and residents who go on talking. Like a door it comes to everything
// through the verbs, as the people would by themselves; so what it leaves is what
// the verbs allow.
package demo

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// Verbs are the verbs that the demo's people need; see internal/service.
type Verbs interface {
	Register(ctx context.Context, by service.Asker, in service.Registration) (omarty.User, error)
	LogIn(ctx context.Context, by service.Asker, in service.LogIn) (service.SignedIn, error)
	CreateBuilding(ctx context.Context, by service.Asker, in service.NewBuilding) (omarty.Building, error)
	AddApartments(ctx context.Context, by service.Asker, id omarty.ID, in []omarty.NewApartment) (omarty.Building, []omarty.Apartment, error)
	RoomsIn(ctx context.Context, by service.Asker, building omarty.ID, page omarty.Page) (omarty.Slice[omarty.Room], error)
	CreateInvitation(ctx context.Context, by service.Asker, in service.NewInvitation) (omarty.Invitation, error)
	JoinBuilding(ctx context.Context, by service.Asker, code string, apartment omarty.ID) (omarty.Membership, error)
	MembershipIn(ctx context.Context, by service.Asker, building omarty.ID) (omarty.Membership, error)
	ApproveMembership(ctx context.Context, by service.Asker, id omarty.ID, apartments []omarty.ID) (omarty.Membership, error)
	SetMemberRole(ctx context.Context, by service.Asker, id omarty.ID, role omarty.MembershipRole) (omarty.Membership, error)
	EndMembership(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Membership, error)
	SendMessage(ctx context.Context, by service.Asker, in service.NewMessage) (m omarty.Message, replayed bool, err error)
	EditMessage(ctx context.Context, by service.Asker, in service.Edit) (omarty.Message, error)
	DeleteMessage(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Message, error)
	AddReaction(ctx context.Context, by service.Asker, id omarty.ID, emoji string) (omarty.Message, error)
	PinMessage(ctx context.Context, by service.Asker, id omarty.ID) (omarty.Message, error)
	Vote(ctx context.Context, by service.Asker, message omarty.ID, options []omarty.ID, apartment omarty.ID) (omarty.Message, error)
	PollsByID(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error)
	AcknowledgeNotice(ctx context.Context, by service.Asker, message omarty.ID, textSeq int) (omarty.Message, error)
	CreateRoom(ctx context.Context, by service.Asker, in service.NewGroup) (omarty.Room, error)
	OpenDirectRoom(ctx context.Context, by service.Asker, with omarty.ID) (omarty.Room, error)
}

// Clock is what the verbs go by: while a town is settled, the moment that its past
// is at; else the machine's clock. The zero Clock is ready.
type Clock struct{ past atomic.Pointer[time.Time] }

// Now gives the time.
func (c *Clock) Now() time.Time {
	if at := c.past.Load(); at != nil {
		return *at
	}
	return time.Now()
}

func (c *Clock) set(at time.Time) { c.past.Store(&at) }

// comeBack goes back to the machine's clock.
func (c *Clock) comeBack() { c.past.Store(nil) }
