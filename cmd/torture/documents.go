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
	typingDocument   = `mutation($room: ID!, $active: Boolean!) { setTyping(room: $room, active: $active) { __typename } }`
	markDocument     = `mutation($room: ID!, $seq: Int!) { markRead(room: $room, seq: $seq) { room { id } } }`
	readingDocument  = `query($room: ID!) { room(id: $room) { viewerReadSeq viewerUnreadCount viewerMentionCount viewerFirstUnread { seq } }
		viewer { unreadCount rooms(first: 100) { nodes { viewerUnreadCount } } } }`
	logOutDocument       = `mutation { logOut { sessionId } }`
	resetDocument        = `mutation($login: String!) { requestPasswordReset(login: $login) { __typename } }`
	revokeOthersDocument = `mutation { revokeOtherSessions { revokedCount } }`
	revokeDocument       = `mutation($session: ID!) { revokeSession(session: $session) { sessionId } }`

	createBuildingDocument = `mutation($name: String!, $apartments: [ApartmentInput!]!) { createBuilding(input: {name: $name, apartments: $apartments}) {
		building { id viewerRooms { nodes { id kind logId } } apartments { nodes { id } } } } }`
	settleDocument = `mutation($membership: ID!, $apartments: [ID!]!) { setMemberApartments(membership: $membership, apartments: $apartments) { membership { id } } }`
	inviteDocument = `mutation($building: ID!) { createInvitation(input: {building: $building, preapproved: true}) { invitation { code } } }`
	joinDocument   = `mutation($code: String!) { joinBuilding(input: {code: $code}) { membership { id status } } }`
	leaveDocument  = `mutation($membership: ID!) { endMembership(membership: $membership) { membership { id status } } }`
	banDocument    = `mutation($membership: ID!) { banMember(membership: $membership) { membership { id status } } }`
	unbanDocument  = `mutation($membership: ID!) { unbanMember(membership: $membership) { membership { id status } } }`

	sendDocument = `mutation($input: SendMessageInput!) { sendMessage(input: $input) { message { seq ` + stateFields + ` poll { options { id } } } replayed } }`

	changed        = ` { message { seq ` + stateFields + ` } } }`
	editDocument   = `mutation($message: ID!, $text: String!, $textSeq: Int!) { change: editMessage(input: {message: $message, text: $text, textSeq: $textSeq})` + changed
	deleteDocument = `mutation($message: ID!) { change: deleteMessage(message: $message)` + changed
	addDocument    = `mutation($message: ID!, $emoji: String!) { change: addReaction(message: $message, emoji: $emoji)` + changed
	removeDocument = `mutation($message: ID!, $emoji: String!) { change: removeReaction(message: $message, emoji: $emoji)` + changed
	voteDocument   = `mutation($message: ID!, $options: [ID!]!, $apartment: ID) { change: vote(message: $message, options: $options, apartment: $apartment)` + changed
	pinDocument    = `mutation($message: ID!) { change: pinMessage(message: $message)` + changed
	unpinDocument  = `mutation($message: ID!) { change: unpinMessage(message: $message)` + changed

	confirmDocument = `mutation($message: ID!, $textSeq: Int!) { change: acknowledgeNotice(message: $message, textSeq: $textSeq)` + changed

	muteDocument    = `mutation($membership: ID!, $until: Time!) { muteMember(membership: $membership, until: $until) { membership { id } } }`
	groupDocument   = `mutation($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }`
	archiveDocument = `mutation($room: ID!) { archiveRoom(room: $room) { room { id } } }`
	slowDocument    = `mutation($room: ID!, $seconds: Int!) { setSlowMode(room: $room, seconds: $seconds) { room { id } } }`

	onceDocument       = `mutation($building: ID!) { createInvitation(input: {building: $building, preapproved: true, maxUses: 1}) { invitation { code } } }`
	directDocument     = `mutation($user: ID!) { openDirectRoom(user: $user) { room { id } } }`
	ownRoomsDocument   = `{ viewer { rooms(first: 100) { nodes { id kind } } } }`
	blockDocument      = `mutation($user: ID!) { blockUser(user: $user) { user { id } } }`
	unblockDocument    = `mutation($user: ID!) { unblockUser(user: $user) { userId } }`
	passwordDocument   = `mutation($input: ChangePasswordInput!) { changePassword(input: $input) { viewer { id } } }`
	roleDocument       = `mutation($membership: ID!, $role: MembershipRole!) { setMemberRole(membership: $membership, role: $role) { membership { id } } }`
	apartmentsDocument = `mutation($building: ID!, $apartments: [ApartmentInput!]!) { addApartments(building: $building, apartments: $apartments) { building { id } } }`
	membershipDocument = `query($building: ID!) { building(id: $building) { viewerMembership { id } } }`
	eraseDocument      = `mutation($password: String!) { eraseAccount(password: $password) { userId } }`
	authorsDocument    = `query($room: ID!) { room(id: $room) { messages { nodes { text author { id } } } } }`
	auditDocument      = `query($building: ID!) { building(id: $building) { viewerManaged { auditLog(first: 100) { nodes { action } } } } }`

	// stateFields are a message as it is at a moment.
	stateFields = `id key text changedSeq textSeq createdAt editedAt deletedAt pinnedAt reactions { emoji count } poll { voterCount }`
	entryFields = `seq at kind actor { id } emoji message { ` + stateFields + ` } member { id }`
	// ownFields depend on who asks.
	ownFields = ` room { viewerReadSeq }`
	// The sources are formats: %s is what is asked of an entry.
	roomEventsSource = `subscription($room: ID!, $after: Int, $log: ID) { update: roomEvents(room: $room, after: $after, logId: $log) { __typename ... on RoomEvent { %s } ... on CaughtUp { position } } }`
	signalsSource    = `subscription($room: ID!) { update: roomSignals(room: $room) { __typename ... on Typing { user { id } active } ... on ReadMark { participant { user { id } readSeq } } } }`
	messagesSource   = `subscription($room: ID!, $after: Int, $log: ID) { update: messagePosted(room: $room, after: $after, logId: $log) { __typename %s } }`
	// detailFields are what a message has that is read in the end alone.
	detailFields = ` revisions(first: 50) { nodes { text } } reacted: reactions { emoji users(first: 20) { nodes { id } } } votes: poll { options { id voteCount } }
		apartment { id } replyTo { id text } replyCount mentions { user { id } start length }`
	// questionDocument is what is asked of polls and notices by each who votes and confirms.
	questionDocument = `query($id: ID!) { message(id: $id) {
		poll { viewerBallots { apartment { id } options { id } } }
		notice { apartmentCount acknowledgedCount viewerOutstanding(first: 20) { nodes { id } } } } }`
	aroundDocument   = `query($room: ID!, $seq: Int!, $count: Int!) { room(id: $room) { messagesAround(seq: $seq, count: $count) { nodes { id } } } }`
	repliesDocument  = `query($id: ID!) { message(id: $id) { replies(first: 100) { nodes { id } } } }`
	searchDocument   = `query($query: String!) { searchMessages(query: $query, first: 5) { nodes { id seq textSeq } } }`
	textDocument     = `query($id: ID!) { message(id: $id) { seq textSeq } }`
	roomDocument     = `query($room: ID!) { room(id: $room) { lastSeq logId lastMessage { id } pinnedMessages { id } participants(first: 100) { nodes { user { id } readSeq } } } }`
	headDocument     = `query($room: ID!) { room(id: $room) { lastSeq logId } }`
	positionDocument = `query($room: ID!, $after: Int!, $log: ID, $first: Int!) { room(id: $room) { events(after: $after, logId: $log, first: $first) { endSeq } } }`
	eventsDocument   = `query($room: ID!, $after: Int!, $first: Int!) { room(id: $room) { events(after: $after, first: $first) { nodes { ` + entryFields + ` } endSeq hasNextPage } } }`
	logDocument      = `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 200) { nodes { seq at kind actor { id } emoji message { author { id } ` + stateFields + ` } member { id } } endSeq hasNextPage } } }`
	endsDocument     = `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 500) { nodes { kind message { id } } endSeq hasNextPage } } }`
	// floodedDocument asks for less of more entries.
	floodedDocument   = `query($room: ID!, $after: Int!) { room(id: $room) { events(after: $after, first: 1000) { nodes { seq kind actor { id } message { author { id } id key text changedSeq textSeq deletedAt } member { id } } endSeq hasNextPage } } }`
	messagesForward   = `query($room: ID!, $cursor: Cursor) { room(id: $room) { messages(first: 100, after: $cursor) { nodes { seq ` + stateFields + detailFields + ` } pageInfo { hasNextPage endCursor } } } }`
	messagesBackwards = `query($room: ID!, $cursor: Cursor) { room(id: $room) { messages(last: 100, before: $cursor) { nodes { seq ` + stateFields + ` } pageInfo { hasPreviousPage startCursor } } } }`
)

// eventsJSON is a page of a log, as it comes.
type eventsJSON struct {
	Nodes       []eventJSON
	EndSeq      int
	HasNextPage bool
}

// eventJSON is a RoomEvent, or a CaughtUp, as it comes.
type eventJSON struct {
	Typename string  `json:"__typename"`
	Seq      int     `json:"seq"`
	At       instant `json:"at"`
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
	CreatedAt  instant `json:"createdAt"`
	EditedAt   instant `json:"editedAt"`
	DeletedAt  instant `json:"deletedAt"`
	PinnedAt   instant `json:"pinnedAt"`
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
	s := state{
		text: m.Text, changedSeq: m.ChangedSeq, textSeq: m.TextSeq, deleted: m.DeletedAt != 0,
		created: m.CreatedAt, edited: m.EditedAt, pinned: m.PinnedAt,
	}
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
	got := entry{seq: e.Seq, at: e.At, kind: e.Kind, emoji: e.Emoji}
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
