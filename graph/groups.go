package graph

import (
	"cmp"
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (m mutations) CreateRoom(ctx context.Context, in generated.CreateRoomInput) (*generated.CreateRoomPayload, error) {
	room, err := m.verbs.CreateRoom(ctx, asker(ctx), service.NewGroup{
		Building: in.Building, Name: in.Name, Topic: in.Topic, Participants: in.Participants,
	})
	if err != nil {
		return nil, err
	}
	return &generated.CreateRoomPayload{Room: &room}, nil
}

func (m mutations) UpdateRoom(ctx context.Context, in generated.UpdateRoomInput) (*generated.UpdateRoomPayload, error) {
	change := service.RoomChange{Topic: cleared(in.Topic)}
	if err := given(&change.Name, in.Name, "input.name"); err != nil {
		return nil, cmp.Or(asker(ctx).SignedIn(), err)
	}
	room, err := m.verbs.UpdateRoom(ctx, asker(ctx), in.Room, change)
	if err != nil {
		return nil, err
	}
	return &generated.UpdateRoomPayload{Room: &room}, nil
}

func (m mutations) ArchiveRoom(ctx context.Context, id omarty.ID) (*generated.ArchiveRoomPayload, error) {
	room, err := m.verbs.ArchiveRoom(ctx, asker(ctx), id)
	if err != nil {
		return nil, err
	}
	return &generated.ArchiveRoomPayload{Room: &room}, nil
}

func (m mutations) OpenDirectRoom(ctx context.Context, user omarty.ID) (*generated.OpenDirectRoomPayload, error) {
	room, err := m.verbs.OpenDirectRoom(ctx, asker(ctx), user)
	if err != nil {
		return nil, err
	}
	return &generated.OpenDirectRoomPayload{Room: &room}, nil
}

func (m mutations) AddParticipants(ctx context.Context, id omarty.ID, users []omarty.ID) (*generated.AddParticipantsPayload, error) {
	room, err := m.verbs.AddParticipants(ctx, asker(ctx), id, users)
	if err != nil {
		return nil, err
	}
	return &generated.AddParticipantsPayload{Room: &room}, nil
}

func (m mutations) RemoveParticipant(ctx context.Context, id, user omarty.ID) (*generated.RemoveParticipantPayload, error) {
	room, err := m.verbs.RemoveParticipant(ctx, asker(ctx), id, user)
	if err != nil {
		return nil, err
	}
	return &generated.RemoveParticipantPayload{Room: &room}, nil
}

func (m mutations) LeaveRoom(ctx context.Context, id omarty.ID) (*generated.LeaveRoomPayload, error) {
	if err := m.verbs.LeaveRoom(ctx, asker(ctx), id); err != nil {
		return nil, err
	}
	viewer, err := m.verbs.Account(ctx, asker(ctx))
	return &generated.LeaveRoomPayload{RoomID: id, Viewer: &viewer}, err
}

func (m mutations) SetNotifications(ctx context.Context, id omarty.ID, level omarty.NotificationLevel) (*generated.SetNotificationsPayload, error) {
	room, err := m.verbs.SetNotifications(ctx, asker(ctx), id, level)
	if err != nil {
		return nil, err
	}
	return &generated.SetNotificationsPayload{Room: &room}, nil
}
