package graph

import (
	"context"
	"errors"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// Streams tells whether a request is answered by what stays open, a socket or
// Server-Sent Events: nothing around it may hold back what it writes.
func Streams(r *http.Request) bool {
	return live.IsSocket(r) || negotiate(r.Header.Values("Accept")) == live.TypeEvents
}

// Drain ends all sockets and streams, as live.Server.Drain does.
func (a *API) Drain(ctx context.Context) { a.live.Drain(ctx) }

// serveStream answers with what stays open: no time limit is on the request.
func (a *API) serveStream(w http.ResponseWriter, r *http.Request) {
	if live.IsSocket(r) {
		// A socket outlives its request, and is not to keep it.
		a.live.ServeSocket(w, r.WithContext(service.WithPeer(withAccepted(a.detached(r.Context()), r.Header), r.RemoteAddr)))
		return
	}
	r = r.WithContext(service.WithPeer(withAccepted(r.Context(), r.Header), r.RemoteAddr))
	params, read, problem := a.read(w, r)
	defer read()
	if problem != nil {
		a.refuseProblem(w, r, typeJSON, problem)
		return
	}
	a.live.ServeEvents(w, r, params)
}

// logs are what live follows.
type logs struct{ api *API }

// Follow is for live.
func (l logs) Follow(room omarty.ID, heard func([]omarty.Entry)) live.Log {
	return roomLog{l.api.verbs.FollowLog(room, heard), l.api}
}

type roomLog struct {
	*service.RoomLog
	api *API
}

// Read is for live.
func (l roomLog) Read(ctx context.Context, after, first int) ([]omarty.Event, error) {
	entries, err := l.RoomLog.Read(ctx, after, first)
	if err != nil && ctx.Err() == nil {
		l.api.log.ErrorContext(ctx, "fault", "error", err)
	}
	return entries, err
}

// sessions tells live who asks.
type sessions struct {
	verbs Verbs
	note  func(ctx context.Context, session, room omarty.ID)
}

// Arrive is for live.
func (s sessions) Arrive(ctx context.Context) (settled func(signedIn bool), err error) {
	return s.verbs.Arrive(asker(ctx))
}

// Open is for live.
func (s sessions) Open(ctx context.Context, token string, ended func()) (context.Context, func(), error) {
	if token == "" {
		release, err := s.verbs.ConnectNobody(asker(ctx))
		if err != nil {
			return ctx, nil, err
		}
		return ctx, release, nil
	}
	by, release, err := s.verbs.Connect(ctx, omarty.Token(token), ended)
	if err != nil {
		return ctx, nil, faultOf(err)
	}
	if by.SignedIn() != nil {
		release()
		return ctx, nil, live.ErrBadToken
	}
	by.Address = asker(ctx).Address
	s.note(ctx, by.Session, omarty.ID{})
	return service.WithAsker(ctx, by), release, nil
}

// faultOf marks what is not one of the failures that verbs promise.
func faultOf(err error) error {
	if _, known := errors.AsType[*omarty.Error](err); known {
		return err
	}
	return fault{cause: err}
}

// bounded is the executor with a bound on how many errors of a document it tells, and on
// what one asks it for.
type bounded struct{ *executor.Executor }

// CreateOperationContext is for gqlgen.
func (b bounded) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	if err := turnOf(ctx).look(ctx, min(len(params.Query)/bytesOfUnit, maxLook)); err != nil {
		return &graphql.OperationContext{}, gqlerror.List{gqlerror.Wrap(err)}
	}
	op, refused := b.Executor.CreateOperationContext(ctx, params)
	return op, refused[:min(len(refused), maxErrors)]
}
