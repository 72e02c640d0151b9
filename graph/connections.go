package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

// pageOf reads the arguments of a page that goes forward.
func pageOf(first int, after *string) (omarty.Page, error) {
	page := omarty.Page{First: first}
	if err := omarty.CheckPageSize(first, omarty.MaxPage); err != nil {
		return page, omarty.At(err, "first")
	}
	if after != nil {
		cursor, err := omarty.ParseCursor(*after)
		if err != nil {
			return page, omarty.At(err, "after")
		}
		page.After = &cursor
	}
	return page, nil
}

// edgeOf and connectionOf are what the generated types of all connections look like.
type edgeOf[T any] interface {
	~struct {
		Cursor string `json:"cursor"`
		Node   *T     `json:"node"`
	}
}

type connectionOf[T any, E edgeOf[T]] interface {
	~struct {
		Edges    []E                 `json:"edges"`
		Nodes    []T                 `json:"nodes"`
		PageInfo *generated.PageInfo `json:"pageInfo"`
	}
}

// connection makes one of nodes, each with its cursor, between those before and after them.
func connection[C connectionOf[T, E], E edgeOf[T], T any](nodes []T, cursorOf func(i int) omarty.Cursor, before, after bool) *C {
	if nodes == nil {
		nodes = []T{}
	}
	edges := make([]E, len(nodes))
	info := &generated.PageInfo{HasPreviousPage: before, HasNextPage: after}
	for i := range nodes {
		cursor := cursorOf(i).String()
		edges[i] = E{Cursor: cursor, Node: &nodes[i]}
		if i == 0 {
			info.StartCursor = &cursor
		}
		info.EndCursor = &cursor
	}
	return &C{Edges: edges, Nodes: nodes, PageInfo: info}
}

// pages gives what reads a page and makes a connection of it; null where the asker does
// not see the list. What hangs below the nodes is foreseen, where foresee is not nil.
func pages[C connectionOf[T, E], E edgeOf[T], T any](foresee func(*loaders, []T)) func(
	ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[T], error),
) (*C, error) {
	return func(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[T], error)) (*C, error) {
		page, err := pageOf(first, after)
		if err != nil {
			return nil, err
		}
		s, err := orNull(read(ctx, page))
		if err != nil || s == nil {
			return nil, err
		}
		if foresee != nil {
			foresee(load(ctx), s.Items)
		}
		return connection[C](s.Items, func(i int) omarty.Cursor { return s.Cursors[i] }, page.After != nil, s.More), nil
	}
}

var (
	apartmentPage   = pages[generated.ApartmentConnection](nil)
	memberPage      = pages[generated.MembershipConnection]((*loaders).foreseeMemberships)
	userPage        = pages[generated.UserConnection](nil)
	invitationPage  = pages[generated.InvitationConnection](nil)
	auditPage       = pages[generated.AuditEntryConnection](nil)
	reportPage      = pages[generated.ReportConnection]((*loaders).foreseeReports)
	roomPage        = pages[generated.RoomConnection]((*loaders).foreseeRooms)
	foundPage       = pages[generated.MessageConnection]((*loaders).foreseeMessages)
	participantPage = pages[generated.RoomParticipantConnection]((*loaders).foreseeParticipants)
	revisionPage    = pages[generated.MessageRevisionConnection](nil)
)
