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

// connection reads a page and makes a connection of it; null where the asker does
// not see the list.
func connection[T, E, C any](
	ctx context.Context, first int, after *string,
	read func(context.Context, omarty.Page) (omarty.Slice[T], error),
	edge func(cursor string, node *T) E,
	whole func(edges []E, nodes []T, info *generated.PageInfo) *C,
) (*C, error) {
	page, err := pageOf(first, after)
	if err != nil {
		return nil, err
	}
	s, err := orNull(read(ctx, page))
	if err != nil || s == nil {
		return nil, err
	}
	edges := make([]E, len(s.Items))
	info := &generated.PageInfo{HasNextPage: s.More, HasPreviousPage: page.After != nil}
	for i := range s.Items {
		cursor := s.Cursors[i].String()
		edges[i] = edge(cursor, &s.Items[i])
		if i == 0 {
			info.StartCursor = &cursor
		}
		info.EndCursor = &cursor
	}
	if s.Items == nil {
		s.Items = []T{}
	}
	return whole(edges, s.Items, info), nil
}

func apartmentPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Apartment], error)) (*generated.ApartmentConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Apartment) generated.ApartmentEdge {
			return generated.ApartmentEdge{Cursor: c, Node: n}
		},
		func(e []generated.ApartmentEdge, n []omarty.Apartment, i *generated.PageInfo) *generated.ApartmentConnection {
			return &generated.ApartmentConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func memberPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Membership], error)) (*generated.MembershipConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Membership) generated.MembershipEdge {
			return generated.MembershipEdge{Cursor: c, Node: n}
		},
		func(e []generated.MembershipEdge, n []omarty.Membership, i *generated.PageInfo) *generated.MembershipConnection {
			load(ctx).foreseeMemberships(n)
			return &generated.MembershipConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func userPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.User], error)) (*generated.UserConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.User) generated.UserEdge { return generated.UserEdge{Cursor: c, Node: n} },
		func(e []generated.UserEdge, n []omarty.User, i *generated.PageInfo) *generated.UserConnection {
			return &generated.UserConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func invitationPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Invitation], error)) (*generated.InvitationConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Invitation) generated.InvitationEdge {
			return generated.InvitationEdge{Cursor: c, Node: n}
		},
		func(e []generated.InvitationEdge, n []omarty.Invitation, i *generated.PageInfo) *generated.InvitationConnection {
			return &generated.InvitationConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func auditPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.AuditRecord], error)) (*generated.AuditEntryConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.AuditRecord) generated.AuditEntryEdge {
			return generated.AuditEntryEdge{Cursor: c, Node: n}
		},
		func(e []generated.AuditEntryEdge, n []omarty.AuditRecord, i *generated.PageInfo) *generated.AuditEntryConnection {
			return &generated.AuditEntryConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func reportPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Report], error)) (*generated.ReportConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Report) generated.ReportEdge {
			return generated.ReportEdge{Cursor: c, Node: n}
		},
		func(e []generated.ReportEdge, n []omarty.Report, i *generated.PageInfo) *generated.ReportConnection {
			load(ctx).foreseeReports(n)
			return &generated.ReportConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func roomPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Room], error)) (*generated.RoomConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Room) generated.RoomEdge { return generated.RoomEdge{Cursor: c, Node: n} },
		func(e []generated.RoomEdge, n []omarty.Room, i *generated.PageInfo) *generated.RoomConnection {
			load(ctx).foreseeRooms(n)
			return &generated.RoomConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func foundPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Message], error)) (*generated.MessageConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Message) generated.MessageEdge {
			return generated.MessageEdge{Cursor: c, Node: n}
		},
		func(e []generated.MessageEdge, n []omarty.Message, i *generated.PageInfo) *generated.MessageConnection {
			load(ctx).foreseeMessages(n)
			return &generated.MessageConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func participantPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Participant], error)) (*generated.RoomParticipantConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Participant) generated.RoomParticipantEdge {
			return generated.RoomParticipantEdge{Cursor: c, Node: n}
		},
		func(e []generated.RoomParticipantEdge, n []omarty.Participant, i *generated.PageInfo) *generated.RoomParticipantConnection {
			load(ctx).foreseeParticipants(n)
			return &generated.RoomParticipantConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}

func revisionPage(ctx context.Context, first int, after *string, read func(context.Context, omarty.Page) (omarty.Slice[omarty.Revision], error)) (*generated.MessageRevisionConnection, error) {
	return connection(ctx, first, after, read,
		func(c string, n *omarty.Revision) generated.MessageRevisionEdge {
			return generated.MessageRevisionEdge{Cursor: c, Node: n}
		},
		func(e []generated.MessageRevisionEdge, n []omarty.Revision, i *generated.PageInfo) *generated.MessageRevisionConnection {
			return &generated.MessageRevisionConnection{Edges: e, Nodes: n, PageInfo: i}
		})
}
