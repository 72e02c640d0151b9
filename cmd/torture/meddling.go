package main

import (
	"context"
	"fmt"
)

// talk has a change a room twice at once, again and again: it has both changes.
func (h *house) talk(ctx context.Context) error {
	for i := range 4 {
		text := func(what string) string { return fmt.Sprintf("The new %s %d", what, i) }
		rename := func(what string) func() error {
			return func() error {
				var none struct{}
				return h.a.client.call(ctx, renameDocument, variables{"room": h.community, what: text(what)}, &none)
			}
		}
		codes, err := h.atOnce(rename("name"), rename("topic"))
		if err != nil {
			return err
		}
		var got struct{ Room struct{ Name, Topic string } }
		if err := h.call(ctx, h.a, namedDocument, variables{"room": h.community}, &got); err != nil {
			return err
		}
		if codes[0]+codes[1] != "" || got.Room.Name != text("name") || got.Room.Topic != text("topic") {
			h.blame("room: lost a change", "a room's name and its topic were changed at once, %q, and it has %+v", codes, got.Room)
			break
		}
	}
	return nil
}

// meddle has b try what managers alone may, or those who wrote something.
func (h *house) meddle(ctx context.Context) error {
	theirs, seq, err := h.send(ctx, h.a, h.community, "By the manager", nil)
	if err != nil {
		return err
	}
	own, ownSeq, err := h.send(ctx, h.b, h.community, "By a resident", nil)
	if err != nil {
		return err
	}
	var poll struct {
		SendMessage struct {
			Message struct {
				ID   string
				Poll struct{ Options []idJSON }
			}
		}
	}
	question := variables{"question": "Which?", "options": []string{"this", "that"}, "perApartment": true}
	if err := h.call(ctx, h.a, sendDocument, saying(h.community, "poll", variables{"poll": question}), &poll); err != nil {
		return err
	}
	asked := poll.SendMessage.Message
	var managed struct {
		Building struct{ ViewerManaged *struct{ Building idJSON } }
	}
	if err := h.call(ctx, h.b, `query($b: ID!) { building(id: $b) { viewerManaged { building { id } } } }`, variables{"b": h.id}, &managed); err != nil {
		return err
	}
	if managed.Building.ViewerManaged != nil {
		h.blame("house: does what they may not", "a resident is given what managers are")
	}
	group, err := h.group(ctx)
	if err != nil {
		return err
	}
	var sessions struct {
		Viewer struct{ Sessions []idJSON }
	}
	if err := h.call(ctx, h.a, `{ viewer { sessions { id } } }`, nil, &sessions); err != nil {
		return err
	}
	for _, try := range []struct {
		who            *person
		what, document string
		v              variables
	}{
		{h.b, "let people in without a manager", inviteDocument, variables{"building": h.id}},
		{h.b, "make themselves a manager", roleDocument, variables{"membership": h.membership, "role": "MANAGER"}},
		{h.b, "mute a member", muteDocument, variables{"membership": h.membership, "until": "2030-01-01T00:00:00Z"}},
		{h.b, "move into another apartment", settleDocument, variables{"membership": h.membership, "apartments": h.apartments}},
		{h.b, "ban a member", banDocument, variables{"membership": h.membership}},
		{h.b, "build an apartment", apartmentsDocument, variables{"building": h.id, "apartments": []variables{{"number": "8"}}}},
		{h.b, "delete what a manager wrote", deleteDocument, variables{"message": theirs}},
		{h.b, "edit what a manager wrote", editDocument, variables{"message": theirs, "text": "Not so", "textSeq": seq}},
		{h.a, "edit what a resident wrote", editDocument, variables{"message": own, "text": "Not so", "textSeq": ownSeq}},
		{h.b, "pin a message", pinDocument, variables{"message": own}},
		{h.b, "post a notice", sendDocument, saying(h.community, "notice", variables{"notice": true})},
		{h.b, "announce something", sendDocument, saying(h.rooms["ANNOUNCEMENTS"].id, "announced", nil)},
		{h.b, "write from another apartment", sendDocument, saying(h.community, "from", variables{"apartment": h.apartments[1]})},
		{h.b, "vote for another apartment", voteDocument, variables{"message": asked.ID, "options": []string{asked.Poll.Options[0].ID}, "apartment": h.apartments[1]}},
		{h.b, "rename a room", renameDocument, variables{"room": h.community, "name": "Mine"}},
		{h.b, "slow a room down", slowDocument, variables{"room": h.community, "seconds": 60}},
		{h.b, "archive a room", archiveDocument, variables{"room": h.community}},
		{h.b, "take out who made a group", takeOutDocument, variables{"room": group, "user": h.a.id}},
		{h.a, "bring a stranger into a group", bringDocument, variables{"room": group, "users": []string{h.manager.id}}},
		{h.b, "end a session of somebody else", revokeDocument, variables{"session": sessions.Viewer.Sessions[0].ID}},
	} {
		if err := h.refused(ctx, try.who, try.what, "FORBIDDEN NOT_FOUND", try.document, try.v); err != nil {
			return err
		}
	}
	return every(
		func() error { return h.reportedIn(ctx, group) },
		func() error { return h.done(ctx, h.a, takeOutDocument, variables{"room": group, "user": h.b.id}) },
		func() error {
			return h.refused(ctx, h.b, "write in a group that they were taken out of", "NOT_FOUND", sendDocument, saying(group, "gone", nil))
		},
		func() error { return h.done(ctx, h.a, deleteDocument, variables{"message": own}) },
	)
}

// group makes one of the two.
func (h *house) group(ctx context.Context) (string, error) {
	var made struct{ CreateRoom struct{ Room idJSON } }
	input := variables{"building": h.id, "name": "We two", "participants": []string{h.b.id}}
	err := h.call(ctx, h.a, groupDocument, variables{"input": input}, &made)
	return made.CreateRoom.Room.ID, err
}
