package graph

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vikstrous/dataloadgen"

	"github.com/omarty/chat/internal/omarty"
)

// loadWait is how long a reading of what was not foreseen waits for others of its
// kind to be made with it.
const loadWait = 500 * time.Microsecond

// loaders read things by id for one response, many at once and each once. They
// have no rules: what they are asked for is named by what the asker sees already.
type loaders struct {
	rooms        *loader[omarty.Room]
	messages     *loader[omarty.Message]
	newest       *loader[omarty.Message]
	users        *loader[omarty.User]
	buildings    *loader[omarty.Building]
	apartments   *loader[omarty.Apartment]
	apartmentsOf *loader[[]omarty.Apartment]

	// By message; the asker's own reactions among them.
	mentions     *loader[[]omarty.Mention]
	reactions    *loader[[]omarty.Reaction]
	ownReactions *loader[[]omarty.Emoji]
	attachments  *loader[[]omarty.File]

	// By room, for the asker.
	readings    *loader[omarty.Reading]
	firstUnread *loader[omarty.Message]
	postings    *loader[omarty.Posting]
	pinned      *loader[[]omarty.Message]
	// Of direct rooms.
	counterparts *loader[omarty.Counterpart]
	// By participant.
	readSeqs *loader[int]
	// Of messages, and what the asker has to do with them.
	polls       *loader[omarty.Poll]
	ballots     *loader[[]omarty.Ballot]
	notices     *loader[omarty.Notice]
	outstanding outstanding
	// By building: whether the asker manages it.
	manages *loader[bool]
}

func newLoaders(verbs Verbs) *loaders {
	l := &loaders{}
	*l = loaders{
		rooms:    newLoader(foreseeing(verbs.RoomsByID, l.foreseeRooms)),
		messages: newLoader(foreseeing(verbs.MessagesByID, l.foreseeMessages)),
		newest: newLoader(foreseeing(func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Message, error) {
			return verbs.MessagesFor(ctx, asker(ctx), ids)
		}, l.foreseeMessages)),
		users: newLoader(verbs.Users),
		buildings: newLoader(func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Building, error) {
			return verbs.Buildings(ctx, asker(ctx), ids)
		}),
		apartments:   newLoader(verbs.Apartments),
		apartmentsOf: newLoader(verbs.ApartmentsOf),
		readings: newLoader(func(ctx context.Context, rooms []omarty.ID) (map[omarty.ID]omarty.Reading, error) {
			return verbs.Readings(ctx, asker(ctx), rooms)
		}),
		firstUnread: newLoader(foreseeing(func(ctx context.Context, rooms []omarty.ID) (map[omarty.ID]omarty.Message, error) {
			return verbs.FirstUnread(ctx, asker(ctx), rooms)
		}, l.foreseeMessages)),
		postings: newLoader(func(ctx context.Context, rooms []omarty.ID) (map[omarty.ID]omarty.Posting, error) {
			return verbs.Postings(ctx, asker(ctx), rooms)
		}),
		counterparts: newLoader(foreseeing(func(ctx context.Context, rooms []omarty.ID) (map[omarty.ID]omarty.Counterpart, error) {
			return verbs.Counterparts(ctx, asker(ctx), rooms)
		}, l.foreseeCounterparts)),
		readSeqs:  newLoader(verbs.ReadSeqs),
		mentions:  newLoader(foreseeing(verbs.Mentions, each(l.foreseeMentions))),
		reactions: newLoader(verbs.Reactions),
		ownReactions: newLoader(func(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.Emoji, error) {
			return verbs.OwnReactions(ctx, asker(ctx), messages)
		}),
		attachments: newLoader(verbs.Attachments),
		pinned: newLoader(foreseeing(func(ctx context.Context, rooms []omarty.ID) (map[omarty.ID][]omarty.Message, error) {
			return verbs.Pinned(ctx, asker(ctx), rooms)
		}, each(l.foreseeMessages))),
		polls: newLoader(foreseeing(verbs.PollsByID, l.foreseePolls)),
		ballots: newLoader(foreseeing(func(ctx context.Context, polls []omarty.ID) (map[omarty.ID][]omarty.Ballot, error) {
			return verbs.Ballots(ctx, asker(ctx), polls)
		}, each(l.foreseeBallots))),
		notices:     newLoader(foreseeing(verbs.NoticesByID, l.outstanding.foresee)),
		outstanding: outstanding{verbs: verbs},
		manages: newLoader(func(ctx context.Context, buildings []omarty.ID) (map[omarty.ID]bool, error) {
			return verbs.Manages(ctx, asker(ctx), buildings)
		}),
	}
	return l
}

// foreseeing is a reading that foresees what is asked for next, of what it found.
func foreseeing[T any](read func(context.Context, []omarty.ID) (map[omarty.ID]T, error), foresee func([]T)) func(context.Context, []omarty.ID) (map[omarty.ID]T, error) {
	return func(ctx context.Context, ids []omarty.ID) (map[omarty.ID]T, error) {
		found, err := read(ctx, ids)
		all := make([]T, 0, len(found))
		for _, one := range found {
			all = append(all, one)
		}
		foresee(all)
		return found, err
	}
}

// each foresees what is in many lists.
func each[T any](foresee func([]T)) func([][]T) {
	return func(lists [][]T) { foresee(slices.Concat(lists...)) }
}

// What may be asked for below the entries of a list.

func (l *loaders) foreseeRooms(list []omarty.Room) {
	foresee(l.newest, list, func(r omarty.Room) omarty.ID { return r.LastMessage })
	foresee(l.buildings, list, func(r omarty.Room) omarty.ID { return r.Building })
	id := func(r omarty.Room) omarty.ID { return r.ID }
	foresee(l.readings, list, id)
	foresee(l.firstUnread, list, id)
	foresee(l.postings, list, id)
	foresee(l.counterparts, list, func(r omarty.Room) omarty.ID {
		if r.Kind != omarty.RoomDirect {
			return omarty.ID{}
		}
		return r.ID
	})
}

func (l *loaders) foreseeCounterparts(list []omarty.Counterpart) {
	foresee(l.users, list, func(c omarty.Counterpart) omarty.ID { return c.User })
}

func (l *loaders) foreseeMessages(list []omarty.Message) {
	foresee(l.rooms, list, func(m omarty.Message) omarty.ID { return m.Room })
	foresee(l.users, list, func(m omarty.Message) omarty.ID { return m.Author }, func(m omarty.Message) omarty.ID { return m.DeletedBy })
	foresee(l.apartments, list, func(m omarty.Message) omarty.ID { return m.Apartment })
	foresee(l.polls, list, pollOf)
	foresee(l.notices, list, noticeOf)
	foresee(l.messages, list, func(m omarty.Message) omarty.ID { return m.ReplyTo })
	id := func(m omarty.Message) omarty.ID { return m.ID }
	foresee(l.mentions, list, id)
	foresee(l.reactions, list, id)
	foresee(l.ownReactions, list, id)
	foresee(l.attachments, list, filesOf)
}

func (l *loaders) foreseeMentions(list []omarty.Mention) {
	foresee(l.users, list, func(m omarty.Mention) omarty.ID { return m.User })
}

func (l *loaders) foreseeEvents(list []omarty.Event) {
	foresee(l.rooms, list, func(e omarty.Event) omarty.ID { return e.Room })
	foresee(l.messages, list, func(e omarty.Event) omarty.ID { return e.Message })
	foresee(l.users, list, func(e omarty.Event) omarty.ID { return e.Actor }, func(e omarty.Event) omarty.ID { return e.Member })
}

func (l *loaders) foreseeParticipants(list []omarty.Participant) {
	foresee(l.users, list, func(p omarty.Participant) omarty.ID { return p.User })
	foresee(l.readSeqs, list, func(p omarty.Participant) omarty.ID { return p.ID })
}

func (l *loaders) foreseeReports(list []omarty.Report) {
	foresee(l.users, list, func(r omarty.Report) omarty.ID { return r.Author }, func(r omarty.Report) omarty.ID { return r.Reporter },
		func(r omarty.Report) omarty.ID { return r.ResolvedBy })
	foresee(l.newest, list, func(r omarty.Report) omarty.ID { return r.Message })
}

func (l *loaders) foreseeMemberships(list []omarty.Membership) {
	foresee(l.users, list, func(m omarty.Membership) omarty.ID { return m.User })
	foresee(l.buildings, list, func(m omarty.Membership) omarty.ID { return m.Building })
	foresee(l.apartments, list, func(m omarty.Membership) omarty.ID { return m.Claimed })
	foresee(l.apartmentsOf, list, func(m omarty.Membership) omarty.ID { return m.ID })
	foresee(l.manages, list, func(m omarty.Membership) omarty.ID { return m.Building })
}

// loader reads things of one kind. Where a list was read, all that its entries name
// is read in one go as soon as one of it is asked for: no reading waits, and how
// many there are does not hang on how busy the machine is. What nobody foresaw waits
// for loadWait, to be read with other such.
type loader[T any] struct {
	read func(context.Context, []omarty.ID) (map[omarty.ID]T, error)

	mu     sync.Mutex
	groups map[omarty.ID]*group[T]
	// others reads what is of no group; nil before the first.
	others *dataloadgen.Loader[omarty.ID, T]
}

// group is what is read in one go.
type group[T any] struct {
	ids []omarty.ID

	mu sync.Mutex
	// reading is the one that is under way or was done; nil where there was none, or
	// none that succeeded.
	reading *groupReading[T]
}

type groupReading[T any] struct {
	done  chan struct{} // closed when it is
	found map[omarty.ID]T
	err   error
}

func newLoader[T any](read func(context.Context, []omarty.ID) (map[omarty.ID]T, error)) *loader[T] {
	return &loader[T]{read: read}
}

// add makes a thing one of a group's; l.mu is held.
func (l *loader[T]) add(id omarty.ID, g *group[T]) {
	if l.groups == nil {
		l.groups = map[omarty.ID]*group[T]{}
	}
	l.groups[id] = g
}

// foresee makes a group of what the entries of a list name, but for what is of a
// group already.
func foresee[T, E any](l *loader[T], list []E, names ...func(E) omarty.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := &group[T]{}
	for _, one := range list {
		for _, name := range names {
			if id := name(one); !id.IsZero() && l.groups[id] == nil {
				l.add(id, g)
				g.ids = append(g.ids, id)
			}
		}
	}
}

// know makes a group of what was read already.
func (l *loader[T]) know(found map[omarty.ID]T) {
	if len(found) == 0 {
		return
	}
	g := &group[T]{reading: &groupReading[T]{done: closed, found: found}}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range found {
		l.add(id, g)
	}
}

// closed is what is done.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// errUnread is for who waits for a reading that panics.
var errUnread = errors.New("a reading did not come to its end")

// get gives the thing that an id names, and whether there is one.
func (l *loader[T]) get(ctx context.Context, id omarty.ID) (T, bool, error) {
	l.mu.Lock()
	g := l.groups[id]
	if g == nil && l.others == nil {
		l.others = dataloadgen.NewMappedLoader(l.read, dataloadgen.WithWait(loadWait))
	}
	l.mu.Unlock()
	if g == nil && !mayWait(ctx) {
		var none T
		return none, false, errNotPlain
	}
	if g == nil {
		found, err := l.others.Load(ctx, id)
		if errors.Is(err, dataloadgen.ErrNotFound) {
			return found, false, nil
		}
		if err != nil {
			l.others.Clear(id) // so that it can be asked for again
		}
		return found, err == nil, err
	}
	all, err := g.get(ctx, l.read)
	found, ok := all[id]
	return found, ok, err
}

// get gives the whole group. Who asks while it is read waits for that; who asks after
// a reading that failed reads again.
func (g *group[T]) get(ctx context.Context, read func(context.Context, []omarty.ID) (map[omarty.ID]T, error)) (map[omarty.ID]T, error) {
	g.mu.Lock()
	r := g.reading
	if r != nil {
		g.mu.Unlock()
		<-r.done
		return r.found, r.err
	}
	r = &groupReading[T]{done: make(chan struct{}), err: errUnread}
	g.reading = r
	g.mu.Unlock()
	defer func() {
		if r.err != nil {
			g.mu.Lock()
			g.reading = nil
			g.mu.Unlock()
		}
		close(r.done)
	}()
	r.found, r.err = read(ctx, g.ids)
	return r.found, r.err
}

// byID gives the thing that an id names; null where the id is zero or there is
// no such thing.
func byID[T any](ctx context.Context, l *loader[T], id omarty.ID) (*T, error) {
	if id.IsZero() {
		return nil, nil
	}
	found, ok, err := l.get(ctx, id)
	if err != nil || !ok {
		return nil, err
	}
	return &found, nil
}

// listOf gives the list that there is by an id; empty where there is none.
func listOf[T any](ctx context.Context, l *loader[[]T], id omarty.ID) ([]T, error) {
	if id.IsZero() {
		return []T{}, nil
	}
	found, _, err := l.get(ctx, id)
	if found == nil {
		found = []T{}
	}
	return found, err
}

type loadersKey struct{}

// withLoaders gives each response its own loaders: a subscription lives for days,
// and what was read for one event is old at the next. A view brings its own.
func withLoaders(verbs Verbs) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		if ctx.Value(loadersKey{}) != nil {
			return next(ctx)
		}
		return next(withNewLoaders(ctx, verbs))
	}
}

// withNewLoaders gives a context its own loaders, which are made when the first of them
// is asked for: who sends a message asks for none.
func withNewLoaders(ctx context.Context, verbs Verbs) context.Context {
	return context.WithValue(ctx, loadersKey{}, sync.OnceValue(func() *loaders { return newLoaders(verbs) }))
}

func load(ctx context.Context) *loaders { return ctx.Value(loadersKey{}).(func() *loaders)() }
