package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// deed is how a row of a root field is played.
type deed struct {
	field, on string
	// document is the operation. Its $id is what names the thing that the row is on,
	// or what comes before a comma there; other variables are those of player.perform.
	document string
	// play is for what needs more than a document.
	play func(t *testing.T, c *cast, role string) result
	// typed says that the nextDoor types meanwhile, so that there is something to hear.
	typed bool
	// keeps says that a success leaves the stage as others need it, and apart that it does so
	// for the other roles of the row.
	keeps, apart bool
	// joins says that a success makes a stranger a member of something.
	joins bool
}

const anyNode = `query($id: ID!) { node(id: $id) { __typename id } }`

// tomorrow is when mutes end.
var tomorrow = time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)

var deeds = []deed{
	{field: "Query.viewer", on: "oneself", document: `{ viewer { id } }`},
	{field: "Query.building", on: "the building", document: `query($id: ID!) { building(id: $id) { id } }`},
	{field: "Query.room", on: "COMMUNITY", document: `query($id: ID!) { room(id: $id) { id } }`},
	{field: "Query.room", on: "ANNOUNCEMENTS", document: `query($id: ID!) { room(id: $id) { id } }`},
	{field: "Query.room", on: "a group", document: `query($id: ID!) { room(id: $id) { id } }`},
	{field: "Query.room", on: "a direct room", document: `query($id: ID!) { room(id: $id) { id } }`},
	{field: "Query.message", on: "a message in COMMUNITY", document: `query($id: ID!) { message(id: $id) { id } }`},
	{field: "Query.searchMessages", on: "-", document: `{ searchMessages(query: "hello") { nodes { id } } }`},
	{field: "Query.searchMessages", on: "COMMUNITY", document: `query($id: ID!) { searchMessages(query: "hello", room: $id) { nodes { id } } }`},
	{field: "Query.searchMessages", on: "the building", document: `query($id: ID!) { searchMessages(query: "hello", building: $id) { nodes { id } } }`},
	{field: "Query.searchMessages", on: "a resident", document: `query($id: ID!) { searchMessages(query: "hello", author: $id) { nodes { id } } }`},
	{
		field: "Query.invitation", on: "a code to ask with",
		document: `query($id: String!) { invitation(code: $id) { buildingName apartments { id } } }`,
	},

	{field: "Mutation.register", on: "-", play: func(t *testing.T, c *cast, role string) result {
		return c.s.run(t, c.token(role), registerDocument, variables{"input": stranger().input()})
	}},
	{field: "Mutation.logIn", on: "-", play: func(t *testing.T, c *cast, role string) result {
		who := c.actors[role].person
		if role == "nobody" {
			who = c.actors[nextDoor].person
		}
		r := c.s.run(t, c.token(role), logInDocument,
			variables{"input": variables{"login": who.email, "password": who.password}})
		if len(r.errors) == 0 && role != "nobody" {
			c.actors[role].spare = session{at[string](t, r, "logIn.session.id"), at[string](t, r, "logIn.token")}
		}
		return r
	}},
	{field: "Mutation.logOut", on: "-", play: func(t *testing.T, c *cast, role string) result {
		return c.s.run(t, c.another(t, role).token, `mutation { logOut { sessionId } }`, nil)
	}},
	{field: "Mutation.revokeSession", on: "one's own session", play: func(t *testing.T, c *cast, role string) result {
		return c.s.run(t, c.token(role), revokeDocument, variables{"session": c.another(t, role).id})
	}},
	{
		field: "Mutation.revokeSession", on: "a resident's session",
		document: `mutation($id: ID!) { revokeSession(session: $id) { sessionId } }`,
	},
	{field: "Mutation.revokeOtherSessions", on: "-", keeps: true, document: `mutation { revokeOtherSessions { revokedCount } }`},
	{field: "Mutation.uploadAttachment", on: "-", keeps: true, play: func(t *testing.T, c *cast, role string) result {
		return c.s.upload(t, c.token(role), "list.txt", []byte("Bread."))
	}},
	{field: "Mutation.exportMyData", on: "-", keeps: true, document: exportDocument},
	// Somebody new stands in for those who would be gone.
	{field: "Mutation.eraseAccount", on: "-", play: func(t *testing.T, c *cast, role string) result {
		as, with := c.token(role), c.actors[role].person.password
		if role != "nobody" && role != "manager" && role != "elsewhere" {
			p, signedIn := c.s.mustSignIn(t)
			as, with = signedIn.token, p.password
		}
		return c.s.run(t, as, eraseDocument, variables{"password": with})
	}},
	{field: "Mutation.changePassword", on: "-", play: func(t *testing.T, c *cast, role string) result {
		next := stranger().password
		r := c.s.run(t, c.token(role), changePasswordDocument,
			variables{"current": c.actors[role].person.password, "new": next})
		if len(r.errors) == 0 {
			c.actors[role].person.password = next
		}
		return r
	}},
	{field: "Mutation.updateProfile", on: "-", keeps: true, document: `mutation { updateProfile(input: {locale: "en"}) { viewer { id } } }`},
	{field: "Mutation.changeContact", on: "-", keeps: true, play: func(t *testing.T, c *cast, role string) result {
		password := "not that of nobody"
		if role != "nobody" {
			password = c.actors[role].person.password
		}
		return c.s.run(t, c.token(role), changeContact, variables{"input": variables{"email": stranger().email, "password": password}})
	}},
	{field: "Mutation.requestVerification", on: "-", keeps: true, document: `mutation { requestVerification(contact: EMAIL) { expiresAt } }`},
	{field: "Mutation.verify", on: "-", keeps: true, play: func(t *testing.T, c *cast, role string) result {
		code := "000000"
		if role != "nobody" {
			c.s.mustAskCode(t, c.token(role), "PHONE")
			codes := c.s.mustReceive(t, e164(c.actors[role].person.phone), 1)
			code = codes[len(codes)-1]
		}
		return c.s.verify(t, c.token(role), "PHONE", code)
	}},
	{field: "Mutation.requestPasswordReset", on: "-", keeps: true, document: `mutation { requestPasswordReset(login: "nobody@example.com") { expiresAt } }`},
	{field: "Mutation.resetPassword", on: "-", keeps: true, play: func(t *testing.T, c *cast, role string) result {
		p := c.s.mustRegister(t) // whoever asks, the code tells whose password it is
		c.s.run(t, "", forgotDocument, variables{"login": p.email}).mustSucceed(t)
		code := c.s.mustReceive(t, p.email, 1)[0]
		return c.s.run(t, c.token(role), resetDocument, variables{"input": variables{"login": p.email, "code": secret(code), "newPassword": secret("a new quiet evening")}})
	}},

	{field: "Mutation.createBuilding", on: "-", keeps: true, joins: true, document: `mutation { createBuilding(input: {name: "New"}) { building { id } } }`},
	{
		field: "Mutation.updateBuilding", on: "the building", keeps: true,
		document: `mutation($id: ID!) { updateBuilding(input: {building: $id, name: "Renamed"}) { building { id } } }`,
	},
	{
		field: "Mutation.addApartments", on: "the building", keeps: true,
		document: `mutation($id: ID!) { addApartments(building: $id, apartments: [{number: "9"}]) { building { id } } }`,
	},
	{
		field: "Mutation.removeApartment", on: "an empty apartment",
		document: `mutation($id: ID!) { removeApartment(apartment: $id) { building { id } } }`,
	},
	{
		field: "Mutation.createInvitation", on: "the building", keeps: true,
		document: `mutation($id: ID!) { createInvitation(input: {building: $id}) { invitation { code } } }`,
	},
	{
		field: "Mutation.createInvitation", on: "the building, preapproved", keeps: true,
		document: `mutation($id: ID!) { createInvitation(input: {building: $id, preapproved: true}) { invitation { code } } }`,
	},
	{
		field: "Mutation.createInvitation", on: "a lived-in apartment, in the building elsewhere",
		document: `mutation($id: ID!, $otherBuilding: ID!) {
			createInvitation(input: {building: $otherBuilding, apartment: $id}) { invitation { code } } }`,
	},
	{
		field: "Mutation.revokeInvitation", on: "an invitation for an apartment",
		document: `mutation($id: ID!) { revokeInvitation(invitation: $id) { invitationId } }`,
	},
	{field: "Mutation.joinBuilding", on: "a code to ask with", joins: true, apart: true, document: joinOnStage},
	{field: "Mutation.joinBuilding", on: "a code that lets in", joins: true, apart: true, document: joinOnStage},
	{
		field: "Mutation.joinBuilding", on: "a lived-in apartment, by a code of elsewhere",
		document: `mutation($id: ID!, $otherCode: String!) {
			joinBuilding(input: {code: $otherCode, apartment: $id}) { membership { id } } }`,
	},
	{field: "Mutation.approveMembership", on: "the membership of a pending person", document: onMembership("approveMembership(membership: $id)")},
	{field: "Mutation.approveMembership", on: "the membership of a resident", keeps: true, document: onMembership("approveMembership(membership: $id)")},
	{field: "Mutation.approveMembership", on: "the membership of a former resident", document: onMembership("approveMembership(membership: $id)")},
	{field: "Mutation.approveMembership", on: "the membership of a banned person", document: onMembership("approveMembership(membership: $id)")},
	{field: "Mutation.setMemberApartments", on: "the membership of a resident", keeps: true, document: onMembership("setMemberApartments(membership: $id, apartments: [$apartment])")},
	{field: "Mutation.setMemberApartments", on: "one's own membership", keeps: true, document: onMembership("setMemberApartments(membership: $id, apartments: [$apartment])")},
	{
		field: "Mutation.setMemberApartments", on: "a lived-in apartment, for a member elsewhere",
		document: `mutation($id: ID!, $otherMembership: ID!) {
			setMemberApartments(membership: $otherMembership, apartments: [$id]) { membership { id } } }`,
	},
	{field: "Mutation.setMemberRole", on: "the membership of a resident", document: onMembership("setMemberRole(membership: $id, role: MANAGER)")},
	{field: "Mutation.setMemberRole", on: "one's own membership", keeps: true, document: onMembership("setMemberRole(membership: $id, role: MANAGER)")},
	{field: "Mutation.muteMember", on: "the membership of a resident", document: onMembership(`muteMember(membership: $id, until: "` + tomorrow + `")`)},
	{field: "Mutation.muteMember", on: "the membership of the manager", keeps: true, document: onMembership(`muteMember(membership: $id, until: "` + tomorrow + `")`)},
	{field: "Mutation.unmuteMember", on: "the membership of a resident", keeps: true, document: onMembership("unmuteMember(membership: $id)")},
	{field: "Mutation.setSlowMode", on: "COMMUNITY", keeps: true, document: `mutation($id: ID!) { setSlowMode(room: $id, seconds: 0) { room { id } } }`},
	{field: "Mutation.setSlowMode", on: "a group", keeps: true, document: `mutation($id: ID!) { setSlowMode(room: $id, seconds: 0) { room { id } } }`},
	{field: "Mutation.setSlowMode", on: "a direct room", keeps: true, document: `mutation($id: ID!) { setSlowMode(room: $id, seconds: 0) { room { id } } }`},
	{field: "Mutation.blockUser", on: "a resident", apart: true, document: `mutation($id: ID!) { blockUser(user: $id) { user { id } } }`},
	{field: "Mutation.unblockUser", on: "a resident", keeps: true, document: `mutation($id: ID!) { unblockUser(user: $id) { userId } }`},
	{field: "Mutation.reportMessage", on: "a message in COMMUNITY", keeps: true, document: `mutation($id: ID!) { reportMessage(input: {message: $id, reason: "Rude."}) { messageId } }`},
	{field: "Mutation.resolveReport", on: "a report", document: `mutation($id: ID!) { resolveReport(report: $id) { report { id } } }`},
	{field: "Mutation.endMembership", on: "the membership of a resident", document: onMembership("endMembership(membership: $id)")},
	{field: "Mutation.endMembership", on: "the membership of a pending person", document: onMembership("endMembership(membership: $id)")},
	{field: "Mutation.endMembership", on: "the membership of the manager", document: onMembership("endMembership(membership: $id)")},
	{field: "Mutation.endMembership", on: "one's own membership", apart: true, document: onMembership("endMembership(membership: $id)")},
	{field: "Mutation.banMember", on: "the membership of a resident", document: onMembership("banMember(membership: $id)")},
	{field: "Mutation.banMember", on: "the membership of a pending person", document: onMembership("banMember(membership: $id)")},
	{field: "Mutation.banMember", on: "the membership of a former resident", document: onMembership("banMember(membership: $id)")},
	{field: "Mutation.banMember", on: "the membership of the manager", document: onMembership("banMember(membership: $id)")},
	{field: "Mutation.unbanMember", on: "the membership of a banned person", document: onMembership("unbanMember(membership: $id)")},

	{
		field: "Mutation.sendMessage", on: "COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { sendMessage(input: {room: $id, key: "a", text: "Hello."}) { message { id } } }`,
	},
	{
		field: "Mutation.sendMessage", on: "COMMUNITY, from an apartment where one does not live",
		document: `mutation($id: ID!, $apartment: ID!) {
			sendMessage(input: {room: $id, key: "b", text: "Hello.", apartment: $apartment}) { message { id } } }`,
	},
	{
		field: "Mutation.sendMessage", on: "a lived-in apartment, in a room elsewhere",
		document: `mutation($id: ID!, $otherRoom: ID!) {
			sendMessage(input: {room: $otherRoom, key: "d", text: "Hello.", apartment: $id}) { message { id } } }`,
	},
	{
		field: "Mutation.sendMessage", on: "ANNOUNCEMENTS", keeps: true,
		document: `mutation($id: ID!) { sendMessage(input: {room: $id, key: "c", text: "Hello."}) { message { id } } }`,
	},
	{
		field: "Mutation.editMessage", on: "a message in COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { editMessage(input: {message: $id, text: "Changed."}) { message { id } } }`,
	},
	{
		field: "Mutation.editMessage", on: "one's own message in COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { editMessage(input: {message: $id, text: "Changed."}) { message { id } } }`,
	},
	{
		field: "Mutation.deleteMessage", on: "a message in COMMUNITY",
		document: `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`,
	},
	{
		field: "Mutation.deleteMessage", on: "one's own message in COMMUNITY", apart: true,
		document: `mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`,
	},
	{
		field: "Mutation.pinMessage", on: "a message in COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { pinMessage(message: $id) { message { id } } }`,
	},
	{
		field: "Mutation.unpinMessage", on: "a message in COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { unpinMessage(message: $id) { message { id } } }`,
	},
	{
		field: "Mutation.addReaction", on: "a message in COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { addReaction(message: $id, emoji: "🎉") { message { id } } }`,
	},
	{
		field: "Mutation.addReaction", on: "a message in ANNOUNCEMENTS", keeps: true,
		document: `mutation($id: ID!) { addReaction(message: $id, emoji: "🎉") { message { id } } }`,
	},
	{
		field: "Mutation.removeReaction", on: "a message in COMMUNITY", keeps: true,
		document: `mutation($id: ID!) { removeReaction(message: $id, emoji: "🎉") { message { id } } }`,
	},
	{
		field: "Mutation.removeReaction", on: "a message in ANNOUNCEMENTS", keeps: true,
		document: `mutation($id: ID!) { removeReaction(message: $id, emoji: "🎉") { message { id } } }`,
	},
	{
		field: "Mutation.sendMessage", on: "a message in COMMUNITY, answered in a room elsewhere", keeps: true,
		document: `mutation($id: ID!, $otherRoom: ID!) {
			sendMessage(input: {room: $otherRoom, key: "e", text: "Hello.", replyTo: $id}) { message { id } } }`,
	},
	{
		field: "Mutation.sendMessage", on: "COMMUNITY, with a poll", keeps: true,
		document: `mutation($id: ID!) {
			sendMessage(input: {room: $id, key: "e", poll: {question: "Tea?", options: ["Yes", "No"]}}) { message { id } } }`,
	},
	{
		field: "Mutation.sendMessage", on: "COMMUNITY, as a notice", keeps: true,
		document: `mutation($id: ID!) { sendMessage(input: {room: $id, key: "f", text: "Hello.", notice: true}) { message { id } } }`,
	},
	{field: "Mutation.vote", on: "the message of a poll", keeps: true, document: takeBackOnStage},
	{field: "Mutation.vote", on: "the message of a poll of apartments", keeps: true, document: takeBackOnStage},
	{
		field: "Mutation.acknowledgeNotice", on: "the message of a notice", keeps: true,
		document: `mutation($id: ID!, $textSeq: Int!) { acknowledgeNotice(message: $id, textSeq: $textSeq) { message { id } } }`,
	},
	{field: "Mutation.markRead", on: "COMMUNITY", keeps: true, document: markOnStage},
	{field: "Mutation.markRead", on: "ANNOUNCEMENTS", keeps: true, document: markOnStage},
	{field: "Mutation.setTyping", on: "COMMUNITY", keeps: true, document: typeOnStage},
	{field: "Mutation.setTyping", on: "ANNOUNCEMENTS", keeps: true, document: typeOnStage},

	{
		field: "Mutation.createRoom", on: "the building", keeps: true,
		document: `mutation($id: ID!) { createRoom(input: {building: $id, name: "New"}) { room { id } } }`,
	},
	{field: "Mutation.updateRoom", on: "COMMUNITY", keeps: true, document: onRoom(`updateRoom(input: {room: $id, topic: "New"})`)},
	{field: "Mutation.updateRoom", on: "a group", document: onRoom(`updateRoom(input: {room: $id, topic: "New"})`)},
	{field: "Mutation.updateRoom", on: "a direct room", document: onRoom(`updateRoom(input: {room: $id, topic: "New"})`)},
	{field: "Mutation.archiveRoom", on: "COMMUNITY", document: onRoom("archiveRoom(room: $id)")},
	{field: "Mutation.archiveRoom", on: "a group", document: onRoom("archiveRoom(room: $id)")},
	{field: "Mutation.archiveRoom", on: "a direct room", document: onRoom("archiveRoom(room: $id)")},
	{field: "Mutation.openDirectRoom", on: "a resident", keeps: true, document: onRoom("openDirectRoom(user: $id)")},
	{field: "Mutation.openDirectRoom", on: "a former resident", document: onRoom("openDirectRoom(user: $id)")},
	{field: "Mutation.addParticipants", on: "COMMUNITY", document: onRoom("addParticipants(room: $id, users: [])")},
	{field: "Mutation.addParticipants", on: "a group", keeps: true, document: onRoom("addParticipants(room: $id, users: [])")},
	{field: "Mutation.removeParticipant", on: "COMMUNITY", document: onRoom("removeParticipant(room: $id, user: $apartment)")},
	{field: "Mutation.removeParticipant", on: "a group", document: onRoom("removeParticipant(room: $id, user: $apartment)")},
	{field: "Mutation.leaveRoom", on: "COMMUNITY", document: `mutation($id: ID!) { leaveRoom(room: $id) { roomId } }`},
	{field: "Mutation.leaveRoom", on: "a group", document: `mutation($id: ID!) { leaveRoom(room: $id) { roomId } }`},
	{field: "Mutation.setNotifications", on: "COMMUNITY", keeps: true, document: onRoom("setNotifications(room: $id, level: MENTIONS)")},
	{field: "Mutation.setNotifications", on: "a group", keeps: true, document: onRoom("setNotifications(room: $id, level: MENTIONS)")},

	{
		field: "Subscription.messagePosted", on: "COMMUNITY",
		document: `subscription($id: ID!) { messagePosted(room: $id, after: 0) { seq message { text } } }`,
	},
	{field: "Subscription.roomEvents", on: "COMMUNITY", document: roomEventsDocument},
	{field: "Subscription.roomEvents", on: "ANNOUNCEMENTS", document: roomEventsDocument},
	{
		field: "Subscription.roomSignals", on: "COMMUNITY", typed: true,
		document: `subscription($id: ID!) { roomSignals(room: $id) { __typename } }`,
	},
	// Everybody has an inbox. What is in whose, inbox_test.go tells.
	{field: "Subscription.inboxEvents", on: "-", document: `subscription { inboxEvents { __typename } }`},
}

const roomEventsDocument = `subscription($id: ID!) { roomEvents(room: $id, after: 0) { __typename } }`

const joinOnStage = `mutation($id: String!) { joinBuilding(input: {code: $id}) { membership { id } } }`

const takeBackOnStage = `mutation($id: ID!) { vote(message: $id, options: []) { message { id } } }`

const markOnStage = `mutation($id: ID!) { markRead(room: $id, seq: 1000) { room { id } } }`

const typeOnStage = `mutation($id: ID!) { setTyping(room: $id, active: true) { roomId } }`

// onRoom is the document of a call that changes a room.
func onRoom(call string) string {
	declared := "$id: ID!"
	if strings.Contains(call, "$apartment") {
		declared += ", $apartment: ID!"
	}
	return fmt.Sprintf("mutation(%s) { %s { room { id } } }", declared, call)
}

// onMembership is the document of a call that changes a membership.
func onMembership(call string) string {
	declared := "$id: ID!"
	if strings.Contains(call, "$apartment") {
		declared += ", $apartment: ID!"
	}
	return fmt.Sprintf("mutation(%s) { %s { membership { status } } }", declared, call)
}
