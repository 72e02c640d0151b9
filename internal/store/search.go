package store

import (
	"context"
	"encoding/base32"
	"math"
	"strings"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/message"
	"github.com/omarty/chat/ent/generated/participant"
	"github.com/omarty/chat/ent/generated/room"
	"github.com/omarty/chat/internal/omarty"
)

// How messages are found. Each has a row in message_words, numbered n in the order of
// posting, and its words in an index of the engine: a GIN index of PostgreSQL, an FTS5
// table of SQLite. Every word is written with its room's mark before it, so that an
// index has a list for a word in a room, and what others wrote elsewhere costs nothing.
// A person's search is one for each of their rooms; pages go by n.
//
// Words are written in the transaction that posts, edits or deletes: see posts_*.go and
// markChanged. Those of messages from before there was a search, IndexEarlier writes.

// hunt is a search as an engine is asked it: one for each room.
type hunt struct {
	rooms []hunted
	// before is the n that hits come before, and count how many are wanted.
	before int64
	count  int
}

// hunted is a room in which words are looked for.
type hunted struct {
	room uuid.UUID
	// words are those that a message has all of, with the room's mark.
	words []omarty.Term
}

// hit is a message that was found.
type hit struct {
	n       int64
	message uuid.UUID
}

// SearchMessages gives a page of the messages that have all of a search's words.
func (s *Store) SearchMessages(ctx context.Context, q omarty.Search) (omarty.Slice[omarty.Message], error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (page omarty.Slice[omarty.Message], err error) {
		rooms, err := searched(ctx, db, q)
		if err != nil || len(rooms) == 0 {
			return page, err
		}
		h := hunt{before: math.MaxInt64, count: q.First + 1}
		if q.After != nil {
			h.before = q.After.Number
		}
		for _, id := range rooms {
			h.rooms = append(h.rooms, hunted{id, marked(id, q)})
		}
		hits, err := s.engine.hits(ctx, h)
		if err != nil {
			return page, err
		}
		ids := make([]uuid.UUID, len(hits))
		for i, h := range hits {
			ids[i] = h.message
		}
		// What was found is read by who is in its room at this moment, as all that is
		// there now. An author's mark is short, so that it may be another's, too.
		query := db.Message.Query().Where(message.IDIn(ids...), message.HasRoomWith(readable(omarty.Reader{User: q.Of})))
		if !q.Author.IsZero() {
			query.Where(message.AuthorID(q.Author.Row), message.HasAuthorWith(unerased))
		}
		rows, err := query.All(ctx)
		found := byID(rows, said, func(m omarty.Message) omarty.ID { return m.ID })
		// Nothing follows, either, where nothing is of an author who was erased.
		page.More = len(hits) > q.First && (q.Author.IsZero() || len(found) > 0)
		for _, h := range hits[:min(q.First, len(hits))] {
			if m, ok := found[omarty.ID{Kind: omarty.KindMessage, Row: h.message}]; ok && m.DeletedAt == nil {
				page.Items = append(page.Items, m)
				page.Cursors = append(page.Cursors, omarty.Cursor{Number: h.n})
			}
		}
		return page, err
	})
}

// searched gives the rooms in which a person's search looks: of those that they are in.
func searched(ctx context.Context, db *generated.Client, q omarty.Search) ([]uuid.UUID, error) {
	query := db.Participant.Query().Where(present(q.Of)...)
	if !q.Room.IsZero() {
		query.Where(participant.RoomID(q.Room.Row))
	}
	if !q.Building.IsZero() {
		query.Where(participant.HasRoomWith(room.BuildingID(q.Building.Row)))
	}
	found, err := query.Select(participant.FieldRoomID).All(ctx)
	rooms := make([]uuid.UUID, len(found))
	for i, row := range found {
		rooms[i] = row.RoomID
	}
	return rooms, err
}

// mark gives a few letters for a room or a person, from the random end of their id. Two
// may have the same: what is found is looked at again.
func mark(id uuid.UUID) string { return markText.EncodeToString(id[len(id)-5:]) }

var markText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// authored is the word of all that somebody wrote in a room. It begins with no room's
// mark, which has no w.
func authored(room, author uuid.UUID) string { return "w" + mark(room) + mark(author) }

// marked gives a search's words as they stand in the index of a room.
func marked(room uuid.UUID, q omarty.Search) []omarty.Term {
	var terms []omarty.Term
	if !q.Author.IsZero() {
		terms = append(terms, omarty.Term{Token: authored(room, q.Author.Row)})
	}
	for _, t := range q.Terms {
		terms = append(terms, omarty.Term{Token: mark(room) + t.Token, Prefix: t.Prefix})
	}
	return terms
}

// words gives what a message of a room is found by, as both engines take it: words with
// spaces between them, none of which means anything to them.
func words(room, author omarty.ID, texts ...string) string {
	var b strings.Builder
	b.WriteString(authored(room.Row, author.Row))
	for _, token := range omarty.SearchTokens(strings.Join(texts, "\n")) {
		b.WriteByte(' ')
		b.WriteString(mark(room.Row))
		b.WriteString(token)
	}
	return b.String()
}

// draftWords gives what a draft is found by: its text, and what its poll asks.
func draftWords(d omarty.Draft) string {
	texts := []string{d.Text}
	if d.Poll != nil {
		texts = append(append(texts, d.Poll.Question), d.Poll.Options...)
	}
	return words(d.Room, d.Author, texts...)
}

// reword writes what a message is found by, as it is in the transaction.
func (tx *Tx) reword(ctx context.Context, id omarty.ID) error {
	row, err := tx.tx.Message.Get(ctx, id.Row)
	if err != nil {
		return absent(err)
	}
	return tx.setWords(ctx, row)
}

// words gives what a stored message is found by; "" for nothing.
func (tx *Tx) words(ctx context.Context, row *generated.Message) (string, error) {
	if row.DeletedAt != nil {
		return "", nil
	}
	m := said(row)
	texts := []string{m.Text}
	if m.HasPoll {
		poll, err := tx.tx.Poll.Get(ctx, row.ID)
		if err != nil {
			return "", err
		}
		texts = append(texts, poll.Question)
		for _, o := range poll.Options {
			texts = append(texts, o.Text)
		}
	}
	return words(m.Room, m.Author, texts...), nil
}
