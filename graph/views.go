package graph

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
)

// views renders entries for all who selected the same of them: as one operation of
// nobody's, in gqlgen's own executor, that is fed one entry after the other.
type views struct {
	api *API

	mu       sync.Mutex
	renderer map[string][]*renderer // those that nobody uses, by their text
	kept     int
}

// maxRenderers is how many operations are kept for the next entry.
const maxRenderers = 64

// selection is what is asked of entries.
type selection struct {
	views *views
	text  string
}

// Key is for live.
func (s selection) Key() string { return s.text }

// Alone is for live.
func (selection) Alone() bool { return false }

// Render is for live.
func (s selection) Render(ctx context.Context, entries []omarty.Event, known map[omarty.ID]omarty.Entry) []live.Rendered {
	made := make([]live.Rendered, len(entries))
	ctx = s.views.prepare(ctx, entries, known)
	r, err := s.views.take(s.text)
	if err != nil {
		// The same text was accepted when it was shared, so this is a fault.
		for i := range made {
			made[i] = live.Rendered{Value: []byte("null"), Errors: s.views.present(ctx, err)}
		}
		return made
	}
	defer s.views.giveBack(r)
	for i := range entries {
		made[i] = r.render(ctx, &entries[i])
	}
	return made
}

// prepare gives a context in which entries are rendered: nobody asks, and what the
// entries name is known, or read in one go.
func (v *views) prepare(ctx context.Context, entries []omarty.Event, known map[omarty.ID]omarty.Entry) context.Context {
	made := newLoaders(v.api.verbs)
	messages, people := map[omarty.ID]omarty.Message{}, map[omarty.ID]omarty.User{}
	mentions, reactions := map[omarty.ID][]omarty.Mention{}, map[omarty.ID][]omarty.Reaction{}
	for id, k := range unchanged(entries, known) {
		messages[id], mentions[id], reactions[id] = *k.Message, k.Mentions, nil
	}
	for _, k := range known {
		if k.Actor != nil {
			people[k.Actor.ID] = *k.Actor
		}
	}
	made.messages.know(messages)
	made.mentions.know(mentions)
	made.reactions.know(reactions)
	made.users.know(people)
	made.foreseeEvents(entries)
	made.foreseeMessages(slices.Collect(maps.Values(messages)))
	return context.WithValue(ctx, loadersKey{}, func() *loaders { return made })
}

// unchanged gives those of the messages that are known as they were posted that are so
// still: not those that have an answer among the entries, by which they have one more.
func unchanged(entries []omarty.Event, known map[omarty.ID]omarty.Entry) map[omarty.ID]omarty.Entry {
	now := map[omarty.ID]omarty.Entry{}
	for _, e := range entries {
		k := known[e.Message]
		if e.Kind == omarty.EventMessagePosted && k.Message == nil {
			return nil // who knows what it answers
		}
		if k.Message != nil {
			now[e.Message] = k
		}
	}
	for _, k := range now {
		delete(now, k.Message.ReplyTo)
	}
	return now
}

// renderer is an operation that is fed entries.
type renderer struct {
	text      string
	feed      chan *omarty.Event
	ctx       context.Context
	responses graphql.ResponseHandler
}

// renderField is the response key of a renderer's field.
const renderField = "e"

type feedKey struct{}

// feedOf gives the channel that a renderer's resolver gives as it is; nil for other
// operations.
func feedOf(ctx context.Context) chan *omarty.Event {
	feed, _ := ctx.Value(feedKey{}).(chan *omarty.Event)
	return feed
}

// take gives a renderer that nobody uses.
func (v *views) take(text string) (*renderer, error) {
	v.mu.Lock()
	idle := v.renderer[text]
	if n := len(idle); n > 0 {
		r := idle[n-1]
		v.renderer[text] = idle[:n-1]
		if n == 1 {
			delete(v.renderer, text)
		}
		v.kept--
		v.mu.Unlock()
		return r, nil
	}
	v.mu.Unlock()
	r := &renderer{text: text, feed: make(chan *omarty.Event, 1)}
	ctx := graphql.StartOperationTrace(context.WithValue(context.Background(), feedKey{}, r.feed))
	op, refused := v.api.exec.CreateOperationContext(ctx, &graphql.RawParams{
		Query: `subscription{` + renderField + `:messagePosted(room:"")` + text + `}`,
	})
	if refused != nil {
		return nil, refused
	}
	r.responses, r.ctx = v.api.exec.DispatchOperation(ctx, op)
	return r, nil
}

// giveBack keeps a renderer for the next entry.
func (v *views) giveBack(r *renderer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.kept >= maxRenderers {
		clear(v.renderer)
		v.kept = 0
	}
	v.renderer[r.text] = append(v.renderer[r.text], r)
	v.kept++
}

// present gives an error as clients are told of it.
func (v *views) present(ctx context.Context, err error) gqlerror.List {
	return v.api.exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(err)}).Errors
}

// render gives an entry as it reads; ctx has what prepare put there.
func (r *renderer) render(ctx context.Context, e *omarty.Event) live.Rendered {
	ctx = graphql.WithOperationContext(ctx, graphql.GetOperationContext(r.ctx))
	r.feed <- e
	return renderedOf(r.responses(ctx), []byte(`{"`+renderField+`":`))
}

// renderedOf takes what an entry reads as out of a response, in which it stands behind
// a prefix. Paths of errors lose their root: each who is told has one of their own.
func renderedOf(response *graphql.Response, prefix []byte) live.Rendered {
	rendered := live.Rendered{Value: []byte("null")}
	if value, ok := bytes.CutPrefix(response.Data, prefix); ok {
		rendered.Value = bytes.Clone(value[:len(value)-1])
	}
	for _, e := range response.Errors {
		if len(e.Path) > 0 {
			e.Path = e.Path[1:]
		}
		rendered.Errors = append(rendered.Errors, e)
	}
	return rendered
}
