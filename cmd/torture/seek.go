package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// foundTime is within what a message is found that was acknowledged: the contract's, and
// what a busy machine takes.
const foundTime = time.Second + 2*time.Second

// find demands that a message is found soon by what it says, unless it says something else
// by then.
func (w *writer) find(ctx context.Context, a answer) {
	word := wordOf(a.author, a.room, a.key)
	for ctx.Err() == nil {
		asked := w.history.since()
		ids, err := seek(ctx, w.person.client, word)
		if err == nil && slices.Equal(ids, []string{a.id}) {
			return
		}
		if err == nil && asked-a.at > foundTime {
			var got struct {
				Message *struct{ Seq, TextSeq int }
			}
			err = w.person.client.call(ctx, textDocument, variables{"id": a.id}, &got)
			if err == nil && got.Message != nil && got.Message.Seq == got.Message.TextSeq {
				w.history.blame(violation{"search: not found", fmt.Sprintf("%s looked for %s, %v after %s was acknowledged, and found %v", w.name, word, asked-a.at, a.id, ids)})
			}
			if err == nil {
				return
			}
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// seek gives the messages that are found by a word.
func seek(ctx context.Context, c *client, word string) ([]string, error) {
	var got struct{ SearchMessages struct{ Nodes []idJSON } }
	err := c.call(ctx, searchDocument, variables{"query": word}, &got)
	return idsOf(got.SearchMessages.Nodes), err
}

// search is what was found in the end by a word.
type search struct {
	room, word string
	// want is the message that says it, "" for none; that one said it was once.
	want, once string
	found      []string
}

// soughtEach is how many messages of a sort are looked for in the end, in each room.
const soughtEach = 6

var anyWord = regexp.MustCompile(`w[0-9a-f]{16}`)

// seekAll looks in the end for some messages of a room by what they say, and for others by
// what they said before they were edited or deleted.
func (l *roomLog) seekAll(ctx context.Context, c *client) ([]search, error) {
	author := map[string]string{}
	for _, e := range l.entries {
		if e.kind == messagePosted {
			author[e.message] = e.author
		}
	}
	sought := map[string]int{}
	var all []search
	for _, m := range slices.Backward(l.forward) {
		now, first := anyWord.FindString(m.text), wordOf(author[m.id], l.room.id, m.key)
		sort := "plain"
		switch {
		case m.deleted:
			sort = "deleted"
		case m.textSeq != m.seq:
			sort = "edited"
		}
		if now == "" && !m.deleted || sought[sort] == soughtEach {
			continue
		}
		sought[sort]++
		if now != "" {
			all = append(all, search{room: l.room.name, word: now, want: m.id})
		}
		if now != first {
			all = append(all, search{room: l.room.name, word: first, once: m.id})
		}
	}
	for i := range all {
		var got struct{ SearchMessages struct{ Nodes []idJSON } }
		if err := c.insist(ctx, searchDocument, variables{"query": all[i].word}, &got); err != nil {
			return nil, err
		}
		all[i].found = idsOf(got.SearchMessages.Nodes)
	}
	return all, nil
}

// checkFound demands that each search found what it had to, and nothing else.
func (c *checker) checkFound() {
	for _, s := range c.history.searches {
		switch {
		case s.want == "" && len(s.found) > 0:
			c.blame("search: what is gone", "%s: %s, which %s said once, finds %v", s.room, s.word, s.once, s.found)
		case s.want != "" && !slices.Equal(s.found, []string{s.want}):
			c.blame("search: not found", "%s: %s, which %s says, finds %v", s.room, s.word, s.want, s.found)
		}
	}
}
