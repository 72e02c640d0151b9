package service

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/omarty/chat/internal/omarty"
)

// BlockUser makes the asker hear nothing more of a person: no direct room, no mention and
// no signal. Whom they blocked stays so. INVALID_INPUT for oneself; NOT_FOUND for who the
// asker does not see; TOO_LARGE for more than MaxBlocks.
func (s *Service) BlockUser(ctx context.Context, by Asker, whom omarty.ID) (omarty.User, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.User{}, err
	}
	if whom == by.User {
		return omarty.User{}, omarty.Errorf(omarty.CodeInvalidInput, "It is yourself.").At("user")
	}
	whom = ofKind(whom, omarty.KindUser)
	who, err := s.user(ctx, by, whom)
	if err != nil {
		return omarty.User{}, missing(err, "user")
	}
	var changed bool
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		// What is being written there comes before.
		room, err := tx.RoomOfPair(ctx, omarty.PairOf(by.User, whom))
		if err != nil {
			return err
		}
		if !room.IsZero() {
			if err := tx.HoldRooms(ctx, []omarty.ID{room}); err != nil {
				return err
			}
		}
		if changed, err = tx.Block(ctx, by.User, whom, s.now()); err != nil || !changed {
			return err
		}
		n, err := tx.Blocks(ctx, by.User)
		if err == nil && n > omarty.MaxBlocks {
			err = omarty.Errorf(omarty.CodeTooLarge, "At most %d people.", omarty.MaxBlocks).At("user")
		}
		return err
	})
	return who, s.blockChanged(ctx, by, changed, err)
}

// UnblockUser undoes BlockUser; nothing happens for who is not blocked.
func (s *Service) UnblockUser(ctx context.Context, by Asker, whom omarty.ID) error {
	var changed bool
	err := s.writeAs(ctx, by, func(ctx context.Context, tx Tx) (err error) {
		changed, err = tx.Unblock(ctx, by.User, ofKind(whom, omarty.KindUser))
		return err
	})
	return s.blockChanged(ctx, by, changed, err)
}

// blockChanged has what somebody listens to on this node heed it before they are
// answered; other nodes follow within presenceTick.
func (s *Service) blockChanged(ctx context.Context, by Asker, changed bool, err error) error {
	if err != nil || !changed {
		return err
	}
	s.viewerChanged(by.User, false)
	return s.blocks.refresh(ctx, s.Store, []omarty.ID{by.User})
}

// BlockedUsers gives a page of the people whom the asker blocked, the last one first.
func (s *Service) BlockedUsers(ctx context.Context, by Asker, page omarty.Page) (omarty.Slice[omarty.User], error) {
	return s.Store.BlockedUsers(ctx, by.User, page)
}

// blocks are those of the people who listen to signals on this node.
type blocks struct {
	mu     sync.Mutex
	byUser map[omarty.ID]*blocked
	// reading is held while it is read who is blocked, so that what is older is not
	// written over what is newer.
	reading sync.Mutex
}

// blocked is whom somebody blocked.
type blocked struct {
	listeners int
	people    atomic.Pointer[map[omarty.ID]struct{}]
}

// has tells whether a person is among them.
func (b *blocked) has(who omarty.ID) bool {
	people := b.people.Load()
	if people == nil {
		return false
	}
	_, is := (*people)[who]
	return is
}

// watch begins to know whom somebody blocked.
func (b *blocks) watch(ctx context.Context, from Store, who omarty.ID) (*blocked, error) {
	b.mu.Lock()
	if b.byUser == nil {
		b.byUser = map[omarty.ID]*blocked{}
	}
	one := b.byUser[who]
	if one == nil {
		one = &blocked{}
		b.byUser[who] = one
	}
	one.listeners++
	b.mu.Unlock()
	if one.people.Load() != nil {
		return one, nil
	}
	if err := b.refresh(ctx, from, []omarty.ID{who}); err != nil {
		b.unwatch(who)
		return nil, err
	}
	return one, nil
}

// unwatch undoes watch.
func (b *blocks) unwatch(who omarty.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.byUser[who]; one.listeners > 1 {
		one.listeners--
	} else {
		delete(b.byUser, who)
	}
}

// refresh reads whom those of the people blocked who listen; of all who do where they are
// nil.
func (b *blocks) refresh(ctx context.Context, from Store, people []omarty.ID) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	b.mu.Lock()
	known := make(map[omarty.ID]*blocked, len(b.byUser))
	if people == nil {
		for who, one := range b.byUser {
			known[who] = one
		}
	}
	for _, who := range people {
		if one := b.byUser[who]; one != nil {
			known[who] = one
		}
	}
	b.mu.Unlock()
	if len(known) == 0 {
		return nil
	}
	ids := make([]omarty.ID, 0, len(known))
	for who := range known {
		ids = append(ids, who)
	}
	found, err := from.BlockedBy(ctx, ids)
	if err != nil {
		return err
	}
	for who, one := range known {
		now := make(map[omarty.ID]struct{}, len(found[who]))
		for _, whom := range found[who] {
			now[whom] = struct{}{}
		}
		one.people.Store(&now)
	}
	return nil
}

// without gives what a signal tells but for the people who are blocked; nil where that is
// nothing.
func (b *blocked) without(signal omarty.RoomSignal) omarty.RoomSignal {
	switch told := signal.(type) {
	case omarty.Typing:
		if b.has(told.User.ID) {
			return nil
		}
	case omarty.ReadMark:
		if b.has(told.User.ID) {
			return nil
		}
	case omarty.PresenceChange:
		var users []omarty.User
		for _, u := range told.Users {
			if !b.has(u.ID) {
				users = append(users, u)
			}
		}
		if len(users) == 0 {
			return nil
		}
		return omarty.PresenceChange{Users: users}
	}
	return signal
}
