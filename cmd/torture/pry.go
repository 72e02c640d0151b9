package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// pry has somebody ask for a room that they are not in, and for what is said there, by every
// way: to them it is not there.
func (n *newcomers) pry(ctx context.Context) error {
	t, ok := n.abroad.pick(n.random, false, func(target) bool { return true })
	if !ok {
		return nil
	}
	c, room := n.a.client, n.abroad.id
	for name, document := range map[string]string{
		"the room":             `query($room: ID!, $message: ID!) { it: room(id: $room) { id } message(id: $message) { seq } }`,
		"the message":          `query($room: ID!, $message: ID!) { it: message(id: $message) { id } room(id: $room) { lastSeq } }`,
		"the room, as a node":  `query($room: ID!, $message: ID!) { it: node(id: $room) { id } message(id: $message) { seq } }`,
		"the message, by node": `query($room: ID!, $message: ID!) { it: node(id: $message) { id } room(id: $room) { lastSeq } }`,
	} {
		var got struct{ It *idJSON }
		err := c.call(ctx, document, variables{"room": room, "message": t.id}, &got)
		if err == nil && got.It != nil {
			n.blame("stranger: reads", "somebody who is not in %s asked for %s, and was given it", n.abroad.name, name)
		}
	}
	if ids, err := seek(ctx, c, wordOf(t.author, room, t.key)); err == nil && len(ids) > 0 {
		n.blame("stranger: finds", "somebody who is not in %s looked for what %s says, and found %v", n.abroad.name, t.id, ids)
	}
	k := sendKey{room: room, key: fmt.Sprintf("stranger-%d", n.number)}
	for name, call := range map[string]func(into any) error{
		"write": func(into any) error {
			return c.call(ctx, sendDocument, variables{"input": k.input("Hello", nil)}, into)
		},
		"react": func(into any) error {
			return c.call(ctx, addDocument, variables{"message": t.id, "emoji": emojis[0]}, into)
		},
		"delete":  func(into any) error { return c.call(ctx, deleteDocument, variables{"message": t.id}, into) },
		"mark":    func(into any) error { return c.call(ctx, markDocument, variables{"room": room, "seq": 1}, into) },
		"archive": func(into any) error { return c.call(ctx, archiveDocument, variables{"room": room}, into) },
		"listen": func(any) error {
			p := &prober{person: n.a}
			return p.hear(ctx, newSocketDoor(c.to, c.token), roomEventsSource, variables{"room": room})
		},
	} {
		var none struct{}
		err := call(&none)
		if code := codeOf(err); err == nil || code != "NOT_FOUND" && code != "" && !passes(err) {
			n.blame("stranger: may", "somebody who is not in %s tried to %s there, and got %v", n.abroad.name, name, err)
		}
	}
	return n.pryByInbox(ctx)
}

// pryByInbox names the room in an inbox, which says that it is none of theirs.
func (n *newcomers) pryByInbox(ctx context.Context) error {
	door := newSocketDoor(n.a.client.to, n.a.client.token)
	defer door.close()
	s, err := door.subscribe(ctx, inboxSource, variables{"after": []variables{{"room": n.abroad.id, "seq": 0}}})
	if err != nil {
		return errNotKnown
	}
	data, err := s.next(ctx)
	if err != nil {
		return errNotKnown
	}
	var got struct{ Update inboxUpdate }
	if err := json.Unmarshal(data, &got); err != nil || got.Update.Typename != "RoomClosed" {
		n.blame("stranger: may", "somebody who is not in %s named it in an inbox, and was told %s", n.abroad.name, data)
	}
	return nil
}

// erase has one of the two erase their account: what they said stays, without an author, and
// who has none may not log in. The last manager of a building may not.
func (n *newcomers) erase(ctx context.Context) error {
	var opened struct{ OpenDirectRoom struct{ Room idJSON } }
	if err := n.sure(ctx, n.b.client, directDocument, variables{"user": n.a.id}, &opened); err != nil {
		return err
	}
	node := n.random.IntN(len(n.b.client.to.urls))
	defer n.remember(ctx, opened.OpenDirectRoom.Room.ID)()
	var none struct{}
	err := n.sure(ctx, n.b.client.at(node), eraseDocument, variables{"password": cmp.Or(n.b.password, password)}, &none)
	if n.stays == n.b && !errors.Is(err, errNotKnown) {
		if codeOf(err) != "CONFLICT" {
			n.blame("erased: the last manager", "the last manager of a building erased their account, and was answered %v", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	at := n.history.since()
	g := &guard{history: n.history, room: &room{id: opened.OpenDirectRoom.Room.ID}}
	for i := range n.b.client.to.urls {
		g.ask(ctx, n.b.client.at(i), i, at, i == node)
	}
	var got struct {
		Room *struct {
			Messages struct {
				Nodes []struct {
					Text   string
					Author *idJSON
				}
			}
		}
	}
	if err := n.sure(ctx, n.a.client.at(node), authorsDocument, variables{"room": opened.OpenDirectRoom.Room.ID}, &got); err != nil {
		return err
	}
	if got.Room == nil {
		n.blame("erased: takes more", "of two one erased their account, and the other has lost their room")
		return nil
	}
	without := 0
	for _, m := range got.Room.Messages.Nodes {
		switch {
		case m.Author == nil:
			without++
		case m.Author.ID == n.b.id:
			n.blame("erased: not gone", "somebody erased their account, and is the author of %q", m.Text)
		}
	}
	n.forgotten(ctx, opened.OpenDirectRoom.Room.ID, n.b.id, node, at)
	if without == 0 && len(got.Room.Messages.Nodes) > 0 {
		n.blame("erased: takes more", "somebody erased their account, and of what they said nothing is left beside %d messages", len(got.Room.Messages.Nodes))
	}
	if _, err := n.logIn(ctx, n.b.client, n.b.login, cmp.Or(n.b.password, password)); codeOf(err) != "INVALID_CREDENTIALS" && !errors.Is(err, errNotKnown) {
		n.blame("erased: not gone", "somebody erased their account, and may log in: %v", err)
	}
	return nil
}
