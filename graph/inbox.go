package graph

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// toldAtOnce is how many updates of an inbox are executed together, so that what they
// need is read together.
const toldAtOnce = 100

func (s subscriptions) InboxEvents(ctx context.Context, after []omarty.RoomPosition) (<-chan generated.InboxUpdate, error) {
	if own := ownOf(ctx); own != nil {
		return own, nil
	}
	watch, err := s.verbs.WatchInbox(ctx, asker(ctx), after)
	if err != nil {
		return nil, err
	}
	field, op := graphql.GetFieldContext(ctx).Field, graphql.GetOperationContext(ctx)
	in := &inbox{watch: watch, views: s.views, question: asked(op, field)}
	shared := sharer{schema: s.schema, fragments: op.Doc.Fragments, variables: op.Variables}
	if in.text, err = shared.shared("RoomEvent", field.Selections); err != nil {
		in.text = "its own " + strconv.FormatInt(lone.Add(1), 10) // no selection reads so
		in.own = true
	}
	if !live.Merge(ctx, live.Inbox{Field: field.Alias, Updates: in}) {
		in.Close()
	}
	nothing := make(chan generated.InboxUpdate)
	close(nothing)
	return nothing, nil
}

// lone counts the inboxes that share nothing.
var lone atomic.Int64

// inbox makes what an inbox tells into responses, and says how its rooms are followed.
// The entries are those of views, which all share who select the same of them.
type inbox struct {
	watch *service.Inbox
	views *views
	question
	// text is the selection on entries; where own is true it depends on who asks, and
	// text is a name for it.
	text string
	own  bool
	// rest is what is told next.
	rest []service.InboxUpdate
}

// question is what is asked of each update: of the operation that began the inbox, what
// is kept for as long as somebody listens.
type question struct {
	name       string
	field      graphql.CollectedField
	fragments  ast.FragmentDefinitionList
	variables  map[string]any
	middleware graphql.FieldMiddleware
	root       graphql.RootFieldMiddleware
	recovering graphql.RecoverFunc
}

// asked gives the question of an operation. The positions, which may be many, have been
// read.
func asked(op *graphql.OperationContext, field graphql.CollectedField) question {
	q := question{
		op.OperationName, field, op.Doc.Fragments,
		map[string]any{},
		op.ResolverMiddleware, op.RootResolverMiddleware, op.RecoverFunc,
	}
	for _, v := range op.Operation.VariableDefinitions {
		if value, given := op.Variables[v.Variable]; given && v.Type.Name() != "RoomPosition" {
			q.variables[v.Variable] = value
		}
	}
	return q
}

// operation gives one that has nothing but the field, without its arguments.
func (q question) operation() *graphql.OperationContext {
	field := *q.field.Field
	field.Arguments, field.Directives, field.SelectionSet = nil, nil, q.field.Selections
	return &graphql.OperationContext{
		OperationName: q.name,
		Variables:     q.variables,
		Doc:           &ast.QueryDocument{Fragments: q.fragments},
		Operation: &ast.OperationDefinition{
			Operation: ast.Subscription, Name: q.name, SelectionSet: ast.SelectionSet{&field},
		},
		ResolverMiddleware:     q.middleware,
		RootResolverMiddleware: q.root,
		RecoverFunc:            q.recovering,
	}
}

type ownKey struct{}

// ownOf gives the channel, with one update, that an inbox's operation is given; nil for
// other operations.
func ownOf(ctx context.Context) chan generated.InboxUpdate {
	own, _ := ctx.Value(ownKey{}).(chan generated.InboxUpdate)
	return own
}

// respond executes an operation for one update.
func (in *inbox) respond(ctx context.Context, op *graphql.OperationContext, u generated.InboxUpdate) *graphql.Response {
	own := make(chan generated.InboxUpdate, 1)
	own <- u
	responses, ctx := in.views.api.exec.DispatchOperation(context.WithValue(ctx, ownKey{}, own), op)
	return responses(ctx)
}

// Changed is for live.
func (in *inbox) Changed(f func()) { in.watch.Changed(f) }

// Ended is for live.
func (in *inbox) Ended(room omarty.ID) { in.watch.Ended(room) }

// Close is for live.
func (in *inbox) Close() {
	service.ReleaseInbox(in.rest)
	in.watch.Close()
}

// Next is for live: what is to be told, executed together.
func (in *inbox) Next(ctx context.Context) ([]live.Update, error) {
	if len(in.rest) == 0 {
		rest, err := in.watch.Next(ctx)
		if err != nil {
			return nil, faultOf(err)
		}
		in.rest = rest
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	some := in.rest[:min(len(in.rest), toldAtOnce)]
	in.rest = in.rest[len(some):]
	together := withNewLoaders(ctx, in.views.api.verbs)
	op := in.operation()
	updates := make([]live.Update, len(some))
	var executing sync.WaitGroup
	for i, u := range some {
		if u.Follow != nil {
			updates[i].Follow = in.follow(ctx, u.Follow)
		}
		if told := toldOf(u); told != nil {
			executing.Go(func() { updates[i].Response = in.respond(together, op, told) })
		}
	}
	executing.Wait()
	return updates, nil
}

// toldOf gives an update as the schema has it; nil where nothing is told.
func toldOf(u service.InboxUpdate) generated.InboxUpdate {
	switch {
	case u.Opened != nil:
		return &generated.RoomOpened{Room: u.Opened}
	case u.Closed != nil:
		return u.Closed
	case u.Marked != nil:
		return &generated.ViewerRoomChanged{Room: u.Marked}
	case u.Viewer != nil:
		return &generated.ViewerChanged{Viewer: u.Viewer}
	case u.CaughtUp:
		return &omarty.CaughtUp{}
	}
	return nil
}

// follow says how a room is followed.
func (in *inbox) follow(ctx context.Context, l *service.InboxLog) *live.Following {
	f := &live.Following{
		Room: l.Room, Selection: selection{in.views, in.text}, After: l.After, Began: l.Began,
		Wants: all, Reader: in.watch.Reader(), Release: l.Release,
	}
	if in.own {
		f.Selection = ownSelection{in, ctx}
	}
	if l.After < l.Began {
		f.CaughtUp = in.watch.CaughtUp
	}
	return f
}

func all(omarty.Event) bool { return true }

// ownSelection is what one listener alone asks of entries: it is executed for them.
type ownSelection struct {
	in  *inbox
	ctx context.Context // the listener's
}

// Key is for live.
func (s ownSelection) Key() string { return s.in.text }

// Alone is for live.
func (ownSelection) Alone() bool { return true }

// Render is for live.
func (s ownSelection) Render(_ context.Context, entries []omarty.Event, _ map[omarty.ID]omarty.Entry) []live.Rendered {
	prefix, err := json.Marshal(s.in.field.Alias)
	if err != nil {
		panic(err) // it is a name
	}
	prefix = append(append([]byte{'{'}, prefix...), ':')
	made := make([]live.Rendered, len(entries))
	op := s.in.operation()
	for i := range entries {
		// Fields below an entry read each other's things, but not those of another entry:
		// they may have changed.
		response := s.in.respond(s.ctx, op, &entries[i])
		if response == nil {
			response = &graphql.Response{} // the listener has gone
		}
		made[i] = renderedOf(response, prefix)
	}
	return made
}
