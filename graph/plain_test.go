package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// talk is a room that somebody reads: messages of two people, one of whom is gone.
type talk struct {
	Verbs
	room     omarty.Room
	messages []omarty.Message
	users    func() (map[omarty.ID]omarty.User, error)
	// located hears that apartments are read.
	located func()
}

func (*talk) Spend(service.Asker, int) error { return nil }

func newTalk() *talk {
	row := func(kind omarty.Kind, n byte) omarty.ID { return omarty.ID{Kind: kind, Row: [16]byte{n}} }
	gone := row(omarty.KindUser, 9)
	v := &talk{room: omarty.Room{
		ID: row(omarty.KindRoom, 3), Kind: omarty.RoomCommunity, Name: "Talk", Building: row(omarty.KindBuilding, 4),
		LogID: row(omarty.KindLog, 5), CreatedAt: time.Unix(1e9, 0), LastMessage: row(omarty.KindMessage, 11), LastSeq: 4,
	}}
	for i, said := range []string{"Salam", "\"quoted\" <b>&</b> \u2028", "C:\\", "a\nb\t\x01", "عمارة \U0001F3E2", "not \xff UTF-8"} {
		v.messages = append(v.messages, omarty.Message{
			ID: row(omarty.KindMessage, byte(10+i)), Room: v.room.ID, Seq: i + 1, Key: said, Text: said,
			Author: []omarty.ID{mona, gone, {}}[i%3], Apartment: []omarty.ID{{}, row(omarty.KindApartment, 6)}[i%2],
			CreatedAt: time.Unix(1e9, int64(i)*1000).In(time.FixedZone("", 7200)),
		})
	}
	v.messages[2].HasPoll, v.messages[3].HasPoll, v.messages[3].IsNotice = true, true, true
	v.located = func() {}
	v.users = func() (map[omarty.ID]omarty.User, error) {
		return map[omarty.ID]omarty.User{mona: {ID: mona, Name: "Mona"}}, nil
	}
	return v
}

func (v *talk) Room(context.Context, service.Asker, omarty.ID) (omarty.Room, error) {
	return v.room, nil
}

func (v *talk) Node(context.Context, service.Asker, omarty.ID) (omarty.Node, error) {
	return &v.messages[0], nil
}

func (v *talk) Message(context.Context, service.Asker, omarty.ID) (omarty.Message, error) {
	return v.messages[0], nil
}

func (v *talk) Messages(context.Context, service.Asker, omarty.ID, omarty.MessageWindow) (service.MessagePage, error) {
	return service.MessagePage{Messages: v.messages, Earlier: true}, nil
}

func (v *talk) Events(_ context.Context, _ service.Asker, r omarty.Room, _ service.Position, _ int) (page service.EventPage, err error) {
	for _, m := range v.messages {
		page.Events = append(page.Events, omarty.Event{Room: r.ID, Seq: m.Seq, At: m.CreatedAt, Kind: omarty.EventMessagePosted, Actor: m.Author, Message: m.ID})
	}
	return page, nil
}

func (v *talk) MessagesByID(context.Context, []omarty.ID) (map[omarty.ID]omarty.Message, error) {
	found := map[omarty.ID]omarty.Message{}
	for _, m := range v.messages[1:] { // one is not there
		found[m.ID] = m
	}
	return found, nil
}

func (v *talk) RoomsByID(context.Context, []omarty.ID) (map[omarty.ID]omarty.Room, error) {
	return map[omarty.ID]omarty.Room{v.room.ID: v.room}, nil
}

func (v *talk) Apartments(_ context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Apartment, error) {
	v.located()
	return map[omarty.ID]omarty.Apartment{ids[0]: {ID: ids[0], Number: "12"}}, nil
}

func (v *talk) PollsByID(_ context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Poll, error) {
	return map[omarty.ID]omarty.Poll{ids[0]: { // the other is not there
		ID: ids[0], Question: "Tea?", Options: []omarty.PollOption{{ID: mona, Text: "Yes", VoteCount: 1}, {ID: mona, Text: "No"}}, VoterCount: 1,
	}}, nil
}

func (v *talk) Ballots(_ context.Context, _ service.Asker, polls []omarty.ID) (map[omarty.ID][]omarty.Ballot, error) {
	home := omarty.ID{Kind: omarty.KindApartment, Row: [16]byte{6}}
	return map[omarty.ID][]omarty.Ballot{polls[0]: {{Poll: polls[0], Apartment: home, Choices: 1}}}, nil
}

func (v *talk) NoticesByID(_ context.Context, ids []omarty.ID) (map[omarty.ID]omarty.Notice, error) {
	return map[omarty.ID]omarty.Notice{ids[0]: {ID: ids[0], ApartmentCount: 3}}, nil
}

func (v *talk) Users(context.Context, []omarty.ID) (map[omarty.ID]omarty.User, error) {
	return v.users()
}

func (v *talk) Readings(context.Context, service.Asker, []omarty.ID) (map[omarty.ID]omarty.Reading, error) {
	return map[omarty.ID]omarty.Reading{v.room.ID: {Seq: 2, Unread: 1}}, nil
}

// Who reads a page sees no difference between what plain writes and what the executor
// does; and of what is as plain as a page, plain writes all.
func TestPlain(t *testing.T) {
	t.Parallel()
	const page = `messages { nodes { id seq text createdAt author { id name } } pageInfo { hasPreviousPage startCursor endCursor hasNextPage } }`
	broken := func() (map[omarty.ID]omarty.User, error) { return nil, errors.New("a bug") }
	away := func() (map[omarty.ID]omarty.User, error) {
		return nil, omarty.Errorf(omarty.CodeUnavailable, "Not now.")
	}
	panics := func() (map[omarty.ID]omarty.User, error) { panic("a bug") }
	nameless := func() (map[omarty.ID]omarty.User, error) {
		return map[omarty.ID]omarty.User{mona: {Name: "no id"}}, nil
	}
	for name, c := range map[string]struct {
		selected string // of a room
		users    func() (map[omarty.ID]omarty.User, error)
		nothing  bool // was said
		// executed is how many fields the executor runs at the most; 0 for any number.
		executed int32
	}{
		"a page":                   {selected: page, executed: 2},
		"edges":                    {selected: `messages { edges { cursor node { id key changedSeq textSeq } } __typename }`, executed: 2},
		"everything near":          {selected: `messages { nodes { room { id kind name topic archivedAt logId lastSeq building { id } viewerReadSeq viewerName } apartment { id number } author { name avatarUrl } replyCount reactions { emoji } replyTo { id } } }`},
		"what is far":              {selected: `messages { nodes { room { viewerUnreadCount lastSeq } apartment { number floor } author { name } } }`, executed: 2},
		"polls and notices":        {selected: `messages { nodes { poll { id question options { id text voteCount } multipleChoice closed voterCount viewerBallots { apartment { number } options { text } } } notice { apartmentCount acknowledgedCount } } }`, executed: 2},
		"entries":                  {selected: `events(after: 0) { nodes { seq at kind room { name } actor { name } message { text author { name } apartment { number } } } }`, executed: 2},
		"aliases and repetition":   {selected: `a: messages { nodes { x: id y: id id author { name } author { id } author { n: name } } } b: messages { nodes { ...f author { id } } }`},
		"fragments":                {selected: `messages { nodes { ... on Node { __typename id ... on User { name } } id seq ... on Message { seq } ...f ... { text } } }`, executed: 2},
		"everything skipped":       {selected: `messages { nodes { id @include(if: $no) } pageInfo { hasNextPage @skip(if: $yes) } }`, executed: 2},
		"skip and include":         {selected: `messages { nodes { id @skip(if: $yes) seq @include(if: $yes) ... @include(if: $no) { text } author @skip(if: $no) { id name @skip(if: $yes) } } }`, executed: 2},
		"arguments below":          {selected: `messages { nodes { id readers { nodes { id } } } }`},
		"nothing but the type":     {selected: `messages { __typename }`, executed: 2},
		"authors that fail":        {selected: page, users: broken},
		"authors that are away":    {selected: page, users: away},
		"authors that panic":       {selected: page, users: panics},
		"authors without their id": {selected: page, users: nameless},
		"an empty page":            {selected: page, nothing: true, executed: 2},
		"no entries":               {selected: `events(after: 0) { nodes { seq } hasNextPage endSeq }`, nothing: true, executed: 2},
		"fails beside":             {selected: `messages { nodes { author { name } apartment { number } room { name } } }`, users: panics},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verbs := newTalk()
			if c.users != nil {
				verbs.users = c.users
			}
			if c.nothing {
				verbs.messages = nil
			}
			document := `query($yes: Boolean!, $no: Boolean!) { u: __typename @skip(if: $yes) v: __typename @skip(if: $no) room(id: "r") { ` + c.selected + ` } }
				fragment f on Message { id author { name } }`
			if !strings.Contains(c.selected, "...f") {
				document = strings.Split(document, "fragment")[0]
			}
			told, executed := run(t, verbs, document, func(*API) {})
			want, all := run(t, verbs, document, func(a *API) { a.plain = nil })
			if told != want {
				t.Errorf("it reads\n%s\nwant\n%s", told, want)
			}
			if c.executed > 0 && executed > c.executed {
				t.Errorf("the executor ran %d fields, of %d", executed, all)
			}
		})
	}
}

// What nobody foresaw is read with others of its kind, which the executor asks for at
// once.
func TestPlainWaitsForNobody(t *testing.T) {
	t.Parallel()
	told, executed := run(t, newTalk(), `{ message(id: "m") { author { name } } }`, func(*API) {})
	if !strings.Contains(told, "Mona") || executed != 2 {
		t.Errorf("the executor ran %d fields, want 2: %s", executed, told)
	}
}

// What a page names is read side by side, whatever its kinds.
func TestPlainReadsSideBySide(t *testing.T) {
	t.Parallel()
	verbs := newTalk()
	people, located := verbs.users, make(chan struct{})
	verbs.located = sync.OnceFunc(func() { close(located) })
	verbs.users = func() (map[omarty.ID]omarty.User, error) {
		select {
		case <-located:
		case <-time.After(30 * time.Second):
			t.Error("the apartments wait for the people")
		}
		return people()
	}
	run(t, verbs, `{ room(id: "r") { messages { nodes { author { name } apartment { number } } } } }`, func(*API) {})
}

// run gives the answer to a document, and how many fields the executor ran for it.
func run(t *testing.T, verbs Verbs, document string, change func(*API)) (string, int32) {
	t.Helper()
	a := newAPI(t, verbs)
	change(a.API)
	var executed atomic.Int32
	a.exec.AroundFields(func(ctx context.Context, next graphql.Resolver) (any, error) {
		executed.Add(1)
		return next(ctx)
	})
	body, err := json.Marshal(map[string]any{"query": document, "variables": map[string]bool{"yes": true, "no": false}})
	if err != nil {
		t.Fatal(err)
	}
	told := a.post(t, string(body)).body
	var read struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Path       []any
			Extensions map[string]any
		}
	}
	if err := json.Unmarshal([]byte(told), &read); err != nil {
		t.Fatalf("%v: %s", err, told)
	}
	errs := make([]string, len(read.Errors)) // the executor tells them in any order
	for i, e := range read.Errors {
		errs[i] = fmt.Sprint(e)
	}
	slices.Sort(errs)
	return string(read.Data) + "\n" + strings.Join(errs, "\n"), executed.Load()
}
