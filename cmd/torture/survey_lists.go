package main

import (
	"context"
	"slices"
)

// listed is a list of messages as it was read in the end, with what it has to be.
type listed struct {
	room, what string
	got, want  []string
	// around is for a window about a position: any of a row of messages, as many as were
	// asked for, with the one at the position.
	around bool
	count  int
}

// surveyEach is how many windows, and how many lists of answers, are read of a room.
const (
	surveyEach  = 3
	windowCount = 10
)

// surveyLists reads windows about positions, and the answers to messages.
func (l *roomLog) surveyLists(ctx context.Context, c *client) ([]listed, error) {
	var all []listed
	for i := range min(surveyEach, len(l.forward)) {
		m := l.forward[i*(len(l.forward)-1)/surveyEach]
		var got struct {
			Room struct{ MessagesAround struct{ Nodes []idJSON } }
		}
		if err := c.insist(ctx, aroundDocument, variables{"room": l.room.id, "seq": m.seq, "count": windowCount}, &got); err != nil {
			return nil, err
		}
		all = append(all, listed{
			room: l.room.name, what: "around " + m.id, got: idsOf(got.Room.MessagesAround.Nodes), want: []string{m.id},
			around: true, count: min(windowCount, len(l.forward)),
		})
	}
	answers := map[string][]string{}
	for _, m := range l.forward {
		if to := l.details[m.id].answers; to != "" {
			answers[to] = append(answers[to], m.id)
		}
	}
	for _, id := range sortedKeys(answers)[:min(surveyEach, len(answers))] {
		var got struct {
			Message *struct{ Replies struct{ Nodes []idJSON } }
		}
		if err := c.insist(ctx, repliesDocument, variables{"id": id}, &got); err != nil {
			return nil, err
		}
		one := listed{room: l.room.name, what: "the answers to " + id, want: answers[id]}
		if got.Message != nil {
			one.got = idsOf(got.Message.Replies.Nodes)
		}
		all = append(all, one)
	}
	return all, nil
}

// checkLists demands that lists are of a room's messages, in their order, without a gap.
func (c *checker) checkLists() {
	row := map[string][]string{}
	for _, l := range c.history.logs {
		for _, m := range l.forward {
			row[l.room.name] = append(row[l.room.name], m.id)
		}
	}
	for _, one := range c.history.lists {
		ok := slices.Equal(one.got, one.want)
		if one.around {
			at := -1
			if len(one.got) > 0 {
				at = slices.Index(row[one.room], one.got[0])
			}
			ok = at >= 0 && len(one.got) == one.count && at+one.count <= len(row[one.room]) &&
				slices.Equal(one.got, row[one.room][at:at+one.count]) && slices.Contains(one.got, one.want[0])
		}
		if !ok {
			c.blame("messages: another list", "%s: %s there are %v, and ought to be %v", one.room, one.what, one.got, one.want)
		}
	}
}
