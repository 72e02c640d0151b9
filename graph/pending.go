package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

// What the contract promises and this server does not have yet. A root field
// answers NOT_YET_AVAILABLE; a field of what there is reads as empty. This file
// only shrinks, and e2e/testdata/not-yet-available.txt with it.

func notYet(field string) error {
	return omarty.Errorf(omarty.CodeNotYetAvailable, "This server does not have it yet.").At(field)
}

func (users) AvatarURL(context.Context, *omarty.User) (*string, error) { return nil, nil }

func (users) Presence(context.Context, *omarty.User) (*generated.Presence, error) { return nil, nil }

func (viewers) Memberships(context.Context, *omarty.Account) ([]generated.Membership, error) {
	return []generated.Membership{}, nil
}

func (viewers) Rooms(_ context.Context, _ *omarty.Account, first int, after *string) (*generated.RoomConnection, error) {
	if err := checkPage(first, after); err != nil {
		return nil, err
	}
	return &generated.RoomConnection{
		Edges:    []generated.RoomEdge{},
		Nodes:    []generated.Room{},
		PageInfo: &generated.PageInfo{},
	}, nil
}

// checkPage checks the arguments of a page that goes forward.
func checkPage(first int, after *string) error {
	if err := omarty.CheckPageSize(first, omarty.MaxPage); err != nil {
		return omarty.At(err, "first")
	}
	if after != nil {
		if _, err := omarty.ParseCursor(*after); err != nil {
			return omarty.At(err, "after")
		}
	}
	return nil
}

func (viewers) UnreadCount(context.Context, *omarty.Account) (int, error) { return 0, nil }

func (viewers) FileToken(context.Context, *omarty.Account) (string, error) { return "", nil }

func (queries) Building(context.Context, omarty.ID) (*generated.Building, error) {
	return nil, notYet("")
}

func (queries) Room(context.Context, omarty.ID) (*generated.Room, error) {
	return nil, notYet("")
}

func (queries) Message(context.Context, omarty.ID) (*generated.Message, error) {
	return nil, notYet("")
}

func (queries) Invitation(context.Context, string) (*generated.InvitationPreview, error) {
	return nil, notYet("")
}

func (queries) SearchMessages(context.Context, string, *omarty.ID, *omarty.ID, *omarty.ID, int, *string) (*generated.MessageConnection, error) {
	return nil, notYet("")
}

func (mutations) ChangeContact(context.Context, generated.ChangeContactInput) (*generated.ChangeContactPayload, error) {
	return nil, notYet("")
}

func (mutations) RequestVerification(context.Context, generated.Contact) (*generated.RequestVerificationPayload, error) {
	return nil, notYet("")
}

func (mutations) Verify(context.Context, generated.Contact, string) (*generated.VerifyPayload, error) {
	return nil, notYet("")
}

func (mutations) RequestPasswordReset(context.Context, string) (*generated.RequestPasswordResetPayload, error) {
	return nil, notYet("")
}

func (mutations) ResetPassword(context.Context, generated.ResetPasswordInput) (*generated.ResetPasswordPayload, error) {
	return nil, notYet("")
}

func (mutations) EraseAccount(context.Context, string) (*generated.EraseAccountPayload, error) {
	return nil, notYet("")
}

func (mutations) CreateBuilding(context.Context, generated.CreateBuildingInput) (*generated.CreateBuildingPayload, error) {
	return nil, notYet("")
}

func (mutations) UpdateBuilding(context.Context, generated.UpdateBuildingInput) (*generated.UpdateBuildingPayload, error) {
	return nil, notYet("")
}

func (mutations) AddApartments(context.Context, omarty.ID, []generated.ApartmentInput) (*generated.AddApartmentsPayload, error) {
	return nil, notYet("")
}

func (mutations) RemoveApartment(context.Context, omarty.ID) (*generated.RemoveApartmentPayload, error) {
	return nil, notYet("")
}

func (mutations) CreateInvitation(context.Context, generated.CreateInvitationInput) (*generated.CreateInvitationPayload, error) {
	return nil, notYet("")
}

func (mutations) RevokeInvitation(context.Context, omarty.ID) (*generated.RevokeInvitationPayload, error) {
	return nil, notYet("")
}

func (mutations) JoinBuilding(context.Context, generated.JoinBuildingInput) (*generated.JoinBuildingPayload, error) {
	return nil, notYet("")
}

func (mutations) ApproveMembership(context.Context, omarty.ID, []omarty.ID) (*generated.ApproveMembershipPayload, error) {
	return nil, notYet("")
}

func (mutations) SetMemberApartments(context.Context, omarty.ID, []omarty.ID) (*generated.SetMemberApartmentsPayload, error) {
	return nil, notYet("")
}

func (mutations) SetMemberRole(context.Context, omarty.ID, generated.MembershipRole) (*generated.SetMemberRolePayload, error) {
	return nil, notYet("")
}

func (mutations) EndMembership(context.Context, omarty.ID) (*generated.EndMembershipPayload, error) {
	return nil, notYet("")
}

func (mutations) BanMember(context.Context, omarty.ID) (*generated.BanMemberPayload, error) {
	return nil, notYet("")
}

func (mutations) UnbanMember(context.Context, omarty.ID) (*generated.UnbanMemberPayload, error) {
	return nil, notYet("")
}

func (mutations) CreateRoom(context.Context, generated.CreateRoomInput) (*generated.CreateRoomPayload, error) {
	return nil, notYet("")
}

func (mutations) UpdateRoom(context.Context, generated.UpdateRoomInput) (*generated.UpdateRoomPayload, error) {
	return nil, notYet("")
}

func (mutations) ArchiveRoom(context.Context, omarty.ID) (*generated.ArchiveRoomPayload, error) {
	return nil, notYet("")
}

func (mutations) OpenDirectRoom(context.Context, omarty.ID) (*generated.OpenDirectRoomPayload, error) {
	return nil, notYet("")
}

func (mutations) AddParticipants(context.Context, omarty.ID, []omarty.ID) (*generated.AddParticipantsPayload, error) {
	return nil, notYet("")
}

func (mutations) RemoveParticipant(context.Context, omarty.ID, omarty.ID) (*generated.RemoveParticipantPayload, error) {
	return nil, notYet("")
}

func (mutations) LeaveRoom(context.Context, omarty.ID) (*generated.LeaveRoomPayload, error) {
	return nil, notYet("")
}

func (mutations) SetNotifications(context.Context, omarty.ID, generated.NotificationLevel) (*generated.SetNotificationsPayload, error) {
	return nil, notYet("")
}

func (mutations) MarkRead(context.Context, omarty.ID, int) (*generated.MarkReadPayload, error) {
	return nil, notYet("")
}

func (mutations) SetTyping(context.Context, omarty.ID, bool) (*generated.SetTypingPayload, error) {
	return nil, notYet("")
}

func (mutations) SendMessage(context.Context, generated.SendMessageInput) (*generated.SendMessagePayload, error) {
	return nil, notYet("")
}

func (mutations) EditMessage(context.Context, generated.EditMessageInput) (*generated.EditMessagePayload, error) {
	return nil, notYet("")
}

func (mutations) DeleteMessage(context.Context, omarty.ID) (*generated.DeleteMessagePayload, error) {
	return nil, notYet("")
}

func (mutations) AddReaction(context.Context, omarty.ID, string) (*generated.AddReactionPayload, error) {
	return nil, notYet("")
}

func (mutations) RemoveReaction(context.Context, omarty.ID, string) (*generated.RemoveReactionPayload, error) {
	return nil, notYet("")
}

func (mutations) PinMessage(context.Context, omarty.ID) (*generated.PinMessagePayload, error) {
	return nil, notYet("")
}

func (mutations) UnpinMessage(context.Context, omarty.ID) (*generated.UnpinMessagePayload, error) {
	return nil, notYet("")
}

func (mutations) Vote(context.Context, omarty.ID, []omarty.ID, *omarty.ID) (*generated.VotePayload, error) {
	return nil, notYet("")
}

func (mutations) AcknowledgeNotice(context.Context, omarty.ID, int) (*generated.AcknowledgeNoticePayload, error) {
	return nil, notYet("")
}

func (mutations) UploadAttachment(context.Context, graphql.Upload) (*generated.UploadAttachmentPayload, error) {
	return nil, notYet("")
}

func (mutations) ReportMessage(context.Context, generated.ReportMessageInput) (*generated.ReportMessagePayload, error) {
	return nil, notYet("")
}

func (mutations) ResolveReport(context.Context, omarty.ID) (*generated.ResolveReportPayload, error) {
	return nil, notYet("")
}

func (subscriptions) MessagePosted(context.Context, omarty.ID, *int, *omarty.ID) (<-chan *generated.RoomEvent, error) {
	return nil, notYet("")
}

func (subscriptions) RoomEvents(context.Context, omarty.ID, *int, *omarty.ID) (<-chan generated.RoomUpdate, error) {
	return nil, notYet("")
}

func (subscriptions) InboxEvents(context.Context, []generated.RoomPosition) (<-chan generated.InboxUpdate, error) {
	return nil, notYet("")
}

func (subscriptions) RoomSignals(context.Context, omarty.ID) (<-chan generated.RoomSignal, error) {
	return nil, notYet("")
}
