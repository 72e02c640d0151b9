// Stock is the server that a benchmark compares the product with: the same schema and
// the same generated code, served by gqlgen's own transports with their usual
// settings, over resolvers that have everything in memory. It stores nothing, reads
// no database, and knows who asks by one look into a map: nothing that it does is
// what a server built the ordinary way could leave out.
//
// It prints where it listens, its rooms and a token, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/bench/told"
	"github.com/omarty/chat/internal/omarty"
)

func main() {
	rooms := flag.Int("rooms", 1, "how many rooms there are")
	database := flag.String("same", "", "serve the product's own resolvers, with this database")
	execute := flag.String("execute", "", "run this selection on entries for a second, say how many a second, and end")
	flag.Parse()
	if *database != "" {
		if err := serveSame(*database); err != nil {
			log.Fatal(err)
		}
		return
	}
	m := &memory{rooms: map[omarty.ID]*room{}, messages: &sync.Map{}, people: map[string]*omarty.User{}}
	t := told.Place{Token: "the-token-of-a-person-in-memory-0123456789abc"}
	m.people[t.Token] = &omarty.User{ID: omarty.NewID(omarty.KindUser), Name: "Publisher One"}
	for range *rooms {
		id := omarty.NewID(omarty.KindRoom)
		m.rooms[id] = &room{Room: omarty.Room{ID: id, Kind: omarty.RoomCommunity, Name: "Load", LogID: omarty.NewID(omarty.KindLog)}}
		t.Rooms = append(t.Rooms, id.String())
	}
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: m})
	if *execute != "" {
		fmt.Println(executed(schema, m, *execute))
		return
	}
	server := handler.New(schema)
	server.AddTransport(transport.Websocket{
		InitFunc: func(ctx context.Context, payload transport.InitPayload) (context.Context, *transport.InitPayload, error) {
			ctx, err := m.authenticated(ctx, payload.GetString("token"))
			return ctx, nil, err
		},
	})
	server.AddTransport(transport.POST{})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	server.Use(extension.Introspection{})
	server.Use(extension.AutomaticPersistedQuery{Cache: lru.New[string](100)})

	http.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		if token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); sent {
			ctx, err := m.authenticated(r.Context(), token)
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			r = r.WithContext(ctx)
		}
		server.ServeHTTP(w, r)
	})
	log.Fatal(serve(t, nil))
}

// serve says where it listens, and serves.
func serve(t told.Place, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.URL = "http://" + listener.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		return err
	}
	return http.Serve(listener, handler)
}

// same makes a handler of the product's own resolvers; nil in a program that was not
// built for it (-tags bench).
var same func(ctx context.Context, database string) (http.Handler, error)

func serveSame(database string) error {
	if same == nil {
		return errors.New("the product's resolvers are in a program that is built with -tags bench")
	}
	handler, err := same(context.Background(), database)
	if err != nil {
		return err
	}
	return serve(told.Place{}, handler)
}

// executed tells how many entries a second the executor alone makes responses of.
func executed(schema graphql.ExecutableSchema, m *memory, selection string) int {
	exec := executor.New(schema)
	var in *room
	for _, in = range m.rooms {
		break
	}
	for _, who := range m.people {
		in.post(m, who, "k", strings.Repeat("x", 120))
	}
	feed := make(chan generated.RoomUpdate)
	ctx := context.WithValue(graphql.StartOperationTrace(context.Background()), feedKey{}, feed)
	op, errs := exec.CreateOperationContext(ctx, &graphql.RawParams{
		Query: `subscription{roomEvents(room:"` + in.ID.String() + `"){... on RoomEvent{` + selection + `}}}`,
	})
	if errs != nil {
		log.Fatal(errs)
	}
	next, ctx := exec.DispatchOperation(ctx, op)
	n, start := 0, time.Now()
	go func() {
		for {
			feed <- &in.events[0]
		}
	}()
	for ; n%1000 != 0 || time.Since(start) < time.Second; n++ {
		if r := next(ctx); len(r.Errors) > 0 {
			log.Fatal(r.Errors)
		}
	}
	return int(float64(n) / time.Since(start).Seconds())
}

type feedKey struct{}

// memory is everything that there is.
type memory struct {
	generated.ResolverRoot
	rooms    map[omarty.ID]*room
	people   map[string]*omarty.User
	messages *sync.Map // by id
}

type askerKey struct{}

func (m *memory) authenticated(ctx context.Context, token string) (context.Context, error) {
	who := m.people[token]
	if who == nil {
		return ctx, fmt.Errorf("nobody has the token")
	}
	return context.WithValue(ctx, askerKey{}, who), nil
}

// room is a room with its log.
type room struct {
	omarty.Room
	mu        sync.Mutex
	events    []omarty.Event
	listeners []chan *omarty.Event
}

// post writes a message into the log, and hands it to everyone who listens.
func (r *room) post(m *memory, by *omarty.User, key, text string) *omarty.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	message := &omarty.Message{
		ID: omarty.NewID(omarty.KindMessage), Room: r.ID, Seq: len(r.events) + 1, ChangedSeq: len(r.events) + 1, TextSeq: len(r.events) + 1,
		Key: key, Author: by.ID, Text: text, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	m.messages.Store(message.ID, message)
	r.events = append(r.events, omarty.Event{
		Room: r.ID, Seq: message.Seq, At: message.CreatedAt, Kind: omarty.EventMessagePosted, Actor: by.ID, Message: message.ID,
	})
	told := &r.events[len(r.events)-1]
	for _, listener := range r.listeners {
		listener <- told
	}
	return message
}

// Mutation is for gqlgen, as are the others of its kind.
func (m *memory) Mutation() generated.MutationResolver { return mutations{m: m} }

type mutations struct {
	generated.MutationResolver
	m *memory
}

func (r mutations) SendMessage(ctx context.Context, in generated.SendMessageInput) (*generated.SendMessagePayload, error) {
	by, known := ctx.Value(askerKey{}).(*omarty.User)
	to := r.m.rooms[in.Room]
	if !known || to == nil {
		return nil, fmt.Errorf("not found")
	}
	return &generated.SendMessagePayload{Message: to.post(r.m, by, in.Key, in.Text)}, nil
}

// Query gives the queries.
func (m *memory) Query() generated.QueryResolver { return queries{m: m} }

type queries struct {
	generated.QueryResolver
	m *memory
}

func (r queries) Room(ctx context.Context, id omarty.ID) (*omarty.Room, error) {
	in := r.m.rooms[id]
	if _, known := ctx.Value(askerKey{}).(*omarty.User); !known || in == nil {
		return nil, nil
	}
	return &in.Room, nil
}

// Room gives what is below a room.
func (m *memory) Room() generated.RoomResolver { return rooms{m: m} }

type rooms struct {
	generated.RoomResolver
	m *memory
}

func (rooms) ViewerReadSeq(context.Context, *omarty.Room) (int, error) { return 1, nil }

func (r rooms) Messages(_ context.Context, of *omarty.Room, _ *int, _ *string, last *int, _ *string) (*generated.MessageConnection, error) {
	in := r.m.rooms[of.ID]
	in.mu.Lock()
	events := in.events[max(len(in.events)-*last, 0):]
	in.mu.Unlock()
	page := &generated.MessageConnection{PageInfo: &generated.PageInfo{}}
	for _, e := range events {
		if message, found := r.m.messages.Load(e.Message); found {
			page.Nodes = append(page.Nodes, *message.(*omarty.Message))
		}
	}
	for i := range page.Nodes {
		page.Edges = append(page.Edges, generated.MessageEdge{
			Node: &page.Nodes[i], Cursor: omarty.Cursor{Number: int64(page.Nodes[i].Seq)}.String(),
		})
	}
	return page, nil
}

// Message gives what is below a message.
func (m *memory) Message() generated.MessageResolver { return messages{m: m} }

type messages struct {
	generated.MessageResolver
	m *memory
}

func (r messages) Author(_ context.Context, of *omarty.Message) (*omarty.User, error) {
	return r.m.person(of.Author), nil
}

func (m *memory) person(id omarty.ID) *omarty.User {
	for _, one := range m.people { // there is one
		if one.ID == id {
			return one
		}
	}
	return nil
}

// RoomEvent gives what is below an entry.
func (m *memory) RoomEvent() generated.RoomEventResolver { return events{m: m} }

type events struct {
	generated.RoomEventResolver
	m *memory
}

func (r events) Room(_ context.Context, of *omarty.Event) (*omarty.Room, error) {
	return &r.m.rooms[of.Room].Room, nil
}

func (r events) Actor(_ context.Context, of *omarty.Event) (*omarty.User, error) {
	return r.m.person(of.Actor), nil
}

func (r events) Message(_ context.Context, of *omarty.Event) (*omarty.Message, error) {
	message, found := r.m.messages.Load(of.Message)
	if !found {
		return nil, nil
	}
	return message.(*omarty.Message), nil
}

func (events) Member(context.Context, *omarty.Event) (*omarty.User, error) { return nil, nil }

// Subscription gives the subscriptions.
func (m *memory) Subscription() generated.SubscriptionResolver { return subscriptions{m: m} }

type subscriptions struct {
	generated.SubscriptionResolver
	m *memory
}

// RoomEvents gives the entries of a room after a position, and those that come.
func (r subscriptions) RoomEvents(ctx context.Context, id omarty.ID, after *int, _ *omarty.ID) (<-chan generated.RoomUpdate, error) {
	if feed, given := ctx.Value(feedKey{}).(chan generated.RoomUpdate); given {
		return feed, nil
	}
	in := r.m.rooms[id]
	if _, known := ctx.Value(askerKey{}).(*omarty.User); !known || in == nil {
		return nil, fmt.Errorf("not found")
	}
	coming := make(chan *omarty.Event, 64)
	in.mu.Lock()
	in.listeners = append(in.listeners, coming)
	position := len(in.events)
	missed := in.events[position:]
	if after != nil {
		missed = in.events[*after:]
	}
	in.mu.Unlock()
	updates := make(chan generated.RoomUpdate)
	go func() {
		defer close(updates)
		defer in.leave(coming)
		give := func(u generated.RoomUpdate) {
			select {
			case updates <- u:
			case <-ctx.Done():
			}
		}
		for i := range missed {
			give(&missed[i])
		}
		give(&omarty.CaughtUp{Position: &position})
		for {
			select {
			case e := <-coming:
				give(e)
			case <-ctx.Done():
				return
			}
		}
	}()
	return updates, nil
}

// leave takes a listener out, and what was for it.
func (r *room) leave(listener chan *omarty.Event) {
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		for {
			select {
			case <-listener:
			case <-gone:
				return
			}
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.listeners, listener)
	r.listeners = slices.Delete(r.listeners, i, i+1)
}
