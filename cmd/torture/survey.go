package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// survey reads all of a room, as its manager, when nothing is written any more.
func survey(ctx context.Context, c *client, r *room) (*roomLog, error) {
	l := &roomLog{room: r, details: map[string]detail{}}
	var where struct {
		Room struct {
			LastSeq int
			LogID   string
		}
	}
	if err := c.insist(ctx, headDocument, variables{"room": r.id}, &where); err != nil {
		return nil, fmt.Errorf("reading where a log stands: %w", err)
	}
	l.lastSeq, l.logID = where.Room.LastSeq, where.Room.LogID
	if err := l.readEntries(ctx, c); err != nil {
		return nil, fmt.Errorf("reading a log: %w", err)
	}
	if r.flooded {
		return l, nil
	}
	for _, walk := range []func(context.Context, *client) error{l.walkForward, l.walkBack} {
		if err := walk(ctx, c); err != nil {
			return nil, fmt.Errorf("reading a room's messages: %w", err)
		}
	}
	return l, nil
}

func (l *roomLog) readEntries(ctx context.Context, c *client) error {
	document := logDocument
	if l.room.flooded {
		document = floodedDocument
	}
	for after := 0; ; {
		var got struct {
			Room struct {
				Events struct {
					Nodes       []eventJSON
					EndSeq      int
					HasNextPage bool
				}
			}
		}
		if err := c.insist(ctx, document, variables{"room": l.room.id, "after": after}, &got); err != nil {
			return err
		}
		page := got.Room.Events
		for _, e := range page.Nodes {
			in := logEntry{entry: e.entry()}
			if e.Message != nil && e.Message.Author != nil {
				in.author = e.Message.Author.ID
			}
			l.entries = append(l.entries, in)
		}
		if !page.HasNextPage {
			return nil
		}
		if page.EndSeq <= after {
			return fmt.Errorf("a page after %d ends at %d, and says that more follows", after, page.EndSeq)
		}
		after = page.EndSeq
	}
}

// messagePage is a page of a room's messages.
type messagePage struct {
	Room struct {
		Messages struct {
			Nodes []struct {
				stateJSON
				Seq       int
				Revisions struct{ Nodes []struct{ Text string } }
				Reacted   []struct {
					Emoji string
					Users struct{ Nodes []idJSON }
				}
				Votes *struct {
					Options []struct {
						ID        string
						VoteCount int
					}
				}
			}
			PageInfo struct {
				HasNextPage, HasPreviousPage bool
				EndCursor, StartCursor       string
			}
		}
	}
}

func (p messagePage) messages() []message {
	var got []message
	for _, n := range p.Room.Messages.Nodes {
		got = append(got, message{n.ID, n.Key, n.Seq, n.state()})
	}
	return got
}

// details adds what is read of the messages of a page by their ids.
func (p messagePage) details(into map[string]detail) {
	for _, n := range p.Room.Messages.Nodes {
		d := detail{reacted: map[string][]string{}, votes: map[string]int{}}
		for _, r := range n.Revisions.Nodes {
			d.texts = append(d.texts, r.Text)
		}
		for _, r := range n.Reacted {
			for _, u := range r.Users.Nodes {
				d.reacted[r.Emoji] = append(d.reacted[r.Emoji], u.ID)
			}
		}
		if n.Votes != nil {
			for _, o := range n.Votes.Options {
				d.votes[o.ID] = o.VoteCount
			}
		}
		into[n.ID] = d
	}
}

func (l *roomLog) walkForward(ctx context.Context, c *client) error {
	v := variables{"room": l.room.id}
	for {
		var p messagePage
		if err := c.insist(ctx, messagesForward, v, &p); err != nil {
			return err
		}
		l.forward = append(l.forward, p.messages()...)
		p.details(l.details)
		info := p.Room.Messages.PageInfo
		if !info.HasNextPage || len(l.forward) > len(l.entries) {
			return nil
		}
		v["cursor"] = info.EndCursor
	}
}

func (l *roomLog) walkBack(ctx context.Context, c *client) error {
	v := variables{"room": l.room.id}
	for {
		var p messagePage
		if err := c.insist(ctx, messagesBackwards, v, &p); err != nil {
			return err
		}
		l.backward = slices.Concat(p.messages(), l.backward)
		info := p.Room.Messages.PageInfo
		if !info.HasPreviousPage || len(l.backward) > len(l.entries) {
			return nil
		}
		v["cursor"] = info.StartCursor
	}
}

// last gives the positions of the last entry and of the last message.
func (l *roomLog) last() (entry, message int) {
	for _, e := range l.entries {
		entry = e.seq
		if e.kind == messagePosted {
			message = e.seq
		}
	}
	return entry, message
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
