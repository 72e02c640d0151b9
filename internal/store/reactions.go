package store

import (
	"context"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/reaction"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// Reactions gives the different reactions to messages, by message, in the order in which
// each was used first. It counts them in the database: a building may have reacted.
func (s *Store) Reactions(ctx context.Context, ids []omarty.ID) (map[omarty.ID][]omarty.Reaction, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.Reaction, error) {
		type row struct {
			Message uuid.UUID `sql:"message_id"`
			Emoji   string    `sql:"emoji"`
			Count   int       `sql:"reacted"`
			First   string    `sql:"first_id"`
		}
		var counted []row
		err := db.Reaction.Query().Where(reaction.MessageIDIn(rows(ids, omarty.KindMessage)...)).
			GroupBy(reaction.FieldMessageID, reaction.FieldEmoji).
			Aggregate(
				func(*sql.Selector) string { return sql.As("COUNT(*)", "reacted") },
				// PostgreSQL does not know the least of UUIDs.
				func(s *sql.Selector) string {
					return sql.As("MIN(CAST("+s.C(reaction.FieldID)+" AS TEXT))", "first_id")
				},
			).Scan(ctx, &counted)
		slices.SortFunc(counted, func(a, b row) int { return strings.Compare(a.First, b.First) })
		return listsBy(counted, func(r row) omarty.Reaction {
			return omarty.Reaction{Message: omarty.ID{Kind: omarty.KindMessage, Row: r.Message}, Emoji: omarty.Emoji(r.Emoji), Count: r.Count}
		}, func(r omarty.Reaction) omarty.ID { return r.Message }), err
	})
}

// OwnReactions gives a person's reactions to messages, by message.
func (s *Store) OwnReactions(ctx context.Context, ids []omarty.ID, of omarty.ID) (map[omarty.ID][]omarty.Emoji, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (map[omarty.ID][]omarty.Emoji, error) {
		found := map[omarty.ID][]omarty.Emoji{}
		// By the index on messages, as who reacts to everything has reacted to a lot: an
		// expression is what no engine looks up.
		whose := func(s *sql.Selector) {
			s.Where(sql.P(func(b *sql.Builder) {
				b.WriteString("COALESCE(").Ident(s.C(reaction.FieldUserID)).WriteString(", NULL) = ").Arg(of.Row)
			}))
		}
		own, err := db.Reaction.Query().Where(reaction.MessageIDIn(rows(ids, omarty.KindMessage)...), whose).All(ctx)
		for _, row := range own {
			to := omarty.ID{Kind: omarty.KindMessage, Row: row.MessageID}
			found[to] = append(found[to], omarty.Emoji(row.Emoji))
		}
		return found, err
	})
}

// Reactors gives a page of the people who reacted so to a message, in the order in which
// they did; not those who erased their account.
func (s *Store) Reactors(ctx context.Context, to omarty.ID, emoji omarty.Emoji, page omarty.Page) (omarty.Slice[omarty.User], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.Slice[omarty.User], error) {
		reacted, err := db.Reaction.Query().
			Where(reaction.MessageID(to.Row), reaction.Emoji(string(emoji)), reaction.UserIDNotNil(), byPeople, afterRow(page.After, false)).
			Order(reaction.ByID()).Limit(page.First + 1).All(ctx)
		ids := make([]uuid.UUID, len(reacted))
		for i, row := range reacted {
			ids[i] = *row.UserID
		}
		if err != nil || len(ids) == 0 {
			return omarty.Slice[omarty.User]{}, err
		}
		found, err := db.User.Query().Where(user.IDIn(ids...)).All(ctx)
		people := byID(found, person, func(u omarty.User) omarty.ID { return u.ID })
		return slice(reacted, page.First,
			func(r *generated.Reaction) omarty.User { return people[idOf(omarty.KindUser, r.UserID)] },
			func(r *generated.Reaction) uuid.UUID { return r.ID }), err
	})
}

// byPeople keeps the reactions of people who were not erased.
func byPeople(s *sql.Selector) {
	people := sql.Table(user.Table)
	s.Where(sql.Exists(sql.Dialect(s.Dialect()).Select(people.C(user.FieldID)).From(people).Where(sql.And(
		sql.ColumnsEQ(people.C(user.FieldID), s.C(reaction.FieldUserID)), sql.IsNull(people.C(user.FieldErasedAt)),
	))))
}

// ReactionsTo gives the different reactions to a message, and somebody's own.
func (tx *Tx) ReactionsTo(ctx context.Context, id, of omarty.ID) (all, own []omarty.Emoji, err error) {
	var emoji []string
	err = tx.tx.Reaction.Query().Where(reaction.MessageID(id.Row)).GroupBy(reaction.FieldEmoji).Scan(ctx, &emoji)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range emoji {
		all = append(all, omarty.Emoji(e))
	}
	rows, err := tx.tx.Reaction.Query().Where(reaction.MessageID(id.Row), reaction.UserID(of.Row)).All(ctx)
	for _, row := range rows {
		own = append(own, omarty.Emoji(row.Emoji))
	}
	return all, own, err
}

// AddReaction adds one that the person has not given yet.
func (tx *Tx) AddReaction(ctx context.Context, to, by omarty.ID, emoji omarty.Emoji) error {
	return tx.tx.Reaction.Create().
		SetID(uuid.Must(uuid.NewV7())).SetMessageID(to.Row).SetUserID(by.Row).SetEmoji(string(emoji)).Exec(ctx)
}

// RemoveReaction takes one back, and tells whether it was there.
func (tx *Tx) RemoveReaction(ctx context.Context, to, by omarty.ID, emoji omarty.Emoji) (bool, error) {
	n, err := tx.tx.Reaction.Delete().
		Where(reaction.MessageID(to.Row), reaction.UserID(by.Row), reaction.Emoji(string(emoji))).Exec(ctx)
	return n > 0, err
}
