package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"sync"
	"testing"
	"time"
)

// roles are who may be somebody to a building: the columns of the table of
// permissions, from left to right.
var roles = []string{"nobody", "stranger", "pending", "resident", "manager", "elsewhere", "banned", "former"}

// nextDoor is no role: an active member, whom the deeds of the others aim at.
const nextDoor = "next door"

// actor is a person who plays a role, signed in.
type actor struct {
	person  person
	session session
	// viewer is the id of what they alone read.
	viewer string
	// export is one of what is known of them, and is finished.
	export string
	// spare is another session, to be ended; zero for none.
	spare session
}

// cast is the people of a play: one for each role but nobody, and a nextDoor.
// They play on many stages, so that each is registered once.
type cast struct {
	s      *server
	actors map[string]*actor
	// elsewhere is what is in the building of the manager elsewhere, as variables.
	elsewhere variables
}

func mustCast(t *testing.T, s *server) *cast {
	t.Helper()
	c := &cast{s: s, actors: map[string]*actor{"nobody": {}}}
	for _, role := range append(roles[1:], nextDoor) {
		c.mustFill(t, role)
	}
	for _, who := range c.actors {
		if who.session.token != "" {
			who.export, _ = s.mustExport(t, who.session.token)
		}
	}
	face, _ := s.mustUpload(t, c.token(nextDoor), "face.jpg", photo(t, 1))
	c.do(t, nextDoor, `mutation($face: ID!) { updateProfile(input: {avatar: $face}) { viewer { id } } }`, variables{"face": face})
	other := c.do(t, "elsewhere", `mutation { createBuilding(input: {name: "Elsewhere"}) { building {
		id viewerRooms { nodes { id kind } } viewerMembership { id } } } }`, nil)
	c.elsewhere = variables{
		"otherBuilding":   at[string](t, other, "createBuilding.building.id"),
		"otherMembership": at[string](t, other, "createBuilding.building.viewerMembership.id"),
	}
	for _, room := range objects(at[any](t, other, "createBuilding.building.viewerRooms.nodes")) {
		if room["kind"] == "COMMUNITY" {
			c.elsewhere["otherRoom"] = room["id"]
		}
	}
	invited := c.do(t, "elsewhere", inviteToStage, variables{"in": variables{"building": c.elsewhere["otherBuilding"]}})
	c.elsewhere["otherCode"] = secret(at[string](t, invited, "createInvitation.invitation.code"))
	return c
}

// mustFill gives a role to somebody new.
func (c *cast) mustFill(t *testing.T, role string) {
	t.Helper()
	p, signedIn := c.s.mustSignIn(t)
	viewer := at[string](t, c.s.run(t, signedIn.token, `{ viewer { id } }`, nil), "viewer.id")
	c.actors[role] = &actor{person: p, session: signedIn, viewer: viewer}
}

// token gives the token that a role's calls carry; "" for nobody.
func (c *cast) token(role string) string { return c.actors[role].session.token }

// do does something that must succeed.
func (c *cast) do(t *testing.T, role, document string, v variables) result {
	t.Helper()
	return c.s.run(t, c.token(role), document, v).mustSucceed(t)
}

// another gives a session of a role beside the one that it plays with; nobody has
// none.
func (c *cast) another(t *testing.T, role string) session {
	t.Helper()
	who := c.actors[role]
	given := who.spare
	if given.token == "" && role != "nobody" {
		given = c.s.mustLogIn(t, who.person.email, who.person.password)
	}
	who.spare = session{}
	return given
}

// stage is a building in which each of the cast has the place of their role, and
// the things in it.
type stage struct {
	*cast
	// ids are what names each thing, by what the table calls it.
	ids map[string]string
	// noticed is where in its room's log the text of the notice is.
	noticed float64
}

// id gives what names a thing, which may be another one for each role: "" where
// there is none.
func (st *stage) id(thing, role string) string {
	switch thing {
	case "oneself":
		return st.actors[role].person.id
	case "what one alone reads":
		return st.actors[role].viewer
	case "one's own export":
		return st.actors[role].export
	case "a resident's export":
		return st.actors[nextDoor].export
	case "one's own session":
		return st.actors[role].session.id
	case "one's own membership":
		return st.ids["the membership of "+role]
	case "one's own message in COMMUNITY":
		return st.ids["the message of "+role]
	}
	return st.ids[thing]
}

// smallPhoto is one that costs little to look at: each stage has it.
var smallPhoto = sync.OnceValue(func() []byte {
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 32, 20)), nil); err != nil {
		panic(err) // the test's own
	}
	return small.Bytes()
})

const (
	createStage = `mutation { createBuilding(input: {name: "Nile Tower", address: "12 Corniche", apartments: [
		{number: "1", floor: 0}, {number: "2", floor: 1}, {number: "3", floor: 2}]}) { building {
		id apartments { nodes { id } } viewerRooms { nodes { id kind } } viewerMembership { id } } } }`
	inviteToStage = `mutation($in: CreateInvitationInput!) { createInvitation(input: $in) { invitation { id code } } }`
	joinStage     = `mutation($code: String!, $apartment: ID) {
		joinBuilding(input: {code: $code, apartment: $apartment}) { membership { id } } }`
	sendOnStage = `mutation($room: ID!, $apartment: ID!, $file: ID!) {
		sendMessage(input: {room: $room, key: "first", text: "Hello.", apartment: $apartment, attachments: [$file]}) { message { id } }
		gone: sendMessage(input: {room: $room, key: "gone", text: "Goodbye."}) { message { id } } }`
	changeOnStage = `mutation($message: ID!, $gone: ID!, $who: ID!) {
		editMessage(input: {message: $message, text: "Hello!", mentions: [{user: $who, start: 0, length: 5}]}) { message { id } }
		deleteMessage(message: $gone) { message { id } } }`
	answerOnStage = `mutation($room: ID!, $message: ID!) { addReaction(message: $message, emoji: "👍") { message { id } }
		sendMessage(input: {room: $room, key: "own", text: "Salam.", replyTo: $message}) { message { id } } }`
	readStage = `query($id: ID!) { building(id: $id) {
		viewerRooms { nodes { kind participants { nodes { id user { id } } } } }
		viewerManaged { auditLog(first: 1) { nodes { id } } reports { nodes { id } } } } }`
)

// mustStage makes a building. The resident and the nextDoor live in apartment 1,
// apartment 2 is asked for, and 3 is empty.
func (c *cast) mustStage(t *testing.T) *stage {
	t.Helper()
	st := &stage{cast: c, ids: map[string]string{}}
	made := c.do(t, "manager", createStage, nil)
	building := func(path string) string { return at[string](t, made, "createBuilding.building."+path) }
	st.ids["the building"] = building("id")
	for i, name := range []string{"a lived-in apartment", "the apartment asked for", "an empty apartment"} {
		st.ids[name] = building(fmt.Sprintf("apartments.nodes.%d.id", i))
	}
	for i := range 2 {
		st.ids[building(fmt.Sprintf("viewerRooms.nodes.%d.kind", i))] = building(fmt.Sprintf("viewerRooms.nodes.%d.id", i))
	}
	st.ids["the membership of manager"] = building("viewerMembership.id")

	invite := func(name string, in variables) {
		in["building"] = st.ids["the building"]
		r := c.do(t, "manager", inviteToStage, variables{"in": in})
		st.ids["an invitation "+name] = at[string](t, r, "createInvitation.invitation.id")
		st.ids["a code "+name] = secret(at[string](t, r, "createInvitation.invitation.code"))
	}
	invite("to ask with", variables{})
	invite("that lets in", variables{"preapproved": true})
	invite("for an apartment", variables{
		"apartment": st.ids["a lived-in apartment"], "preapproved": true, "maxUses": 9,
		"expiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	})
	join := func(role, code, apartment string) {
		v := variables{"code": st.ids["a code "+code]}
		if apartment != "" {
			v["apartment"] = st.ids[apartment]
		}
		r := c.do(t, role, joinStage, v)
		st.ids["the membership of "+role] = at[string](t, r, "joinBuilding.membership.id")
	}
	join(nextDoor, "for an apartment", "")
	join("resident", "for an apartment", "")
	join("pending", "to ask with", "the apartment asked for")
	join("banned", "that lets in", "")
	join("former", "that lets in", "")
	st.ids["an attachment in COMMUNITY"], _ = c.s.mustUpload(t, c.token(nextDoor), "garden.jpg", smallPhoto())
	sent := c.do(t, nextDoor, sendOnStage, variables{
		"room": st.ids["COMMUNITY"], "apartment": st.ids["a lived-in apartment"], "file": st.ids["an attachment in COMMUNITY"],
	})
	st.ids["a message in COMMUNITY"] = at[string](t, sent, "sendMessage.message.id")
	st.ids["a deleted message"] = at[string](t, sent, "gone.message.id")
	v := variables{"room": st.ids["COMMUNITY"], "message": st.ids["a message in COMMUNITY"]}
	c.do(t, nextDoor, changeOnStage, v.with(variables{"gone": st.ids["a deleted message"], "who": c.actors["manager"].person.id}))
	for _, role := range []string{"resident", "manager", "banned", "former"} {
		r := c.do(t, role, answerOnStage, v)
		st.ids["the message of "+role] = at[string](t, r, "sendMessage.message.id")
	}
	st.ids["an answer in COMMUNITY"] = st.ids["the message of resident"]
	r := c.do(t, "manager", `mutation($room: ID!, $message: ID!) { pinMessage(message: $message) { message { id } }
		sendMessage(input: {room: $room, key: "official", text: "Welcome."}) { message { id } } }`, v.with(variables{"room": st.ids["ANNOUNCEMENTS"]}))
	st.ids["a message in ANNOUNCEMENTS"] = at[string](t, r, "sendMessage.message.id")
	c.do(t, "manager", `mutation($ban: ID!, $end: ID!) {
		banMember(membership: $ban) { membership { status } }
		endMembership(membership: $end) { membership { status } }
	}`, variables{"ban": st.ids["the membership of banned"], "end": st.ids["the membership of former"]})

	st.mustAsk(t)
	c.do(t, nextDoor, `mutation($room: ID!) { markRead(room: $room, seq: 1000) { room { id } } }`, variables{"room": st.ids["COMMUNITY"]})

	c.do(t, "resident", `mutation($message: ID!) { reportMessage(input: {message: $message, reason: "Rude."}) { messageId } }`, v)

	r = c.do(t, "manager", readStage, variables{"id": st.ids["the building"]})
	st.ids["an entry of the audit log"] = at[string](t, r, "building.viewerManaged.auditLog.nodes.0.id")
	st.ids["a report"] = at[string](t, r, "building.viewerManaged.reports.nodes.0.id")
	for _, room := range objects(at[any](t, r, "building.viewerRooms.nodes")) {
		for _, participant := range objects(room["participants"].(map[string]any)["nodes"]) {
			if participant["user"].(map[string]any)["id"] == c.actors[nextDoor].person.id {
				st.ids["a resident's place in "+room["kind"].(string)] = participant["id"].(string)
			}
		}
	}
	for name, role := range map[string]string{
		"a resident": nextDoor, "a pending person": "pending", "a banned person": "banned",
		"a former resident": "former", "the manager": "manager",
	} {
		st.ids[name] = c.actors[role].person.id
		st.ids["the membership of "+name] = st.ids["the membership of "+role]
	}
	// Whoever was blocked in an earlier act could not bring the resident into a group.
	c.do(t, "resident", `mutation($user: ID!) { unblockUser(user: $user) { userId } }`, variables{"user": c.actors[nextDoor].person.id})
	r = c.do(t, nextDoor, `mutation($building: ID!, $user: ID!) {
		createRoom(input: {building: $building, name: "Gardeners", participants: [$user]}) { room { id } }
		openDirectRoom(user: $user) { room { id } }
	}`, variables{"building": st.ids["the building"], "user": c.actors["resident"].person.id})
	st.ids["a group"] = at[string](t, r, "createRoom.room.id")
	st.ids["a direct room"] = at[string](t, r, "openDirectRoom.room.id")
	st.ids["a resident's session"] = c.actors[nextDoor].session.id
	st.ids["what a resident alone reads"] = c.actors[nextDoor].viewer
	return st
}

const (
	askOnStage = `mutation($room: ID!, $poll: PollInput!) {
		sendMessage(input: {room: $room, key: "a poll", poll: $poll}) { message { id poll { id options { id } } } } }`
	noticeOnStage = `mutation($room: ID!) {
		sendMessage(input: {room: $room, key: "a notice", text: "No water.", notice: true}) { message { id textSeq notice { id } } } }`
	voteOnStage = `mutation($id: ID!, $options: [ID!]!) { vote(message: $id, options: $options) { message { id } } }`
)

// mustAsk posts what asks people something. The nextDoor votes.
func (st *stage) mustAsk(t *testing.T) {
	t.Helper()
	for name, of := range map[string]struct {
		role, room   string
		perApartment bool
	}{
		"a poll":               {nextDoor, "COMMUNITY", false},
		"a poll of apartments": {"manager", "ANNOUNCEMENTS", true},
	} {
		r := st.do(t, of.role, askOnStage, variables{"room": st.ids[of.room], "poll": variables{
			"question": "Tea?", "options": []string{"Yes", "No"}, "perApartment": of.perApartment,
			"closesAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		}})
		st.ids[name] = at[string](t, r, "sendMessage.message.poll.id")
		st.ids["the message of "+name] = at[string](t, r, "sendMessage.message.id")
		st.do(t, nextDoor, voteOnStage, variables{
			"id":      st.ids["the message of "+name],
			"options": []string{at[string](t, r, "sendMessage.message.poll.options.0.id")},
		})
	}
	r := st.do(t, "manager", noticeOnStage, variables{"room": st.ids["ANNOUNCEMENTS"]})
	st.ids["a notice"] = at[string](t, r, "sendMessage.message.notice.id")
	st.ids["the message of a notice"] = at[string](t, r, "sendMessage.message.id")
	st.noticed = at[float64](t, r, "sendMessage.message.textSeq")
}

// what is there, of which a deed that was refused has changed nothing.
const stageNow = `query($id: ID!) { building(id: $id) { id name address
	apartments { nodes { id number floor residents { nodes { id } } } }
	viewerRooms { nodes { id name topic archivedAt lastSeq participants { nodes { id readSeq } }
		messages { nodes { id text changedSeq } } } }
	viewerManaged {
		pending: members(status: PENDING) { ...members } active: members(status: ACTIVE) { ...members }
		banned: members(status: BANNED) { ...members } ended: members(status: ENDED) { ...members }
		invitations { nodes { id code preapproved usesLeft expiresAt } }
		reports { nodes { id resolvedAt } }
		auditLog(first: 100) { nodes { id } }
	} } }
fragment members on MembershipConnection { nodes { id role apartments { id } claimedApartment { id } user { name } } }`

// now gives all there is in the building, as its manager reads it.
func (st *stage) now(t *testing.T) string {
	t.Helper()
	return string(st.do(t, "manager", stageNow, variables{"id": st.ids["the building"]}).body)
}
