package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/block"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// unblocked, in a statement over memberships of two people, their own and theirs, keeps
// those of whom neither blocked the other.
const unblocked = `NOT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = own.user_id AND blocked_id = theirs.user_id)
	AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = theirs.user_id AND blocked_id = own.user_id)`

// apart tells whether one of two people blocked the other.
func (tx *Tx) apart(ctx context.Context, a, b omarty.ID) (bool, error) {
	return tx.tx.Block.Query().Where(block.Or(
		block.And(block.BlockerID(a.Row), block.BlockedID(b.Row)),
		block.And(block.BlockerID(b.Row), block.BlockedID(a.Row)),
	)).Exist(ctx)
}

// Block stores that a person blocked another, and tells whether they had not. Nobody else
// changes the blocker's account, or makes a direct room of theirs, until the transaction
// ends.
func (tx *Tx) Block(ctx context.Context, by, whom omarty.ID, at time.Time) (bool, error) {
	if _, err := tx.tx.User.Query().Where(user.ID(by.Row), forUpdate).OnlyID(ctx); err != nil {
		return false, absent(err)
	}
	there, err := tx.tx.Block.Query().Where(block.BlockerID(by.Row), block.BlockedID(whom.Row)).Exist(ctx)
	if err != nil || there {
		return false, err
	}
	return true, tx.tx.Block.Create().
		SetID(uuid.Must(uuid.NewV7())).SetBlockerID(by.Row).SetBlockedID(whom.Row).SetCreatedAt(at).Exec(ctx)
}

// Unblock undoes Block.
func (tx *Tx) Unblock(ctx context.Context, by, whom omarty.ID) (bool, error) {
	n, err := tx.tx.Block.Delete().Where(block.BlockerID(by.Row), block.BlockedID(whom.Row)).Exec(ctx)
	return n > 0, err
}

// Blocks counts the people whom a person blocked.
func (tx *Tx) Blocks(ctx context.Context, by omarty.ID) (int, error) {
	return tx.tx.Block.Query().Where(block.BlockerID(by.Row)).Count(ctx)
}

// WhoBlocked gives those of the people who blocked a person.
func (tx *Tx) WhoBlocked(ctx context.Context, whom omarty.ID, people []omarty.ID) ([]omarty.ID, error) {
	if len(people) == 0 {
		return nil, nil
	}
	found, err := tx.tx.Block.Query().Where(block.BlockedID(whom.Row), block.BlockerIDIn(rows(people, omarty.KindUser)...)).All(ctx)
	return each(found, func(b *generated.Block) omarty.ID { return omarty.ID{Kind: omarty.KindUser, Row: b.BlockerID} }), err
}

// RoomOfPair gives the id of the direct room of two people; the zero ID where they have
// none.
func (tx *Tx) RoomOfPair(ctx context.Context, pair string) (omarty.ID, error) {
	row, err := tx.tx.Room.Query().Where(room.Pair(pair)).OnlyID(ctx)
	if generated.IsNotFound(err) {
		return omarty.ID{}, nil
	}
	return omarty.ID{Kind: omarty.KindRoom, Row: row}, err
}

// BlockedUsers gives a page of the people whom a person blocked, the last one first.
func (s *Store) BlockedUsers(ctx context.Context, by omarty.ID, page omarty.Page) (omarty.Slice[omarty.User], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.User], error) {
		rows, err := db.Block.Query().Where(block.BlockerID(by.Row), afterRow(page.After, true)).WithBlocked().
			Order(block.ByID(sql.OrderDesc())).Limit(page.First + 1).All(ctx)
		return slice(rows, page.First, func(b *generated.Block) omarty.User { return person(b.Edges.Blocked) },
			func(b *generated.Block) uuid.UUID { return b.ID }), err
	})
}

// BlockedBy gives whom each of the people blocked.
func (s *Store) BlockedBy(ctx context.Context, people []omarty.ID) (map[omarty.ID][]omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.ID, error) {
		rows, err := db.Block.Query().Where(block.BlockerIDIn(rows(people, omarty.KindUser)...)).All(ctx)
		found := map[omarty.ID][]omarty.ID{}
		for _, b := range rows {
			by := omarty.ID{Kind: omarty.KindUser, Row: b.BlockerID}
			found[by] = append(found[by], omarty.ID{Kind: omarty.KindUser, Row: b.BlockedID})
		}
		return found, err
	})
}
