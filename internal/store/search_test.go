package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// look gives the texts that a person of a crowd finds, a page after the other.
func (c crowd) look(t *testing.T, person int, query string, first int) []string {
	t.Helper()
	terms, err := omarty.ParseQuery(query)
	must(t, err)
	q := omarty.Search{Of: c.people[person], Terms: terms, Page: omarty.Page{First: first}}
	var found []string
	for {
		page, err := c.SearchMessages(t.Context(), q)
		must(t, err)
		for _, m := range page.Items {
			found = append(found, m.Text)
		}
		if !page.More {
			return found
		}
		q.After = &page.Cursors[len(page.Cursors)-1]
	}
}

func (c crowd) expectFound(t *testing.T, query string, want ...string) {
	t.Helper()
	if got := c.look(t, 0, query, 3); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q finds %q, want %q", query, got, want)
	}
}

func (c crowd) mustPost(t *testing.T, d omarty.Draft) omarty.Message {
	t.Helper()
	m, err := c.Post(t.Context(), d, admit)
	must(t, err)
	return m
}

// saying is what one of the people would say in one of the rooms.
func (c crowd) saying(person, room int, text string) omarty.Draft {
	d := c.draft(person, room, omarty.NewID(omarty.KindMessage).String())
	d.Text = text
	return d
}

// What is edited is found by what it says now, and what is deleted by nothing.
func TestWordsGoWithTheirText(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		c := newCrowd(t, open(t, db), 1, 2)
		one := c.mustPost(t, c.saying(0, 0, "the lift is broken"))
		poll := c.saying(0, 1, "")
		poll.Poll = &omarty.NewPoll{Question: "When shall the lift stop?", Options: []string{"Sunday", "Monday"}}
		two := c.mustPost(t, poll)
		c.expectFound(t, "lift", "", "the lift is broken")
		c.expectFound(t, "monday stop", "")
		change := func(m omarty.Message, kind omarty.EventKind, statement string) {
			t.Helper()
			handle := db.Open(t)
			_, err := handle.ExecContext(t.Context(), fmt.Sprintf(statement, m.ID.Row))
			must(t, err)
			must(t, c.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
				tx.Append(omarty.Event{Room: m.Room, At: moment.Add(2 * time.Hour), Kind: kind, Actor: m.Author, Message: m.ID})
				return nil
			}))
		}
		change(one, omarty.EventMessageEdited, "UPDATE messages SET text = 'the stairs are fine' WHERE id = '%s'")
		c.expectFound(t, "lift", "")
		c.expectFound(t, "stairs", "the stairs are fine")
		change(two, omarty.EventMessageDeleted, "UPDATE messages SET deleted_at = '2026-11-29 00:00:00+00:00' WHERE id = '%s'")
		c.expectFound(t, "lift")
		c.expectFound(t, "monday")
		change(one, omarty.EventMessageDeleted, "UPDATE messages SET text = '', deleted_at = '2026-11-29 00:00:00+00:00' WHERE id = '%s'")
		c.expectFound(t, "stairs")
	})
}

// Words that are common, less common and rare are found, each message once, in their
// order, by pages of any size.
func TestPagesOfEveryFrequency(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		c := newCrowd(t, s, 2, 5)
		want := map[string][]string{}
		const messages = 1500
		drafts := make([]omarty.Draft, messages)
		for i := range drafts {
			text := fmt.Sprint("all ", i)
			for _, every := range []int{3, 20, 100, 700} {
				if i%every == 0 {
					text += fmt.Sprint(" each", every)
				}
			}
			// One room is busy, one was, and one has next to nothing.
			room := 0
			switch {
			case i < 400:
				room = 1
			case i%500 == 0:
				room = 2
			case i%7 == 0:
				room = 3
			}
			drafts[i] = c.saying(0, room, text)
			for word := range strings.FieldsSeq(text) {
				want[word] = append([]string{text}, want[word]...)
			}
		}
		for _, d := range drafts {
			c.mustPost(t, d)
		}
		for _, word := range []string{"all", "each3", "each20", "each100", "each700", "1234"} {
			for _, first := range []int{1, 20, 100} {
				if first == 1 && len(want[word]) > 100 {
					continue
				}
				if got := c.look(t, 1, word, first); strings.Join(got, "|") != strings.Join(want[word], "|") {
					t.Errorf("%s by %d: %d found, want %d", word, first, len(got), len(want[word]))
				}
			}
		}
		if got := c.look(t, 1, "nothing", 20); len(got) > 0 {
			t.Errorf("found %q", got)
		}
	})
}

// What was said before there was a search is found after a while, whoever is stopped in
// between, and stands before what is newer.
func TestEarlierMessagesAreFound(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		c := newCrowd(t, open(t, db), 1, 2)
		var want []string
		for i := range 250 {
			want = append([]string{c.mustPost(t, c.saying(0, i%2, fmt.Sprint("salam ", i))).Text}, want...)
		}
		// As the migration leaves them.
		handle := db.Open(t)
		forget := []string{"UPDATE message_words SET words = NULL"}
		if db.Engine == "sqlite" {
			forget = []string{"UPDATE message_words SET waiting = true", "INSERT INTO message_search (message_search) VALUES ('delete-all')"}
		}
		for _, statement := range forget {
			_, err := handle.ExecContext(t.Context(), statement)
			must(t, err)
		}
		c.expectFound(t, "salam")
		want = append([]string{c.mustPost(t, c.saying(0, 0, "salam, at last")).Text}, want...)

		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(5 * time.Millisecond); cancel() }()
		c.IndexEarlier(ctx, func(err error) { t.Error(err) })
		c.IndexEarlier(t.Context(), func(err error) { t.Error(err) })
		if got := c.look(t, 0, "salam", 100); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("found %d, want %d: %q", len(got), len(want), got)
		}
	})
}

// Nor is anybody content with what others are about, who may be stopped: as a node that is
// killed while it writes words, and the other has none left.
func TestEarlierMessagesThatOthersGiveUp(t *testing.T) {
	db := testkit.Postgres(t)
	c := newCrowd(t, open(t, db), 1, 1)
	var want []string
	for i := range 5 {
		want = append([]string{c.mustPost(t, c.saying(0, 0, fmt.Sprint("salam ", i))).Text}, want...)
	}
	other, err := db.Open(t).BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { _ = other.Rollback() }()
	_, err = db.Open(t).ExecContext(t.Context(), "UPDATE message_words SET words = NULL")
	must(t, err)
	_, err = other.ExecContext(t.Context(), "SELECT 1 FROM message_words WHERE n > (SELECT min(n) + 1 FROM message_words) FOR UPDATE")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.IndexEarlier(t.Context(), func(err error) { t.Error(err) })
	}()
	for len(c.look(t, 0, "salam", 100)) < 2 {
		time.Sleep(time.Millisecond)
	}
	must(t, other.Rollback())
	<-done
	c.expectFound(t, "salam", want...)
}
