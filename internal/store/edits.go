package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/mention"
	"github.com/omarty/chat/ent/generated/messagerevision"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/reaction"
	"github.com/omarty/chat/internal/omarty"
)

// EditMessage gives a message another text, with other mentions, and keeps the one that
// it had. Its room is locked.
func (tx *Tx) EditMessage(ctx context.Context, was omarty.Message, text string, mentions []omarty.Mention) error {
	written := was.CreatedAt
	if was.EditedAt != nil {
		written = *was.EditedAt
	}
	err := tx.tx.MessageRevision.Create().
		SetID(uuid.Must(uuid.NewV7())).SetMessageID(was.ID.Row).SetText(was.Text).SetWrittenAt(written).Exec(ctx)
	if err != nil {
		return err
	}
	if err := tx.tx.Message.UpdateOneID(was.ID.Row).SetText(text).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.tx.Mention.Delete().Where(mention.MessageID(was.ID.Row)).Exec(ctx); err != nil {
		return err
	}
	return tx.tx.Mention.MapCreateBulk(mentions, func(create *generated.MentionCreate, i int) {
		m := mentions[i]
		create.SetID(uuid.Must(uuid.NewV7())).SetMessageID(was.ID.Row).SetRoomID(was.Room.Row).SetSeq(int64(was.Seq)).
			SetNillableUserID(rowOf(m.User)).SetStart(m.Start).SetLength(m.Length)
	}).Exec(ctx)
}

// DeleteMessage takes away what a message says and what was said to it, and says who did;
// DropPollAndNotice takes away what it asks. Its room is locked.
func (tx *Tx) DeleteMessage(ctx context.Context, id, by omarty.ID) error {
	err := tx.tx.Message.UpdateOneID(id.Row).SetText("").SetDeletedByID(by.Row).Exec(ctx)
	for _, clear := range []func(context.Context) (int, error){
		tx.tx.Mention.Delete().Where(mention.MessageID(id.Row)).Exec,
		tx.tx.MessageRevision.Delete().Where(messagerevision.MessageID(id.Row)).Exec,
		tx.tx.Reaction.Delete().Where(reaction.MessageID(id.Row)).Exec,
	} {
		if err == nil {
			_, err = clear(ctx)
		}
	}
	return err
}

// Revisions gives a page of the earlier texts of a message, the oldest first.
func (s *Store) Revisions(ctx context.Context, of omarty.ID, page omarty.Page) (omarty.Slice[omarty.Revision], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.Revision], error) {
		rows, err := db.MessageRevision.Query().Where(messagerevision.MessageID(of.Row), afterRow(page.After, false)).
			Order(messagerevision.ByID()).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, func(row *generated.MessageRevision) omarty.Revision {
			return omarty.Revision{Text: row.Text, WrittenAt: row.WrittenAt.UTC()}
		}, func(row *generated.MessageRevision) uuid.UUID { return row.ID }), err
	})
}

// Mentions gives who is mentioned in messages, by message, in the order of their places.
func (s *Store) Mentions(ctx context.Context, ids []omarty.ID) (map[omarty.ID][]omarty.Mention, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.Mention, error) {
		found := map[omarty.ID][]omarty.Mention{}
		rows, err := db.Mention.Query().Where(mention.MessageIDIn(rows(ids, omarty.KindMessage)...)).
			Order(mention.ByMessageID(), mention.ByStart()).All(ctx)
		for _, row := range rows {
			of := omarty.ID{Kind: omarty.KindMessage, Row: row.MessageID}
			found[of] = append(found[of], named(row))
		}
		return found, err
	})
}

// MentionsIn gives who is mentioned in a message, in the order of their places.
func (tx *Tx) MentionsIn(ctx context.Context, id omarty.ID) ([]omarty.Mention, error) {
	rows, err := tx.tx.Mention.Query().Where(mention.MessageID(id.Row)).Order(mention.ByStart()).All(ctx)
	mentions := make([]omarty.Mention, len(rows))
	for i, row := range rows {
		mentions[i] = named(row)
	}
	return mentions, err
}

// Absent gives those of the mentioned people who are not in a room.
func (tx *Tx) Absent(ctx context.Context, id omarty.ID, mentions []omarty.Mention) ([]omarty.ID, error) {
	people := mentioned(mentions)
	if len(people) == 0 {
		return nil, nil
	}
	here, err := tx.tx.Participant.Query().
		Where(participant.RoomID(id.Row), participant.LeftAtIsNil(), participant.UserIDIn(rows(people, omarty.KindUser)...)).
		Select(participant.FieldUserID).All(ctx)
	there := map[omarty.ID]bool{}
	for _, row := range here {
		there[idOf(omarty.KindUser, row.UserID)] = true
	}
	var absent []omarty.ID
	for _, who := range people {
		if !there[who] {
			absent = append(absent, who)
		}
	}
	return absent, err
}

func named(row *generated.Mention) omarty.Mention {
	return omarty.Mention{User: idOf(omarty.KindUser, row.UserID), Start: row.Start, Length: row.Length}
}
