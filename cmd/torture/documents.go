package main

import (
	"encoding/json"
	"fmt"
)

// What the harness asks for. It is all in the contract.
const (
	registerDocument = `mutation($input: RegisterInput!) { register(input: $input) { user { id } } }`
	logInDocument    = `mutation($input: LogInInput!) { logIn(input: $input) { token session { id } } }`
	presenceDocument = `query($id: ID!) { node(id: $id) { ... on User { presence { online } } } }`
	markDocument     = `mutation($room: ID!, $seq: Int!) { markRead(room: $room, seq: $seq) { room { id } } }`
	readingDocument  = `query($room: ID!) { room(id: $room) { viewerReadSeq viewerUnreadCount viewerFirstUnread { seq } } }`
	revokeDocument   = `mutation($session: ID!) { revokeSession(session: $session) { sessionId } }`

	createBuildingDocument = `mutation($name: String!) { createBuilding(input: {name: $name}) {
		building { id viewerRooms { nodes { id kind logId } } } } }`
	inviteDocument = `mutation($building: ID!) { createInvitation(input: {building: $building, preapproved: true}) { invitation { code } } }`
	joinDocument   = `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id status } } }`
	leaveDocument  = `mutation($membership: ID!) { endMembership(membership: $membership) { membership { id status } } }`
	banDocument    = `mutation($membership: ID!) { banMember(membership: $membership) { membership { id status } } }`
	unbanDocument  = `mutation($membership: ID!) { unbanMember(membership: $membership) { membership { id status } } }`

	sendDocument = `mutation($room: ID!, $key: String!, $text: String!, $poll: PollInput) {
		sendMessage(input: {room: $room, key: $key, text: $text, poll: $poll}) { message { seq ` + stateFields + ` poll { options { id } } } replayed } }`

	changed        = ` { message { seq ` + stateFields + ` } } }`
	editDocument   = `mutation($message: ID!, $text: String!, $textSeq: Int!) { change: editMessage(input: {message: $message, text: $text, textSeq: $textSeq})` + changed
	deleteDocument = `mutation($message: ID!) { change: deleteMessage(message: $message)` + changed
	addDocument    = `mutation($message: ID!, $emoji: String!) { change: addReaction(message: $message, emoji: $emoji)` + changed
	removeDocument = `mutation($message: ID!, $emoji: String!) { change: removeReaction(message: $message, emoji: $emoji)` + changed
	voteDocument   = `mutation($message: ID!, $options: [ID!]!) { change: vote(message: $message, options: $options)` + changed

	// stateFields are a message as it is at a moment.
	stateFields = `id key text changedSeq textSeq deletedAt reactions { emoji count } poll { voterCount }`
	entryFields = `seq kind actor { id } emoji message { ` + stateFields + ` } member { id }`
	// ownFields depend on who asks.
	ownFields = ` room { viewerReadSeq }`
	// The sources are formats: %s is what is asked of an entry.
	roomEventsSource = `subscription($room: ID!, $after: Int, $log: ID) { update: roomEvents(room: $room, after: $after, logId: $log) { __typename ... on RoomEvent { %s } ... on CaughtUp { position } } }`
	messagesSource   = `subscription($room: ID!, $after: Int, $log: ID) { update: messagePosted(room: $room, after: $after, logId: $log) { __typename %s } }`
	// detailFields are what a message has that is read in the end alone.
	detailFields   = ` revisions(first: 50) { nodes { text } } reacted: reactions { emoji users(first: 20) { nodes { id } } } votes: poll { options { id voteCount } }`
	headDocument   = `query($room: ID!) { room(id: $room) { lastSeq logId } }`
	eventsDocument = `query($room: ID!, $after: Int!, $first: Int!) { room(id: $room) { events(after: $after, first: $first) { nodes { ` + entryFields + ` } endSeq hasNextPage } } }`
	logDocument    = `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 200) { nodes { seq kind actor { id } emoji message { author { id } ` + stateFields + ` } member { id } } endSeq hasNextPage } } }`
	// floodedDocument asks for less of more entries.
	floodedDocument   = `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 1000) { nodes { seq kind actor { id } message { author { id } id key text changedSeq textSeq deletedAt } member { id } } endSeq hasNextPage } } }`
	messagesForward   = `query($room: ID!, $cursor: Cursor) { room(id: $room) { messages(first: 100, after: $cursor) { nodes { seq ` + stateFields + detailFields + ` } pageInfo { hasNextPage endCursor } } } }`
	messagesBackwards = `query($room: ID!, $cursor: Cursor) { room(id: $room) { messages(last: 100, before: $cursor) { nodes { seq ` + stateFields + ` } pageInfo { hasPreviousPage startCursor } } } }`
)

// eventJSON is a RoomEvent, or a CaughtUp, as it comes.
type eventJSON struct {
	Typename string  `json:"__typename"`
	Seq      int     `json:"seq"`
	Kind     string  `json:"kind"`
	Actor    *idJSON `json:"actor"`
	Emoji    string  `json:"emoji"`
	Message  *struct {
		stateJSON
		Author *idJSON `json:"author"`
	} `json:"message"`
	Member   *idJSON `json:"member"`
	Position *int    `json:"position"`
}

type idJSON struct {
	ID string `json:"id"`
}

// stateJSON is a message as it is at a moment.
type stateJSON struct {
	ID         string  `json:"id"`
	Key        string  `json:"key"`
	Text       string  `json:"text"`
	ChangedSeq int     `json:"changedSeq"`
	TextSeq    int     `json:"textSeq"`
	DeletedAt  *string `json:"deletedAt"`
	Reactions  []struct {
		Emoji string `json:"emoji"`
		Count int    `json:"count"`
	} `json:"reactions"`
	Poll *struct {
		VoterCount int      `json:"voterCount"`
		Options    []idJSON `json:"options"` // where they are asked for
	} `json:"poll"`
}

func (m stateJSON) state() state {
	s := state{text: m.Text, changedSeq: m.ChangedSeq, textSeq: m.TextSeq, deleted: m.DeletedAt != nil}
	for _, r := range m.Reactions {
		s.had += fmt.Sprintf("%s %d, ", r.Emoji, r.Count)
	}
	if m.Poll != nil {
		s.had += voted(m.Poll.VoterCount)
	}
	return s
}

func voted(people int) string { return fmt.Sprintf("voted: %d", people) }

// entry gives the entry that it tells of.
func (e eventJSON) entry() entry {
	got := entry{seq: e.Seq, kind: e.Kind, emoji: e.Emoji}
	if e.Actor != nil {
		got.actor = e.Actor.ID
	}
	if e.Message != nil {
		got.message, got.key, got.state = e.Message.ID, e.Message.Key, e.Message.state()
	}
	if e.Member != nil {
		got.member = e.Member.ID
	}
	return got
}

// parseStep reads the data of a subscription's update.
func parseStep(r *room, data json.RawMessage) (step, error) {
	var got struct {
		Update eventJSON `json:"update"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return step{}, err
	}
	switch got.Update.Typename {
	case "RoomEvent":
		return step{entry: r.told(got.Update.entry())}, nil
	case "CaughtUp":
		if got.Update.Position == nil {
			return step{position: noPosition}, nil
		}
		return step{position: *got.Update.Position}, nil
	}
	return step{}, fmt.Errorf("an update that is no RoomEvent and no CaughtUp: %s", data)
}
