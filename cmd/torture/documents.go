package main

import (
	"encoding/json"
	"fmt"
)

// What the harness asks for. It is all in the contract.
const (
	registerDocument = `mutation($input: RegisterInput!) { register(input: $input) { user { id } } }`
	logInDocument    = `mutation($input: LogInInput!) { logIn(input: $input) { token } }`

	createBuildingDocument = `mutation($name: String!) { createBuilding(input: {name: $name}) {
		building { id viewerRooms { nodes { id kind logId } } } } }`
	inviteDocument = `mutation($building: ID!) { createInvitation(input: {building: $building, preapproved: true}) { invitation { code } } }`
	joinDocument   = `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id status } } }`
	leaveDocument  = `mutation($membership: ID!) { endMembership(membership: $membership) { membership { id status } } }`

	sendDocument = `mutation($room: ID!, $key: String!, $text: String!) {
		sendMessage(input: {room: $room, key: $key, text: $text}) { message { id seq key text } replayed } }`

	entryFields = `seq kind message { id key text } member { id }`
	// ownFields depend on who asks.
	ownFields = ` room { viewerReadSeq }`
	// The sources are formats: %s is what is asked of an entry.
	roomEventsSource  = `subscription($room: ID!, $after: Int, $log: ID) { update: roomEvents(room: $room, after: $after, logId: $log) { __typename ... on RoomEvent { %s } ... on CaughtUp { position } } }`
	messagesSource    = `subscription($room: ID!, $after: Int, $log: ID) { update: messagePosted(room: $room, after: $after, logId: $log) { __typename %s } }`
	headDocument      = `query($room: ID!) { room(id: $room) { lastSeq logId } }`
	eventsDocument    = `query($room: ID!, $after: Int!, $first: Int!) { room(id: $room) { events(after: $after, first: $first) { nodes { ` + entryFields + ` } endSeq hasNextPage } } }`
	logDocument       = `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 200) { nodes { seq kind message { id key text author { id } } member { id } } endSeq hasNextPage } } }`
	messagesForward   = `query($room: ID!, $cursor: Cursor) { room(id: $room) { messages(first: 100, after: $cursor) { nodes { id key text seq } pageInfo { hasNextPage endCursor } } } }`
	messagesBackwards = `query($room: ID!, $cursor: Cursor) { room(id: $room) { messages(last: 100, before: $cursor) { nodes { id key text seq } pageInfo { hasPreviousPage startCursor } } } }`
)

// eventJSON is a RoomEvent, or a CaughtUp, as it comes.
type eventJSON struct {
	Typename string `json:"__typename"`
	Seq      int    `json:"seq"`
	Kind     string `json:"kind"`
	Message  *struct {
		ID     string  `json:"id"`
		Key    string  `json:"key"`
		Text   string  `json:"text"`
		Author *idJSON `json:"author"`
	} `json:"message"`
	Member   *idJSON `json:"member"`
	Position *int    `json:"position"`
}

type idJSON struct {
	ID string `json:"id"`
}

// entry gives the entry that it tells of.
func (e eventJSON) entry() entry {
	got := entry{seq: e.Seq, kind: e.Kind}
	if e.Message != nil {
		got.message, got.key, got.text = e.Message.ID, e.Message.Key, e.Message.Text
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
