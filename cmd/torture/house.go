package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What is asked for in the house of two newcomers.
const (
	askInDocument  = `mutation($building: ID!) { createInvitation(input: {building: $building}) { invitation { code } } }`
	claimDocument  = `mutation($code: String!, $apartment: ID) { joinBuilding(input: {code: $code, apartment: $apartment}) { membership { id status } } }`
	letInDocument  = `mutation($membership: ID!) { approveMembership(membership: $membership) { membership { id } } }`
	memberDocument = `query($id: ID!) { node(id: $id) { ... on Membership { status role apartments { id } claimedApartment { id } } } }`

	bringDocument   = `mutation($room: ID!, $users: [ID!]!) { addParticipants(room: $room, users: $users) { room { id } } }`
	takeOutDocument = `mutation($room: ID!, $user: ID!) { removeParticipant(room: $room, user: $user) { room { id } } }`
	renameDocument  = `mutation($room: ID!, $name: String, $topic: String) { updateRoom(input: {room: $room, name: $name, topic: $topic}) { room { id } } }`
	namedDocument   = `query($room: ID!) { room(id: $room) { name topic } }`

	reportDocument  = `mutation($message: ID!) { reportMessage(input: {message: $message, reason: "It hurts."}) { messageId } }`
	resolveDocument = `mutation($report: ID!) { resolveReport(report: $report) { report { resolvedAt } } }`
	reportsDocument = `query($building: ID!) { building(id: $building) { viewerManaged { reports(first: 20) { nodes { id text resolvedAt reporter { id } message { id } } } } } }`

	hideDocument    = `mutation { updateProfile(input: {sharePresence: false, shareReadMarks: false}) { viewer { id } } }`
	hiddenDocument  = `query($id: ID!, $room: ID!) { node(id: $id) { ... on User { presence { online } } } room(id: $room) { participants(first: 20) { nodes { user { id } readSeq } } } }`
	silenceDocument = `mutation($room: ID!) { setNotifications(room: $room, level: NONE) { room { id } } }`
	waitingDocument = `{ viewer { unreadCount rooms(first: 100) { nodes { id viewerUnreadCount } } } }`
)

// house is a building of a's, into which b asks to be let in. B may do nothing there until a
// lets them in, and then what residents may; what they report a is told, once; and what a did
// is in its book.
type house struct {
	*newcomers
	*building
	community, membership string
	said                  int
	// unsure says that it is not known what came of something.
	unsure bool
}

func (n *newcomers) house(ctx context.Context) error {
	b, err := (&world{manager: n.a}).newBuilding(ctx, newHistory(), "house", "1", "2")
	if err != nil {
		return errNotKnown
	}
	h := &house{newcomers: n, building: b, community: b.rooms["COMMUNITY"].id}
	if err := h.askIn(ctx); err != nil {
		return err
	}
	// In any order, as often something comes between that ends one.
	steps := []func(context.Context) error{h.talk, h.meddle, h.reported}
	for _, i := range n.random.Perm(len(steps)) {
		err := steps[i](ctx)
		if h.unsure = h.unsure || errors.Is(err, errNotKnown); err != nil && !errors.Is(err, errNotKnown) {
			return err
		}
	}
	if err := h.hidden(ctx); err != nil {
		return err
	}
	return h.turnOut(ctx)
}

// call is sure.
func (h *house) call(ctx context.Context, p *person, document string, v variables, into any) error {
	return h.sure(ctx, p.client, document, v, into)
}

// done demands that somebody may do something.
func (h *house) done(ctx context.Context, p *person, document string, v variables) error {
	var none struct{}
	return h.call(ctx, p, document, v, &none)
}

// refused demands that somebody may not do something, which is answered with one of some codes.
func (h *house) refused(ctx context.Context, p *person, what, codes, document string, v variables) error {
	var none struct{}
	err := p.client.call(ctx, document, v, &none)
	switch code := codeOf(err); {
	case err != nil && passes(err):
		return errNotKnown
	case err == nil:
		h.blame("house: does what they may not", "somebody tried to %s, and did", what)
	case !slices.Contains(strings.Fields(codes), code):
		h.blame("house: another refusal", "somebody tried to %s, and got %v, not %s", what, err, codes)
	}
	return nil
}

// every goes through steps until one fails.
func every(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// send has somebody say something in a room, and gives the message's id and position.
func (h *house) send(ctx context.Context, p *person, room, text string, more variables) (id string, seq int, err error) {
	h.said++
	k := sendKey{room: room, key: fmt.Sprintf("house-%d", h.said)}
	var got struct {
		SendMessage struct {
			Message struct {
				ID  string
				Seq int
			}
		}
	}
	err = h.call(ctx, p, sendDocument, variables{"input": k.input(text, more)}, &got)
	return got.SendMessage.Message.ID, got.SendMessage.Message.Seq, err
}

// saying gives what is sent by who may not.
func saying(room, key string, more variables) variables {
	k := sendKey{room: room, key: key}
	return variables{"input": k.input("Hello", more)}
}

// askIn has b ask to be let in: until a lets them in they are outside.
func (h *house) askIn(ctx context.Context) error {
	var invited struct {
		CreateInvitation struct{ Invitation struct{ Code string } }
	}
	if err := h.call(ctx, h.a, askInDocument, variables{"building": h.id}, &invited); err != nil {
		return err
	}
	var joined struct {
		JoinBuilding struct{ Membership struct{ ID, Status string } }
	}
	v := variables{"code": invited.CreateInvitation.Invitation.Code, "apartment": h.apartments[0]}
	if err := h.call(ctx, h.b, claimDocument, v, &joined); err != nil {
		return err
	}
	h.membership = joined.JoinBuilding.Membership.ID
	if err := h.stands(ctx, "who asked to be let in", "PENDING", 0, true); err != nil {
		return err
	}
	m := variables{"membership": h.membership}
	err := every(
		func() error { return h.inside(ctx, false) },
		func() error { return h.refused(ctx, h.b, "let themselves in", "FORBIDDEN", letInDocument, m) },
		func() error {
			return h.refused(ctx, h.b, "invite before they were let in", "FORBIDDEN", askInDocument, variables{"building": h.id})
		},
	)
	if err != nil {
		return err
	}
	// Who lets somebody in twice lets them in.
	approve := func() error { var none struct{}; return h.a.client.call(ctx, letInDocument, m, &none) }
	codes, err := h.atOnce(approve, approve)
	if err != nil {
		return err
	}
	if codes[0]+codes[1] != "" {
		h.blame("house: another refusal", "a manager let somebody in, twice at once, and got %q", codes)
	}
	if err := h.stands(ctx, "who was let in", "ACTIVE", 1, false); err != nil {
		return err
	}
	if err := h.inside(ctx, true); err != nil {
		return err
	}
	l := &roomLog{room: &room{id: h.community, name: "a house"}}
	if l.readEntries(ctx, h.a.client) != nil {
		return errNotKnown
	}
	told := 0
	for _, e := range l.entries {
		if e.kind == memberJoined && e.member == h.b.id {
			told++
		}
	}
	if told != 1 {
		h.blame("member: not told once", "somebody was let in, and the log tells of it %d times", told)
	}
	return nil
}

// stands demands that b's membership is so.
func (h *house) stands(ctx context.Context, who, status string, apartments int, claims bool) error {
	for _, p := range []*person{h.a, h.b} {
		var got struct {
			Node *struct {
				Status           string
				Apartments       []idJSON
				ClaimedApartment *idJSON
			}
		}
		if err := h.call(ctx, p, memberDocument, variables{"id": h.membership}, &got); err != nil {
			return err
		}
		m := got.Node
		if m == nil || m.Status != status || len(m.Apartments) != apartments || (m.ClaimedApartment != nil) != claims {
			h.blame("house: another membership", "of %s it is told %+v, and wanted are %s, %d apartments, claims one: %t", who, m, status, apartments, claims)
			break
		}
	}
	return nil
}

// inside demands that b is in the house's rooms, or that these are not there to them.
func (h *house) inside(ctx context.Context, in bool) error {
	for _, kind := range []string{"COMMUNITY", "ANNOUNCEMENTS"} {
		var got struct{ Room *idJSON }
		if err := h.call(ctx, h.b, `query($room: ID!) { room(id: $room) { id } }`, variables{"room": h.rooms[kind].id}, &got); err != nil {
			return err
		}
		if (got.Room != nil) != in {
			h.blame("house: another membership", "somebody is to be in %s: %t, and is given %v", kind, in, got.Room)
		}
	}
	if in {
		return nil
	}
	return h.refused(ctx, h.b, "write in a house that they are not in", "NOT_FOUND", sendDocument, saying(h.community, "outside", nil))
}

// turnOut has a ban b, who may ask again when that is over, and is turned down. Its book has
// all of it.
func (h *house) turnOut(ctx context.Context) error {
	m := variables{"membership": h.membership}
	content := strings.Repeat("Plans of the house. ", 100)
	file, url, err := h.a.client.upload(ctx, "plans.txt", content)
	if err != nil {
		return errNotKnown
	}
	read := func(want string) {
		if got, err := h.b.client.fetch(ctx, url); err == nil && got != want {
			h.blame("file: not as it was sent", "somebody who is in its room, or no more, reads %d bytes of a file, and wanted are %d", len(got), len(want))
		}
	}
	if _, _, err := h.send(ctx, h.a, h.community, "See", variables{"attachments": []string{file}}); err != nil {
		return err
	}
	read(content)
	if err := h.done(ctx, h.a, banDocument, m); err != nil {
		return err
	}
	read("")
	err = every(
		func() error { return h.inside(ctx, false) },
		func() error {
			return h.refused(ctx, h.b, "come in who is banned", "FORBIDDEN", joinDocument, variables{"code": h.code})
		},
		func() error { return h.stands(ctx, "who is banned", "BANNED", 0, false) },
		func() error { return h.done(ctx, h.a, unbanDocument, m) },
		func() error { return h.refused(ctx, h.a, "let in who does not ask", "CONFLICT", letInDocument, m) },
	)
	if err != nil || h.unsure {
		return err
	}
	if reports, err := h.reports(ctx); err != nil || len(reports) != 1 {
		if err == nil {
			h.blame("report: not as it was made", "one message was reported that is not of a group, and its building has %+v", reports)
		}
		return err
	}
	return h.audit(ctx, h.a.client, h.id, "joinBuilding", "approveMembership", "resolveReport", "deleteMessage", "banMember", "unbanMember")
}
