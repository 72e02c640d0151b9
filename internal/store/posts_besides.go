package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/omarty/chat/ent/schema"
	"github.com/omarty/chat/internal/omarty"
)

// What a post may have besides its text: an answer's question, mentions, a poll, a
// notice. Few have any of them, so each has statements of its own, in the transaction
// of its batch, and the others cost nothing. They read the same to both engines.

// statement is one of them.
type statement struct {
	text string
	args []any
	// take takes the rows, where it gives any.
	take func(result) error
}

// looks are what a batch has to be looked up besides how things stand with all of it:
// who of those that are mentioned is in the room, which apartments a notice asks, and which
// files may be attached.
func (f *finding) looks() []statement {
	var looks []statement
	for i, p := range f.batch {
		st := &f.found[i].Standing
		if people := mentioned(p.Mentions); len(people) > 0 {
			args := []any{p.Room.Row}
			for _, who := range people {
				args = append(args, who.Row)
			}
			looks = append(looks, statement{
				"SELECT user_id FROM participants WHERE room_id = $1 AND left_at IS NULL AND user_id IN (" + places(2, len(people)) + ")",
				args,
				func(rows result) error {
					st.Absent = people
					return eachRow(rows, func(row uuid.UUID) {
						st.Absent = slices.DeleteFunc(st.Absent, func(who omarty.ID) bool { return who.Row == row })
					})
				},
			})
		}
		if p.Notice {
			looks = append(looks, statement{
				inhabited,
				[]any{p.Room.Row},
				func(rows result) error {
					st.Asked = nil
					return eachRow(rows, func(row uuid.UUID) {
						st.Asked = append(st.Asked, omarty.ID{Kind: omarty.KindApartment, Row: row})
					})
				},
			})
		}
		if len(p.Attachments) > 0 {
			looks = append(looks, f.unused(p, st))
		}
	}
	return looks
}

// unused holds those of a draft's attachments that are its author's to use.
func (f *finding) unused(p *post, st *omarty.Standing) statement {
	args := []any{p.Author.Row, p.At.Add(-omarty.FileKept)}
	for _, id := range p.Attachments {
		args = append(args, id.Row)
	}
	return statement{
		"SELECT id FROM files WHERE owner_id = $1 AND created_at > $2 AND id IN (" + places(3, len(p.Attachments)) + `)
			AND message_id IS NULL AND avatar_of IS NULL AND dropped_at IS NULL ORDER BY id` + f.holding,
		args,
		func(rows result) error {
			st.Unusable = slices.Clone(p.Attachments)
			return eachRow(rows, func(row uuid.UUID) {
				st.Unusable = slices.DeleteFunc(st.Unusable, func(id omarty.ID) bool { return id.Row == row && id.Kind == omarty.KindFile })
			})
		},
	}
}

// inhabited are the apartments of a room's building in which somebody lives.
const inhabited = `SELECT DISTINCT r.apartment_id FROM residencies r
	JOIN memberships m ON m.id = r.membership_id AND m.status = 'ACTIVE'
	WHERE m.building_id = (SELECT building_id FROM rooms WHERE id = $1)`

// mentioned gives the people of mentions, each once.
func mentioned(mentions []omarty.Mention) []omarty.ID {
	var people []omarty.ID
	for _, m := range mentions {
		if !slices.Contains(people, m.User) {
			people = append(people, m.User)
		}
	}
	return people
}

// places gives n placeholders, the first of which is numbered so.
func places(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}

func eachRow(rows result, take func(uuid.UUID)) error {
	for rows.Next() {
		var row uuid.UUID
		if err := rows.Scan(&row); err != nil {
			return err
		}
		take(row)
	}
	return nil
}

// besides are what is written of posts that were numbered, besides their messages and
// entries.
func besides(posted []*post) []statement {
	var more []statement
	for _, p := range posted {
		if !p.ReplyTo.IsZero() {
			more = append(more, statement{text: "UPDATE messages SET reply_count = reply_count + 1 WHERE id = $1", args: []any{p.ReplyTo.Row}})
		}
		for _, m := range p.Mentions {
			more = append(more, statement{
				text: "INSERT INTO mentions (id, message_id, room_id, seq, user_id, start, length) VALUES ($1, $2, $3, $4, $5, $6, $7)",
				args: []any{uuid.Must(uuid.NewV7()), p.ID.Row, p.Room.Row, p.message.Seq, m.User.Row, m.Start, m.Length},
			})
		}
		if len(p.Attachments) > 0 {
			more = append(more, statement{text: "UPDATE messages SET attachments = $1 WHERE id = $2", args: []any{len(p.Attachments), p.ID.Row}})
		}
		for i, id := range p.Attachments {
			more = append(more, statement{text: "UPDATE files SET message_id = $1, position = $2 WHERE id = $3", args: []any{p.ID.Row, i, id.Row}})
		}
		if p.Poll != nil {
			more = append(more, asks(p))
		}
		if p.Notice {
			more = append(more, confirms(p)...)
		}
	}
	return more
}

// asks writes a post's poll.
func asks(p *post) statement {
	options := make([]schema.PollOption, len(p.Poll.Options))
	for i, text := range p.Poll.Options {
		options[i] = schema.PollOption{ID: uuid.Must(uuid.NewV7()), Text: text}
	}
	written, err := json.Marshal(options)
	if err != nil {
		panic(err) // strings can be written as JSON
	}
	return statement{
		text: "INSERT INTO polls (id, room_id, question, options, multiple_choice, per_apartment, closes_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		args: []any{p.ID.Row, p.Room.Row, p.Poll.Question, written, p.Poll.MultipleChoice, p.Poll.PerApartment, p.Poll.ClosesAt},
	}
}

// confirms writes a post's notice, and which apartments it asks.
func confirms(p *post) []statement {
	more := []statement{{
		text: "INSERT INTO notices (id, room_id, apartment_count) VALUES ($1, $2, $3)",
		args: []any{p.ID.Row, p.Room.Row, len(p.asked)},
	}}
	for _, apartment := range p.asked {
		more = append(more, statement{
			text: "INSERT INTO notice_apartments (id, notice_id, apartment_id) VALUES ($1, $2, $3)",
			args: []any{uuid.Must(uuid.NewV7()), p.ID.Row, apartment.Row},
		})
	}
	return more
}
