package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// survey reads the logs, and tells the listeners how far they have to get.
func (s *stage) survey(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, surveyTime+surveyMore*time.Duration(s.counts.answers.Load()/100_000))
	defer cancel()
	for _, r := range s.world.played() {
		s.awaitPolls(ctx, r)
	}
	var made struct{ CreateRoom struct{ Room idJSON } }
	input := variables{"building": s.world.building.id, "name": "The last group", "participants": peopleIDs(s.world.residents)}
	if err := s.world.manager.client.insist(ctx, groupDocument, variables{"input": input}, &made); err != nil {
		return fmt.Errorf("making the last group: %w", err)
	}
	s.history.mu.Lock()
	s.history.finale = made.CreateRoom.Room.ID
	s.history.mu.Unlock()
	for _, r := range s.world.rooms() {
		began := s.history.since()
		l, err := survey(ctx, s.world.manager.client, r)
		if err != nil {
			return err
		}
		l.read = began
		s.history.logs[r.id] = l
		if !r.flooded {
			if err := s.surveyMore(ctx, l); err != nil {
				return fmt.Errorf("reading what is in a room: %w", err)
			}
		}
		r.settle(l.last())
	}
	if s.plan.copies && s.counts.answers.Load() < mostCopied {
		talker, other := s.world.residents[0], s.world.residents[1]
		one, err := surveyExport(ctx, talker, other)
		if err != nil && (!errors.Is(err, errNoExport) || s.plan.nodes == 1) {
			s.history.blame(violation{"export: none", fmt.Sprintf("%s asked for their data: %v", talker.name, err)})
		} else if err == nil {
			s.history.exports = append(s.history.exports, one)
		}
	}
	for _, p := range s.world.steady() {
		for _, r := range s.world.played() {
			one, err := surveyMarks(ctx, p, r)
			if err != nil {
				return fmt.Errorf("reading what is unread: %w", err)
			}
			s.history.readings = append(s.history.readings, one)
		}
	}
	for _, r := range []*room{s.world.community, s.world.notices} {
		one, err := surveyMarks(ctx, &s.world.guest.person, r)
		if err != nil {
			return fmt.Errorf("reading what is unread: %w", err)
		}
		s.history.readings = append(s.history.readings, one)
	}
	return nil
}

// surveyMore reads who has voted and confirmed, and what is found by its words.
func (s *stage) surveyMore(ctx context.Context, l *roomLog) error {
	if err := l.surveyQuestions(ctx, s.world.steady()); err != nil {
		return err
	}
	lists, err := l.surveyLists(ctx, s.world.manager.client)
	if err != nil {
		return err
	}
	s.history.lists = append(s.history.lists, lists...)
	found, err := l.seekAll(ctx, s.world.manager.client)
	s.history.searches = append(s.history.searches, found...)
	return err
}

// survey reads all of a room, as its manager, when nothing is written any more.
func survey(ctx context.Context, c *client, r *room) (*roomLog, error) {
	l := &roomLog{room: r, details: map[string]detail{}, readBy: map[string]int{}}
	var where struct {
		Room struct {
			LastSeq        int
			LogID          string
			LastMessage    *idJSON
			PinnedMessages []idJSON
			Participants   struct {
				Nodes []struct {
					User    *idJSON
					ReadSeq *int
				}
			}
		}
	}
	if err := c.insist(ctx, roomDocument, variables{"room": r.id}, &where); err != nil {
		return nil, fmt.Errorf("reading where a log stands: %w", err)
	}
	l.lastSeq, l.logID = where.Room.LastSeq, where.Room.LogID
	if last := where.Room.LastMessage; last != nil {
		l.lastMessage = last.ID
	}
	l.pinned = idsOf(where.Room.PinnedMessages)
	for _, p := range where.Room.Participants.Nodes {
		if p.User != nil {
			l.present = append(l.present, p.User.ID)
			if p.ReadSeq != nil {
				l.readBy[p.User.ID] = *p.ReadSeq
			}
		}
	}
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
		var got struct{ Room struct{ Events eventsJSON } }
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
				ReplyTo   *struct {
					ID, Text string
				}
				Apartment  *idJSON
				ReplyCount int
				Mentions   []struct {
					User          *idJSON
					Start, Length int
				}
				Reacted []struct {
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
		d := detail{reacted: map[string][]string{}, votes: map[string]int{}, answered: n.ReplyCount}
		if n.ReplyTo != nil {
			d.answers, d.answersText = n.ReplyTo.ID, n.ReplyTo.Text
		}
		if n.Apartment != nil {
			d.apartment = n.Apartment.ID
		}
		for _, m := range n.Mentions {
			if m.User != nil {
				d.mentions = append(d.mentions, fmt.Sprintf("%s %d %d", m.User.ID, m.Start, m.Length))
			}
		}
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

func idsOf(list []idJSON) []string {
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	return ids
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
