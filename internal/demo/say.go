package demo

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func (t *Town) say(ctx context.Context, h *house, l line) error {
	in := service.NewMessage{Room: h.community, Key: uuid.NewString(), Notice: l.notice}
	switch {
	case l.announced:
		in.Room = h.announcements
	case l.grouped:
		in.Room = h.group
	case l.to != "":
		room, err := t.verbs.OpenDirectRoom(ctx, t.by(l.who), t.by(l.to).User)
		if err != nil {
			return err
		}
		in.Room = room.ID
	}
	if l.home {
		in.Apartment = h.apartments[h.homes[l.who]]
	}
	if l.answers {
		in.Room, in.ReplyTo = h.last.Room, h.last.ID
	}
	if l.polls {
		lines := strings.Split(l.text, "\n")
		in.Poll = &omarty.NewPoll{Question: lines[0], Options: lines[1:], PerApartment: true}
	} else {
		in.Text, in.Mentions = t.name(l.text)
	}
	m, _, err := t.verbs.SendMessage(ctx, t.by(l.who), in)
	if err != nil {
		return err
	}
	h.last = m
	if m.HasPoll {
		h.poll = m
	}
	if m.IsNotice {
		h.notice = m
	}
	return nil
}

var named = regexp.MustCompile(`@[a-z]+`)

// name gives a text in which people are called by their names, and where they are.
func (t *Town) name(text string) (string, []omarty.Mention) {
	var b strings.Builder
	var mentions []omarty.Mention
	at, units := 0, 0
	write := func(s string) {
		b.WriteString(s)
		units += len(utf16.Encode([]rune(s)))
	}
	for _, found := range named.FindAllStringIndex(text, -1) {
		who, known := t.people[text[found[0]+1:found[1]]]
		if !known {
			continue
		}
		write(text[at:found[0]])
		start := units
		write("@" + who.name)
		mentions = append(mentions, omarty.Mention{User: who.asker().User, Start: start, Length: units - start})
		at = found[1]
	}
	write(text[at:])
	return b.String(), mentions
}

// change does something to what was said, or opens a group.
func (t *Town) change(ctx context.Context, h *house, a action) error {
	by, err := t.by(a.who), error(nil)
	switch a.does {
	case "adds":
		_, err = t.verbs.AddReaction(ctx, by, h.last.ID, a.with)
	case "edits":
		text, mentions := t.name(a.with)
		_, err = t.verbs.EditMessage(ctx, by, service.Edit{Message: h.last.ID, Text: text, Mentions: mentions, TextSeq: &h.last.TextSeq})
	case "deletes":
		_, err = t.verbs.DeleteMessage(ctx, by, h.last.ID)
	case "pins":
		_, err = t.verbs.PinMessage(ctx, by, h.last.ID)
	case "votes":
		err = t.vote(ctx, h, by, a.with)
	case "confirms":
		_, err = t.verbs.AcknowledgeNotice(ctx, by, h.notice.ID, h.notice.TextSeq)
	case "opens":
		name, people, _ := strings.Cut(a.with, " with ")
		in := service.NewGroup{Building: h.id, Name: name}
		for who := range strings.SplitSeq(people, ", ") {
			in.Participants = append(in.Participants, t.by(who).User)
		}
		var room omarty.Room
		room, err = t.verbs.CreateRoom(ctx, by, in)
		h.group = room.ID
	}
	return err
}

// vote votes for one of the last poll's options, by its place from 1.
func (t *Town) vote(ctx context.Context, h *house, by service.Asker, place string) error {
	id := h.poll.ID.As(omarty.KindPoll)
	polls, err := t.verbs.PollsByID(ctx, []omarty.ID{id})
	if err != nil {
		return err
	}
	options := polls[id].Options
	n, err := strconv.Atoi(place)
	if err != nil || n < 1 || n > len(options) {
		return errors.New("there is no such option: " + place)
	}
	_, err = t.verbs.Vote(ctx, by, h.poll.ID, []omarty.ID{options[n-1].ID}, omarty.ID{})
	return err
}
