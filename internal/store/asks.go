package store

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/apartment"
	"github.com/omarty/chat/ent/generated/ballot"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/notice"
	"github.com/omarty/chat/ent/generated/noticeapartment"
	"github.com/omarty/chat/ent/generated/poll"
	"github.com/omarty/chat/ent/generated/residency"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/internal/omarty"
)

// askedAtOnce is how many apartments a notice asks by one statement, which has a bounded
// number of arguments.
const askedAtOnce = 1000

// AskAgain makes a notice ask the apartments in which somebody lives now, none of which
// has confirmed. The lock of the notice's room is held.
func (tx *Tx) AskAgain(ctx context.Context, id omarty.ID) error {
	row, err := tx.tx.Notice.Get(ctx, id.Row)
	if err != nil {
		return absent(err)
	}
	if _, err := tx.tx.NoticeApartment.Delete().Where(noticeapartment.NoticeID(id.Row)).Exec(ctx); err != nil {
		return err
	}
	building, err := tx.tx.Room.Query().Where(room.ID(row.RoomID)).QueryBuilding().OnlyID(ctx)
	if err != nil {
		return err
	}
	asked, err := tx.tx.Apartment.Query().Where(apartment.HasResidenciesWith(residency.HasMembershipWith(
		membership.BuildingID(building), membership.Status(string(omarty.StatusActive)),
	))).IDs(ctx)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(asked, askedAtOnce) {
		err := tx.tx.NoticeApartment.MapCreateBulk(some, func(create *generated.NoticeApartmentCreate, i int) {
			create.SetID(uuid.Must(uuid.NewV7())).SetNoticeID(id.Row).SetApartmentID(some[i])
		}).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return row.Update().SetApartmentCount(int64(len(asked))).SetAcknowledgedCount(0).Exec(ctx)
}

// DropPollAndNotice removes the poll of a message with its votes, and its notice with
// the confirmations, as far as it has them.
func (tx *Tx) DropPollAndNotice(ctx context.Context, message omarty.ID) error {
	for _, remove := range []func(context.Context) (int, error){
		tx.tx.Ballot.Delete().Where(ballot.PollID(message.Row)).Exec,
		tx.tx.Poll.Delete().Where(poll.ID(message.Row)).Exec,
		tx.tx.NoticeApartment.Delete().Where(noticeapartment.NoticeID(message.Row)).Exec,
		tx.tx.Notice.Delete().Where(notice.ID(message.Row)).Exec,
	} {
		if _, err := remove(ctx); err != nil {
			return err
		}
	}
	return tx.tx.Message.UpdateOneID(message.Row).SetPoll(false).SetNotice(false).Exec(ctx)
}
