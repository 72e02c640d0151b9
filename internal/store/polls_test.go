package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

// mustPost posts a draft.
func mustPost(t *testing.T, s *store.Store, d omarty.Draft) omarty.Message {
	t.Helper()
	m, err := s.Post(t.Context(), d, admitted)
	must(t, err)
	return m
}

// mustPoll gives the poll of a message.
func mustPoll(t *testing.T, s *store.Store, m omarty.Message) omarty.Poll {
	t.Helper()
	found, err := s.Polls(t.Context(), []omarty.ID{m.ID.As(omarty.KindPoll)})
	must(t, err)
	p, ok := found[m.ID.As(omarty.KindPoll)]
	if !ok {
		t.Fatalf("%v has no poll", m.ID)
	}
	return p
}

// cast votes as the verbs do: under the lock of the poll's room.
func cast(s *store.Store, t *testing.T, m omarty.Message, b omarty.Ballot, voter omarty.ID) (changed bool, err error) {
	err = s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.LockMessage(ctx, m.ID, voter); err != nil {
			return err
		}
		if changed, err = tx.Cast(ctx, b, voter); err == nil && changed {
			tx.Append(omarty.Event{Room: m.Room, At: moment, Kind: omarty.EventPollVoted, Message: m.ID})
		}
		return err
	})
	return changed, err
}

// Many vote at the same moment, again and again, for themselves or for the same few
// apartments. What is counted is what is there.
func TestVotesAreCountedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		const voters, options, each = 12, 5, 10
		c := newCrowd(t, s, voters, 1)
		apartments := make([]omarty.Apartment, 4)
		for i := range apartments {
			apartments[i] = omarty.Apartment{ID: omarty.NewID(omarty.KindApartment), Building: c.building, Number: fmt.Sprint(i)}
		}
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.CreateApartments(ctx, apartments) }))
		for _, perApartment := range []bool{false, true} {
			d := c.draft(0, 0, fmt.Sprint(perApartment))
			d.Poll = &omarty.NewPoll{Question: "متى؟", MultipleChoice: true, PerApartment: perApartment}
			for i := range options {
				d.Poll.Options = append(d.Poll.Options, fmt.Sprintf("الخيار %d", i))
			}
			m := mustPost(t, s, d)
			var mu sync.Mutex
			changes := 0
			var voting sync.WaitGroup
			for i, voter := range c.people {
				voting.Go(func() {
					dice := rand.New(rand.NewPCG(uint64(i), 7))
					for range each {
						b := omarty.Ballot{Poll: m.ID.As(omarty.KindPoll), Choices: omarty.Choices(dice.IntN(1 << options))}
						if perApartment {
							b.Apartment = apartments[dice.IntN(len(apartments))].ID
						}
						changed, err := cast(s, t, m, b, voter)
						if err != nil {
							t.Error(err)
							return
						}
						if changed {
							mu.Lock()
							changes++
							mu.Unlock()
						}
					}
				})
			}
			voting.Wait()
			expectRecount(t, s, m, apartments, c.people)
			entries := 0
			for _, e := range mustReadLog(t, s, m.Room) {
				if e.Message == m.ID && e.Kind == omarty.EventPollVoted {
					entries++
					if !e.Actor.IsZero() || !e.Member.IsZero() {
						t.Errorf("entry %d says who voted: %+v", e.Seq, e)
					}
				}
			}
			if entries != changes || changes == 0 {
				t.Errorf("%d entries, and %d votes were others than before", entries, changes)
			}
		}
	})
}

// expectRecount demands that a poll counts what its ballots say.
func expectRecount(t *testing.T, s *store.Store, m omarty.Message, apartments []omarty.Apartment, people []omarty.ID) {
	t.Helper()
	p := mustPoll(t, s, m)
	want := make([]int, len(p.Options))
	ballots := map[omarty.ID]omarty.Choices{}
	if p.PerApartment {
		// Each apartment's vote is read by somebody who lives there alone.
		for i, a := range apartments {
			must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				own, err := tx.MembershipIn(ctx, a.Building, people[i])
				must(t, err)
				return tx.SetResidencies(ctx, own.ID, []omarty.ID{a.ID})
			}))
		}
	}
	for _, who := range people {
		found, err := s.Ballots(t.Context(), []omarty.ID{p.ID}, who)
		must(t, err)
		for _, b := range found[p.ID] {
			whose := b.Apartment
			if !p.PerApartment {
				whose = who
			}
			ballots[whose] = b.Choices
		}
	}
	for _, c := range ballots {
		if c == 0 {
			t.Error("a vote chooses nothing")
		}
		for i := range want {
			want[i] += int(c >> i & 1)
		}
	}
	for i, o := range p.Options {
		if o.VoteCount != want[i] || o.Text != fmt.Sprintf("الخيار %d", i) {
			t.Errorf("option %d is %+v, and has %d votes", i, o, want[i])
		}
	}
	if p.VoterCount != len(ballots) || len(ballots) == 0 {
		t.Errorf("%d voted, and there are %d ballots", p.VoterCount, len(ballots))
	}
}

// Several close what is due at the same moment, while others delete it: each poll is
// closed once, when its end has come.
func TestPollsAreClosedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		c := newCrowd(t, s, 1, 1)
		var posted []omarty.Message
		for i := range 4 {
			d := c.draft(0, 0, fmt.Sprint(i))
			ends := moment.Add(time.Duration(i) * time.Minute)
			d.Poll = &omarty.NewPoll{Question: "When?", Options: []string{"Now", "Later"}, ClosesAt: &ends}
			posted = append(posted, mustPost(t, s, d))
		}
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.LockMessage(ctx, posted[1].ID, c.people[0])
			must(t, err)
			return tx.DropPollAndNotice(ctx, posted[1].ID)
		}))
		now := moment.Add(2 * time.Minute)
		due, err := s.DuePolls(t.Context(), now, 10)
		must(t, err)
		if len(due) != 2 || due[0].ID.Row != posted[0].ID.Row || due[1].ID.Row != posted[2].ID.Row {
			t.Fatalf("due are %+v", due)
		}
		var mu sync.Mutex
		closings := map[omarty.ID]int{}
		var closing sync.WaitGroup
		for range 4 {
			for _, m := range posted {
				closing.Go(func() {
					var closed bool
					err := s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
						closed, err = tx.ClosePoll(ctx, m.ID.As(omarty.KindPoll), m.Room, now)
						return err
					})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					if closed {
						closings[m.ID]++
					}
				})
			}
		}
		closing.Wait()
		if len(closings) != 2 || closings[posted[0].ID] != 1 || closings[posted[2].ID] != 1 {
			t.Errorf("closed were %v", closings)
		}
		if p := mustPoll(t, s, posted[0]); !p.Closed() || !p.ClosedAt.Equal(now) {
			t.Errorf("it is %+v", p)
		}
		if p := mustPoll(t, s, posted[3]); p.Closed() || !p.Open(now) || p.Open(*p.ClosesAt) {
			t.Errorf("it is %+v", p)
		}
		if due, err := s.DuePolls(t.Context(), now, 10); err != nil || len(due) != 0 {
			t.Errorf("still due are %+v, %v", due, err)
		}
	})
}

// Those who live together confirm at the same moment, and the notice is edited meanwhile:
// each apartment counts once, for the text that it confirmed.
func TestConfirmationsAreCountedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		const people = 9
		c := newCrowd(t, s, people, 1)
		apartments := make([]omarty.Apartment, 4)
		for i := range apartments {
			apartments[i] = omarty.Apartment{ID: omarty.NewID(omarty.KindApartment), Building: c.building, Number: fmt.Sprint(i)}
		}
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			must(t, tx.CreateApartments(ctx, apartments))
			for i, who := range c.people[1:] {
				own, err := tx.MembershipIn(ctx, c.building, who)
				must(t, err)
				must(t, tx.SetResidencies(ctx, own.ID, []omarty.ID{apartments[i%3].ID}))
			}
			return nil
		}))
		d := c.draft(0, 0, "notice")
		d.Notice = true
		m := mustPost(t, s, d)
		id := m.ID.As(omarty.KindNotice)
		notice := func() omarty.Notice {
			found, err := s.Notices(t.Context(), []omarty.ID{id})
			must(t, err)
			return found[id]
		}
		outstanding := func(to omarty.ID, page omarty.Page) omarty.Slice[omarty.Apartment] {
			found, err := s.Outstanding(t.Context(), []omarty.ID{id}, to, page)
			must(t, err)
			return found[id]
		}
		acknowledge := func(who omarty.ID) (asked, confirmed int) {
			err := s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				if _, err := tx.LockMessage(ctx, m.ID, who); err != nil {
					return err
				}
				var err error
				asked, confirmed, err = tx.Acknowledge(ctx, id, who, moment)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return asked, confirmed
		}
		if n := notice(); n.ApartmentCount != 3 || n.AcknowledgedCount != 0 {
			t.Fatalf("it is %+v", n)
		}
		first := outstanding(c.people[0], omarty.Page{First: 2})
		if len(first.Items) != 2 || !first.More || first.Items[0].ID != apartments[0].ID || first.Items[1].ID != apartments[1].ID {
			t.Errorf("outstanding are %+v", first)
		}
		if rest := outstanding(c.people[0], omarty.Page{First: 2, After: &first.Cursors[1]}); len(rest.Items) != 1 || rest.More || rest.Items[0].ID != apartments[2].ID {
			t.Errorf("outstanding are then %+v", rest)
		}
		if own := outstanding(c.people[2], omarty.Page{First: 2}); len(own.Items) != 1 || own.Items[0].ID != apartments[1].ID {
			t.Errorf("outstanding of one's own are %+v", own)
		}
		var mu sync.Mutex
		total := 0
		var all sync.WaitGroup
		for _, who := range c.people[1:] {
			all.Go(func() {
				asked, confirmed := acknowledge(who)
				mu.Lock()
				defer mu.Unlock()
				total += confirmed
				if asked != 1 {
					t.Errorf("%d of their apartments are asked", asked)
				}
			})
		}
		all.Wait()
		if n := notice(); total != 3 || n.ApartmentCount != 3 || n.AcknowledgedCount != 3 {
			t.Errorf("%d confirmed, and it is %+v", total, n)
		}
		if left := outstanding(c.people[0], omarty.Page{First: 50}); len(left.Items) != 0 {
			t.Errorf("outstanding are %+v", left)
		}
		if asked, _ := acknowledge(c.people[0]); asked != 0 {
			t.Errorf("who lives nowhere was asked for %d", asked)
		}

		// Somebody moves into the fourth, and all leave the first, which is removed.
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			for i, who := range c.people[1:] {
				if i%3 == 0 {
					own, err := tx.MembershipIn(ctx, c.building, who)
					must(t, err)
					must(t, tx.SetResidencies(ctx, own.ID, []omarty.ID{apartments[3].ID}))
				}
			}
			return tx.RemoveApartment(ctx, apartments[0].ID)
		}))
		if asked, _ := acknowledge(c.people[1]); asked != 0 {
			t.Errorf("who moved in later was asked for %d", asked)
		}
		if n := notice(); n.ApartmentCount != 3 || n.AcknowledgedCount != 3 {
			t.Errorf("it is %+v", n)
		}
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.AskAgain(ctx, id) }))
		if n := notice(); n.ApartmentCount != 3 || n.AcknowledgedCount != 0 {
			t.Errorf("asked again it is %+v", n)
		}
		if asked, confirmed := acknowledge(c.people[1]); asked != 1 || confirmed != 1 {
			t.Errorf("asked again they confirmed %d of %d", confirmed, asked)
		}
	})
}
