package service

import (
	"context"
	"slices"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// forgetTime is how long who erases their account waits for the last of what names
	// them to be cleared; what is left then is cleared while the service serves.
	forgetTime = 2 * time.Second
	// forgetAfter is how old an erasure is whose rest another node clears.
	forgetAfter = 30 * time.Second
	// erasureMargin is how much earlier than the last look the next one begins: clocks
	// differ, and a transaction takes its time.
	erasureMargin = time.Minute
)

// EraseAccount erases the asker: their name, addresses, password, sessions, read marks and
// avatar are gone, and they have left all buildings and rooms; their messages stay, without
// an author. INVALID_CREDENTIALS for password; RATE_LIMITED; CONFLICT where a building would
// have no manager, or the password was changed meanwhile.
//
// When it answers, nothing that this node keeps names them; other nodes follow within
// logCheck.
func (s *Service) EraseAccount(ctx context.Context, by Asker, password string) (omarty.ID, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.ID{}, err
	}
	giveBack, err := s.count(ctx, passwordChanges, by.User.String())
	if err != nil {
		return omarty.ID{}, err
	}
	known, err := s.Store.CredentialsOf(ctx, by.User)
	if err != nil {
		return omarty.ID{}, err
	}
	if err := s.prove(ctx, known, password); err != nil {
		return omarty.ID{}, omarty.At(err, "password")
	}
	giveBack()
	// That they type no more is said by their name, while they have one.
	s.stopTyping(by.User, true)
	err = s.Write(ctx, func(ctx context.Context, tx Tx) error { return s.erase(ctx, tx, by, known) })
	if err != nil {
		return omarty.ID{}, err
	}
	s.erased(by.User)
	// They are gone; that the rest takes its time, or fails now, changes nothing for them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTime)
	defer cancel()
	_ = s.forget(ctx, by.User)
	return by.User, nil
}

// erased drops all that this node keeps of somebody who was erased.
func (s *Service) erased(who omarty.ID) {
	s.sessionsEnded(omarty.Ended{User: who})
	s.stopTyping(who, false)
	s.marks.forget(who)
	s.Signals.Forget(who)
	s.Logs.Forget()
}

// erase is the transaction of EraseAccount. It begins with the sessions: who writes with
// one of them does so before, and nobody after it.
func (s *Service) erase(ctx context.Context, tx Tx, by Asker, known omarty.Credentials) error {
	now := s.now()
	good, err := tx.HoldSessions(ctx, by.User, now)
	if err != nil {
		return err
	}
	if !slices.Contains(good, by.Session) {
		return Asker{}.SignedIn()
	}
	memberships, err := tx.MembershipsOf(ctx, by.User)
	if err != nil {
		return err
	}
	for _, m := range memberships {
		if _, err := tx.LockBuilding(ctx, m.Building); err != nil {
			return err
		}
	}
	// Under the locks they are read again: a manager may have changed one meanwhile.
	if memberships, err = tx.MembershipsOf(ctx, by.User); err != nil {
		return err
	}
	for _, m := range memberships {
		if err := s.keepManager(ctx, tx, m); err != nil {
			if omarty.CodeOf(err) == omarty.CodeConflict {
				return omarty.Errorf(omarty.CodeConflict, "You are the only manager of a building; make somebody else a manager of it first.")
			}
			return err
		}
	}
	erased, err := tx.Erase(ctx, known, now)
	if err != nil {
		return err
	}
	if !erased {
		return omarty.Errorf(omarty.CodeConflict, "The password was changed meanwhile.").At("password")
	}
	for _, m := range memberships {
		if err := s.letGo(ctx, tx, m, now); err != nil {
			return err
		}
	}
	left, err := tx.LeaveAll(ctx, by.User, now)
	if err != nil {
		return err
	}
	for _, room := range left {
		tx.Append(omarty.Event{Room: room, At: now, Kind: omarty.EventMemberLeft, Actor: by.User, Member: by.User})
	}
	return tx.Record(ctx, omarty.AuditRecord{ID: omarty.NewID(omarty.KindAuditEntry), At: now, Action: omarty.ActionEraseAccount})
}

// letGo ends a membership of who is erased. That one who was in the building, or wanted
// to be, is gone, its log tells without saying who.
func (s *Service) letGo(ctx context.Context, tx Tx, m omarty.Membership, now time.Time) error {
	if err := tx.LetGo(ctx, m.ID); err != nil || !m.Active() && m.Status != omarty.StatusPending {
		return err
	}
	return tx.Record(ctx, omarty.AuditRecord{
		ID: omarty.NewID(omarty.KindAuditEntry), At: now, Action: omarty.ActionEndMembership, Building: m.Building, Subject: m.ID,
	})
}

// forget clears, step by step, what still points at who was erased, until nothing does or
// ctx ends.
func (s *Service) forget(ctx context.Context, who omarty.ID) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			more, err = tx.ForgetSome(ctx, who, s.now())
			return err
		})
		if err != nil {
			return err
		}
	}
	// Messages have lost the apartment that they were written from.
	s.Logs.Forget()
	return s.Store.Scrub(ctx)
}

// WatchErasures reads every logCheck who was erased, until ctx ends: what this node keeps
// of what rooms' logs said is dropped then, and what a node that went down left to be
// cleared is cleared. What keeps it from that goes to failed, and it looks again.
func (s *Service) WatchErasures(ctx context.Context, failed func(error)) {
	// Each counts once when it is erased, and once when it is forgotten.
	seen, looked := map[omarty.Erasure]struct{}{}, s.now()
	every(ctx, logCheck, func(ctx context.Context) error {
		now := s.now()
		found, err := s.Store.Erasures(ctx, looked.Add(-erasureMargin))
		if err != nil {
			return err
		}
		still := make(map[omarty.Erasure]struct{}, len(found))
		for _, e := range found {
			still[e] = struct{}{}
			if _, known := seen[e]; !known {
				s.erased(e.User)
			}
		}
		seen, looked = still, now
		for _, e := range found {
			if !e.Forgotten && now.Sub(e.At) > forgetAfter {
				if err := s.forget(ctx, e.User); err != nil {
					return err
				}
			}
		}
		return nil
	}, failed)
}
