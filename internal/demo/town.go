package demo

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

const (
	// settled is how long ago the houses were opened.
	settled = 8 * 24 * time.Hour
	// invitationTime is how long the invitation lets people in, and invitationUses how
	// many.
	invitationTime = 30 * 24 * time.Hour
	invitationUses = 100
	// device is what the residents' sessions are known by.
	device = "The demo's own"
)

// Town is the two houses with their people, once they were settled.
type Town struct {
	verbs  Verbs
	people map[string]*resident
	houses []*house
	// invitation lets people into the second house.
	invitation omarty.Invitation
}

// resident is one of the cast who is signed in.
type resident struct {
	person
	mu sync.Mutex
	by service.Asker
}

func (r *resident) asker() service.Asker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by
}

// house is a building that was opened.
type house struct {
	plan
	id                       omarty.ID
	community, announcements omarty.ID
	// group is the one that was opened last.
	group omarty.ID
	// last is what was said last, and poll and notice the last of these.
	last, poll, notice omarty.Message
	// apartments are by their numbers, and memberships by what the scripts call people.
	apartments  map[string]omarty.ID
	memberships map[string]omarty.ID
}

// Settle makes the town with its past, through verbs that go by the clock. Nobody
// else may use them meanwhile.
func Settle(ctx context.Context, verbs Verbs, clock *Clock) (*Town, error) {
	now := time.Now()
	defer clock.comeBack()
	clock.set(now.Add(-settled))
	t := &Town{verbs: verbs, people: map[string]*resident{}}
	if err := t.arrive(ctx); err != nil {
		return nil, err
	}
	for _, p := range []plan{nakheel, acacia} {
		h := &house{plan: p, apartments: map[string]omarty.ID{}, memberships: map[string]omarty.ID{}}
		h.homes = maps.Clone(p.homes) // people leave
		if err := t.open(ctx, h); err != nil {
			return nil, fmt.Errorf("opening %s: %w", p.name, err)
		}
		t.houses = append(t.houses, h)
	}
	if err := t.live(ctx, clock, now); err != nil {
		return nil, err
	}
	clock.set(now)
	uses, end := invitationUses, now.Add(invitationTime)
	var err error
	last := t.houses[len(t.houses)-1]
	t.invitation, err = verbs.CreateInvitation(ctx, t.by(last.managers[0]), service.NewInvitation{
		Building: last.id, Preapproved: true, MaxUses: &uses, ExpiresAt: &end,
	})
	return t, err
}

// by gives one of the people as who calls a verb.
func (t *Town) by(who string) service.Asker { return t.people[who].asker() }

// arrive registers everybody, and signs them in. What takes long is hashing
// passwords: as many at once as there are cores.
func (t *Town) arrive(ctx context.Context) error {
	arriving, ctx := errgroup.WithContext(ctx)
	arriving.SetLimit(runtime.GOMAXPROCS(0))
	for who, p := range cast {
		r := &resident{person: p}
		t.people[who] = r
		arriving.Go(func() error {
			_, err := t.verbs.Register(ctx, service.Asker{}, service.Registration{
				Phone: r.phone, Email: r.email, Name: r.name, Password: Password, ConfirmPassword: Password,
			})
			if err == nil {
				err = t.signIn(ctx, r)
			}
			if err != nil {
				return fmt.Errorf("registering %s: %w", r.email, err)
			}
			return nil
		})
	}
	return arriving.Wait()
}

func (t *Town) signIn(ctx context.Context, r *resident) error {
	in, err := t.verbs.LogIn(ctx, service.Asker{}, service.LogIn{Login: r.email, Password: Password, Device: device})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.by = service.Asker{User: in.Session.User, Session: in.Session.ID}
	return nil
}

// open makes a building with its apartments, and lets its residents in.
func (t *Town) open(ctx context.Context, h *house) error {
	founder := t.by(h.managers[0])
	b, err := t.verbs.CreateBuilding(ctx, founder, service.NewBuilding{Name: h.name, Address: h.address})
	if err != nil {
		return err
	}
	h.id = b.ID
	if err := t.findRooms(ctx, h, founder); err != nil {
		return err
	}
	var doors []omarty.NewApartment
	for floor, numbersThere := range h.floors {
		for _, number := range numbers(numbersThere) {
			doors = append(doors, omarty.NewApartment{Number: number, Floor: &floor})
		}
	}
	_, made, err := t.verbs.AddApartments(ctx, founder, h.id, doors)
	if err != nil {
		return err
	}
	for _, a := range made {
		h.apartments[a.Number] = a.ID
	}
	for _, who := range h.residents() {
		if err := t.moveIn(ctx, h, founder, who); err != nil {
			return fmt.Errorf("%s: %w", who, err)
		}
	}
	for _, who := range h.managers[1:] {
		if _, err := t.verbs.SetMemberRole(ctx, founder, h.memberships[who], omarty.RoleManager); err != nil {
			return err
		}
	}
	return nil
}

func (t *Town) findRooms(ctx context.Context, h *house, founder service.Asker) error {
	rooms, err := t.verbs.RoomsIn(ctx, founder, h.id, omarty.Page{First: omarty.MaxPage})
	for _, r := range rooms.Items {
		switch r.Kind {
		case omarty.RoomCommunity:
			h.community = r.ID
		case omarty.RoomAnnouncements:
			h.announcements = r.ID
		}
	}
	return err
}

// moveIn lets somebody in who lives there: the founder, who is in already, gets an
// apartment, and all others come by an invitation to theirs.
func (t *Town) moveIn(ctx context.Context, h *house, founder service.Asker, who string) error {
	home := h.apartments[h.homes[who]]
	if who == h.managers[0] {
		m, err := t.verbs.MembershipIn(ctx, founder, h.id)
		if err != nil {
			return err
		}
		h.memberships[who] = m.ID
		_, err = t.verbs.ApproveMembership(ctx, founder, m.ID, []omarty.ID{home})
		return err
	}
	once := 1
	i, err := t.verbs.CreateInvitation(ctx, founder, service.NewInvitation{
		Building: h.id, Apartment: home, Preapproved: true, MaxUses: &once,
	})
	if err != nil {
		return err
	}
	m, err := t.verbs.JoinBuilding(ctx, t.by(who), i.Code, omarty.ID{})
	h.memberships[who] = m.ID
	return err
}

// live does what happened in the houses, in the order in which it did.
func (t *Town) live(ctx context.Context, clock *Clock, now time.Time) error {
	type deed struct {
		house *house
		action
	}
	var past []deed
	for _, h := range t.houses {
		week, err := readWeek(h.week, now)
		if err != nil {
			return fmt.Errorf("the week of %s: %w", h.name, err)
		}
		for _, a := range week {
			past = append(past, deed{h, a})
		}
	}
	slices.SortStableFunc(past, func(a, b deed) int { return a.at.Compare(b.at) })
	for _, d := range past {
		clock.set(d.at)
		if err := t.do(ctx, d.house, d.action); err != nil {
			return fmt.Errorf("%s, %s: %w", d.house.name, d.who, err)
		}
	}
	return nil
}

func (t *Town) do(ctx context.Context, h *house, a action) error {
	switch {
	case a.leaves:
		_, err := t.verbs.EndMembership(ctx, t.by(a.who), h.memberships[a.who])
		delete(h.homes, a.who)
		return err
	case a.asks != "":
		i, err := t.verbs.CreateInvitation(ctx, t.by(h.managers[0]), service.NewInvitation{Building: h.id})
		if err != nil {
			return err
		}
		_, err = t.verbs.JoinBuilding(ctx, t.by(a.who), i.Code, h.apartments[a.asks])
		return err
	}
	if a.does != "" {
		return t.change(ctx, h, a)
	}
	return t.say(ctx, h, a.line)
}
