package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/ent/generated/roomevent"
	"github.com/omarty/chat/internal/omarty"
)

// How the log of a room is written. Whatever changes a room says so by Tx.Append,
// and the change and its entry commit together. Numbering is the last thing that a
// transaction does: it locks the rows of the rooms, in the order of their ids, so
// that nobody waits for who waits for them; it gives each entry the next number
// under the lock, which it holds until the commit. So a log is 1, 2, 3, … with no
// gap, whatever fails, and entries become visible in the order of their numbers.

// OnCommit makes the store tell of entries after their transaction was committed:
// those of one room in the order of their numbers. Of two transactions, the later
// one may be told of first, and of a commit whose outcome is unknown nothing is
// told. The context is one of those who wrote, or has what Join made of theirs. OnCommit is
// called before the store is used.
func (s *Store) OnCommit(tell func(context.Context, []omarty.Entry)) { s.committed = tell }

// Append says what a room's log shall tell of this transaction. Its number comes
// with the commit; its moment is not before that of the entry before it. The message
// that it is about, which was posted before, has that number as its ChangedSeq then,
// and as its TextSeq where the entry changes its text; and where the entry edits, deletes,
// pins or unpins it, its moment as that of the change.
func (tx *Tx) Append(e omarty.Event) { tx.entries = append(tx.entries, e) }

// writeLogs numbers the entries and writes them.
func (tx *Tx) writeLogs(ctx context.Context) error {
	byRoom := map[uuid.UUID][]*omarty.Event{}
	for i := range tx.entries {
		e := &tx.entries[i]
		byRoom[e.Room.Row] = append(byRoom[e.Room.Row], e)
	}
	inOrder := slices.SortedFunc(maps.Keys(byRoom), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range inOrder {
		if err := tx.writeLog(ctx, id, byRoom[id]); err != nil {
			return err
		}
	}
	return nil
}

// writeLog numbers the entries of one room and writes them.
func (tx *Tx) writeLog(ctx context.Context, id uuid.UUID, entries []*omarty.Event) error {
	row, err := tx.lockRoom(ctx, id)
	if err != nil {
		return err
	}
	seq, at := row.LastSeq, row.MovedAt.UTC()
	for _, e := range entries {
		seq, at = seq+1, latest(at, e.At)
		e.Seq, e.At = int(seq), at
	}
	err = tx.tx.RoomEvent.MapCreateBulk(entries, func(create *generated.RoomEventCreate, i int) {
		e := entries[i]
		create.SetID(uuid.Must(uuid.NewV7())).SetRoomID(id).SetSeq(int64(e.Seq)).SetAt(e.At).SetKind(string(e.Kind)).
			SetNillableActorID(rowOf(e.Actor)).SetNillableMessageID(rowOf(e.Message)).SetNillableMemberID(rowOf(e.Member))
		if e.Emoji != "" {
			create.SetEmoji(string(e.Emoji))
		}
	}).Exec(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := tx.markChanged(ctx, e); err != nil {
			return err
		}
	}
	return tx.tx.Room.UpdateOneID(id).SetLastSeq(seq).SetMovedAt(at).Exec(ctx)
}

// markChanged says of the message that an entry is about which entry changed it last, and
// has it found by what it says now.
func (tx *Tx) markChanged(ctx context.Context, e *omarty.Event) error {
	if e.Message.IsZero() {
		return nil
	}
	change := tx.tx.Message.UpdateOneID(e.Message.Row).SetChangedSeq(int64(e.Seq))
	if e.ChangesText() {
		change.SetTextSeq(int64(e.Seq))
	}
	switch e.Kind {
	case omarty.EventMessageEdited:
		change.SetEditedAt(e.At)
	case omarty.EventMessageDeleted:
		change.SetDeletedAt(e.At).ClearPinnedAt()
	case omarty.EventMessagePinned:
		change.SetPinnedAt(e.At)
	case omarty.EventMessageUnpinned:
		change.ClearPinnedAt()
	}
	if err := change.Exec(ctx); err != nil || !e.ChangesText() {
		return err
	}
	return tx.reword(ctx, e.Message)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tell tells of the entries that were committed.
func (s *Store) tell(ctx context.Context, written []omarty.Entry) {
	if s.committed != nil && len(written) > 0 {
		s.committed(ctx, written)
	}
}

// Events gives the first entries of a room's log after a position, to who may read
// it.
func (s *Store) Events(ctx context.Context, id omarty.ID, to omarty.Reader, after, first int) ([]omarty.Event, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.Event, error) {
		rows, err := db.RoomEvent.Query().
			Where(roomevent.RoomID(id.Row), roomevent.SeqGT(int64(after)), roomevent.HasRoomWith(readable(to))).
			Order(roomevent.BySeq()).Limit(first).All(ctx)
		events := make([]omarty.Event, len(rows))
		for i, row := range rows {
			events[i] = happening(row)
		}
		return events, err
	})
}

// Heads gives where the logs of those of the rooms stand that there are.
func (s *Store) Heads(ctx context.Context, ids []omarty.ID) (map[omarty.ID]int, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID]int, error) {
		found, err := db.Room.Query().Where(room.IDIn(rows(ids, omarty.KindRoom)...)).
			Select(room.FieldID, room.FieldLastSeq).All(ctx)
		heads := make(map[omarty.ID]int, len(found))
		for _, row := range found {
			heads[omarty.ID{Kind: omarty.KindRoom, Row: row.ID}] = int(row.LastSeq)
		}
		return heads, err
	})
}

func happening(row *generated.RoomEvent) omarty.Event {
	e := omarty.Event{
		Room:    omarty.ID{Kind: omarty.KindRoom, Row: row.RoomID},
		Seq:     int(row.Seq),
		At:      row.At.UTC(),
		Kind:    omarty.EventKind(row.Kind),
		Actor:   idOf(omarty.KindUser, row.ActorID),
		Message: idOf(omarty.KindMessage, row.MessageID),
		Member:  idOf(omarty.KindUser, row.MemberID),
	}
	if row.Emoji != nil {
		e.Emoji = omarty.Emoji(*row.Emoji)
	}
	return e
}
