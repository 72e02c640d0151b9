package graph

import (
	"context"
	"sync"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

func newPoll(in *generated.PollInput) *omarty.NewPoll {
	if in == nil {
		return nil
	}
	poll := omarty.NewPoll(*in)
	return &poll
}

func (m mutations) Vote(ctx context.Context, message omarty.ID, options []omarty.ID, apartment *omarty.ID) (*generated.VotePayload, error) {
	changed, err := m.verbs.Vote(ctx, asker(ctx), message, options, orZero(apartment))
	if err != nil {
		return nil, err
	}
	return &generated.VotePayload{Message: &changed}, nil
}

func (m mutations) AcknowledgeNotice(ctx context.Context, message omarty.ID, textSeq int) (*generated.AcknowledgeNoticePayload, error) {
	changed, err := m.verbs.AcknowledgeNotice(ctx, asker(ctx), message, textSeq)
	if err != nil {
		return nil, err
	}
	return &generated.AcknowledgeNoticePayload{Message: &changed}, nil
}

func (r *resolver) Ballot() generated.BallotResolver { return ballots{r} }
func (r *resolver) Notice() generated.NoticeResolver { return notices{r} }
func (r *resolver) Poll() generated.PollResolver     { return polls{r} }

type (
	ballots struct{ *resolver }
	notices struct{ *resolver }
	polls   struct{ *resolver }
)

func (messages) Poll(ctx context.Context, of *omarty.Message) (*omarty.Poll, error) {
	return byID(ctx, load(ctx).polls, pollOf(*of))
}

// pollOf gives the id of a message's poll; zero where it has none.
func pollOf(m omarty.Message) omarty.ID {
	if !m.HasPoll {
		return omarty.ID{}
	}
	return m.ID.As(omarty.KindPoll)
}

func (messages) Notice(ctx context.Context, of *omarty.Message) (*omarty.Notice, error) {
	return byID(ctx, load(ctx).notices, noticeOf(*of))
}

// noticeOf gives the id of a message's notice; zero where it has none.
func noticeOf(m omarty.Message) omarty.ID {
	if !m.IsNotice {
		return omarty.ID{}
	}
	return m.ID.As(omarty.KindNotice)
}

// pollClosed is for plain, as gqlgen asks the poll itself.
func pollClosed(_ context.Context, of *omarty.Poll) (bool, error) { return of.Closed(), nil }

func (polls) ViewerBallots(ctx context.Context, of *omarty.Poll) ([]omarty.Ballot, error) {
	cast, _, err := load(ctx).ballots.get(ctx, of.ID)
	votes := make([]omarty.Ballot, len(cast))
	for i, b := range cast {
		b.Options = of.Chosen(b.Choices)
		votes[i] = b
	}
	return votes, err
}

func (ballots) Apartment(ctx context.Context, of *omarty.Ballot) (*omarty.Apartment, error) {
	return byID(ctx, load(ctx).apartments, of.Apartment)
}

func (notices) ViewerOutstanding(ctx context.Context, of *omarty.Notice, first int, after *string) (*generated.ApartmentConnection, error) {
	return apartmentPage(ctx, first, after, func(ctx context.Context, p omarty.Page) (omarty.Slice[omarty.Apartment], error) {
		found, _, err := load(ctx).outstanding.of(p).get(ctx, of.ID)
		return found, err
	})
}

func (l *loaders) foreseePolls(list []omarty.Poll) {
	foresee(l.ballots, list, func(p omarty.Poll) omarty.ID { return p.ID })
}

func (l *loaders) foreseeBallots(list []omarty.Ballot) {
	foresee(l.apartments, list, func(b omarty.Ballot) omarty.ID { return b.Apartment })
}

// outstanding reads which apartments have not confirmed notices: a loader for each page
// that is asked for, of all notices that were read.
type outstanding struct {
	verbs Verbs

	mu     sync.Mutex
	pages  map[pageKey]*loader[omarty.Slice[omarty.Apartment]]
	listed []omarty.Notice
}

// pageKey tells pages apart.
type pageKey struct {
	first int
	after omarty.Cursor
}

// foresee says of which notices it may be asked for.
func (o *outstanding) foresee(list []omarty.Notice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listed = append(o.listed, list...)
}

// of gives the loader of a page.
func (o *outstanding) of(page omarty.Page) *loader[omarty.Slice[omarty.Apartment]] {
	key := pageKey{first: page.First}
	if page.After != nil {
		key.after = *page.After
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.pages[key]; known != nil {
		return known
	}
	l := newLoader(func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Slice[omarty.Apartment], error) {
		return o.verbs.Outstanding(ctx, asker(ctx), ids, page)
	})
	foresee(l, o.listed, func(n omarty.Notice) omarty.ID { return n.ID })
	if o.pages == nil {
		o.pages = map[pageKey]*loader[omarty.Slice[omarty.Apartment]]{}
	}
	o.pages[key] = l
	return l
}
