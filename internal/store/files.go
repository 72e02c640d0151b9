package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/file"
	"github.com/omarty/chat/ent/generated/membership"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/predicate"
	"github.com/omarty/chat/internal/omarty"
)

// FileFor gives a file to who may read it now: who uploaded it while nobody uses it, who
// is in the room of its message, and who sees the person whose avatar it is. NOT_FOUND to
// others, in the same statement as what is not there.
func (s *Store) FileFor(ctx context.Context, id, of omarty.ID) (omarty.File, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.File, error) {
		row, err := db.File.Query().Where(file.ID(id.Row), file.DroppedAtIsNil(), readableFile(of)).Only(ctx)
		if err != nil {
			return omarty.File{}, err
		}
		return filed(row), nil
	})
}

// readableFile keeps the files that somebody may read.
func readableFile(of omarty.ID) predicate.File {
	return func(s *sql.Selector) {
		dialect := s.Dialect()
		said, here := sql.Table(message.Table), sql.Table(participant.Table)
		inRoom := sql.Dialect(dialect).Select(said.C(message.FieldID)).From(said).
			Join(here).On(said.C(message.FieldRoomID), here.C(participant.FieldRoomID)).
			Where(sql.And(
				sql.ColumnsEQ(said.C(message.FieldID), s.C(file.FieldMessageID)),
				sql.IsNull(said.C(message.FieldDeletedAt)),
				sql.EQ(here.C(participant.FieldUserID), of.Row),
				sql.IsNull(here.C(participant.FieldLeftAt)),
			))
		theirs, own := sql.Table(membership.Table).As("theirs"), sql.Table(membership.Table).As("own")
		neighbours := sql.Dialect(dialect).Select(theirs.C(membership.FieldID)).From(theirs).
			Join(own).On(theirs.C(membership.FieldBuildingID), own.C(membership.FieldBuildingID)).
			Where(sql.And(
				sql.ColumnsEQ(theirs.C(membership.FieldUserID), s.C(file.FieldAvatarOf)),
				sql.EQ(theirs.C(membership.FieldStatus), string(omarty.StatusActive)),
				sql.EQ(own.C(membership.FieldUserID), of.Row),
				sql.EQ(own.C(membership.FieldStatus), string(omarty.StatusActive)),
			))
		they, self := sql.Table(participant.Table).As("they"), sql.Table(participant.Table).As("self")
		together := sql.Dialect(dialect).Select(they.C(participant.FieldID)).From(they).
			Join(self).On(they.C(participant.FieldRoomID), self.C(participant.FieldRoomID)).
			Where(sql.And(
				sql.ColumnsEQ(they.C(participant.FieldUserID), s.C(file.FieldAvatarOf)),
				sql.IsNull(they.C(participant.FieldLeftAt)),
				sql.EQ(self.C(participant.FieldUserID), of.Row),
				sql.IsNull(self.C(participant.FieldLeftAt)),
			))
		s.Where(sql.Or(
			sql.And(
				sql.IsNull(s.C(file.FieldMessageID)), sql.IsNull(s.C(file.FieldAvatarOf)),
				sql.EQ(s.C(file.FieldOwnerID), of.Row),
			),
			sql.EQ(s.C(file.FieldAvatarOf), of.Row),
			sql.Exists(inRoom), sql.Exists(neighbours), sql.Exists(together),
		))
	}
}

// Attachments gives the files of messages, by message, in their order.
func (s *Store) Attachments(ctx context.Context, messages []omarty.ID) (map[omarty.ID][]omarty.File, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.File, error) {
		found, err := db.File.Query().
			Where(file.MessageIDIn(rows(messages, omarty.KindMessage)...), file.DroppedAtIsNil()).
			Order(file.ByMessageID(), file.ByPosition()).All(ctx)
		return listsBy(found, filed, func(f omarty.File) omarty.ID { return f.Message }), err
	})
}

// FilesOf gives the files that somebody uploaded, or that are their avatar, as they are
// read by themselves; not what was dropped.
func (s *Store) FilesOf(ctx context.Context, of omarty.ID) ([]omarty.File, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.File, error) {
		found, err := db.File.Query().Where(file.OwnerID(of.Row), file.DroppedAtIsNil()).Order(file.ByID()).All(ctx)
		return each(found, filed), err
	})
}

// UnusedBytes gives how many bytes the files have that somebody uploaded and that nobody
// uses.
func (s *Store) UnusedBytes(ctx context.Context, of omarty.ID) (int, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (int, error) {
		sizes, err := db.File.Query().
			Where(file.OwnerID(of.Row), file.MessageIDIsNil(), file.AvatarOfIsNil(), file.DroppedAtIsNil()).
			Select(file.FieldSize).Ints(ctx)
		total := 0
		for _, size := range sizes {
			total += size
		}
		return total, err
	})
}

// KnownFiles gives those of the files that there are, dropped or not.
func (s *Store) KnownFiles(ctx context.Context, ids []omarty.ID) (map[omarty.ID]bool, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]bool, error) {
		found, err := db.File.Query().Where(file.IDIn(rows(ids, omarty.KindFile)...)).IDs(ctx)
		known := map[omarty.ID]bool{}
		for _, row := range found {
			known[omarty.ID{Kind: omarty.KindFile, Row: row}] = true
		}
		return known, err
	})
}

// DroppedFiles gives files whose content is to be removed.
func (s *Store) DroppedFiles(ctx context.Context, most int) ([]omarty.File, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.File, error) {
		found, err := db.File.Query().Where(file.DroppedAtNotNil()).Order(file.ByDroppedAt()).Limit(most).All(ctx)
		return each(found, filed), err
	})
}

// AddFile stores a file whose content is in the file storage.
func (tx *Tx) AddFile(ctx context.Context, f omarty.File) error {
	return tx.tx.File.Create().SetID(f.ID.Row).SetNillableOwnerID(rowOf(f.Owner)).SetName(f.Name).
		SetContentType(f.ContentType).SetSize(int64(f.Size)).SetNillableWidth(f.Width).SetNillableHeight(f.Height).
		SetThumbnail(f.Thumbnail).SetCreatedAt(f.CreatedAt).Exec(ctx)
}

// UnusedFile gives a file that somebody uploaded and nobody uses, and lets nobody else use
// it until the transaction ends.
func (tx *Tx) UnusedFile(ctx context.Context, id, of omarty.ID, since time.Time) (omarty.File, error) {
	row, err := tx.tx.File.Query().Where(file.ID(id.Row), file.OwnerID(of.Row), file.MessageIDIsNil(), file.AvatarOfIsNil(),
		file.DroppedAtIsNil(), file.CreatedAtGT(since), forUpdate).Only(ctx)
	if err != nil {
		return omarty.File{}, absent(err)
	}
	return filed(row), nil
}

// SetAvatar makes a file somebody's avatar, and drops the one that they had; the zero id
// is for none.
func (tx *Tx) SetAvatar(ctx context.Context, of, id omarty.ID, at time.Time) error {
	_, err := tx.tx.File.Update().Where(file.AvatarOf(of.Row), file.DroppedAtIsNil()).SetDroppedAt(at).Save(ctx)
	if err != nil {
		return err
	}
	change := tx.tx.User.UpdateOneID(of.Row)
	if id.IsZero() {
		return change.ClearAvatarID().Exec(ctx)
	}
	if err := tx.tx.File.UpdateOneID(id.Row).SetAvatarOf(of.Row).Exec(ctx); err != nil {
		return err
	}
	return change.SetAvatarID(id.Row).Exec(ctx)
}

// DropAttachments drops the files of a message, whose room is locked.
func (tx *Tx) DropAttachments(ctx context.Context, of omarty.ID, at time.Time) error {
	_, err := tx.tx.File.Update().Where(file.MessageID(of.Row), file.DroppedAtIsNil()).SetDroppedAt(at).Save(ctx)
	if err != nil {
		return err
	}
	return tx.tx.Message.UpdateOneID(of.Row).SetAttachments(0).Exec(ctx)
}

// DropUnused drops the files that nobody used until a moment since they were uploaded.
func (tx *Tx) DropUnused(ctx context.Context, until, at time.Time) error {
	_, err := tx.tx.File.Update().
		Where(file.CreatedAtLTE(until), file.MessageIDIsNil(), file.AvatarOfIsNil(), file.DroppedAtIsNil()).
		SetDroppedAt(at).Save(ctx)
	return err
}

// RemoveFiles forgets files whose contents are removed.
func (tx *Tx) RemoveFiles(ctx context.Context, ids []omarty.ID) error {
	_, err := tx.tx.File.Delete().Where(file.IDIn(rows(ids, omarty.KindFile)...), file.DroppedAtNotNil()).Exec(ctx)
	return err
}

func filed(row *generated.File) omarty.File {
	return omarty.File{
		ID:          omarty.ID{Kind: omarty.KindFile, Row: row.ID},
		Owner:       idOf(omarty.KindUser, row.OwnerID),
		Name:        row.Name,
		ContentType: row.ContentType,
		Size:        int(row.Size),
		Width:       row.Width,
		Height:      row.Height,
		Thumbnail:   row.Thumbnail,
		CreatedAt:   row.CreatedAt.UTC(),
		Message:     idOf(omarty.KindMessage, row.MessageID),
		AvatarOf:    idOf(omarty.KindUser, row.AvatarOf),
	}
}
