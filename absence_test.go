package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// ofKinds are documents that name a thing by its id, by what the thing is; what is
// written of "NODE" is asked of each.
var ofKinds = map[string][]string{
	"NODE": {`query($id: ID!) { node(id: $id) { __typename id } }`},
	"user": {
		`mutation($id: ID!) { openDirectRoom(user: $id) { room { id } } }`,
		`query($id: ID!) { searchMessages(query: "salam", author: $id) { nodes { id } } }`,
	},
	"session": {`mutation($id: ID!) { revokeSession(session: $id) { sessionId } }`},
	"building": {
		`query($id: ID!) { building(id: $id) { id } }`,
		`query($id: ID!) { searchMessages(query: "salam", building: $id) { nodes { id } } }`,
		`mutation($id: ID!) { updateBuilding(input: {building: $id, name: "Nile"}) { building { id } } }`,
		`mutation($id: ID!) { addApartments(building: $id, apartments: [{number: "9"}]) { building { id } } }`,
		`mutation($id: ID!) { createInvitation(input: {building: $id}) { invitation { id } } }`,
		`mutation($id: ID!) { createRoom(input: {building: $id, name: "Garden"}) { room { id } } }`,
	},
	"apartment": {`mutation($id: ID!) { removeApartment(apartment: $id) { apartmentId } }`},
	"member": {
		`mutation($id: ID!) { approveMembership(membership: $id) { membership { id } } }`,
		`mutation($id: ID!) { setMemberApartments(membership: $id, apartments: []) { membership { id } } }`,
		`mutation($id: ID!) { setMemberRole(membership: $id, role: MANAGER) { membership { id } } }`,
		`mutation($id: ID!) { endMembership(membership: $id) { membership { id } } }`,
		`mutation($id: ID!) { banMember(membership: $id) { membership { id } } }`,
		`mutation($id: ID!) { unbanMember(membership: $id) { membership { id } } }`,
	},
	"invitation": {`mutation($id: ID!) { revokeInvitation(invitation: $id) { invitationId } }`},
	"room": {
		`query($id: ID!) { room(id: $id) { id } }`,
		`query($id: ID!) { searchMessages(query: "salam", room: $id) { nodes { id } } }`,
		`mutation($id: ID!) { updateRoom(input: {room: $id, name: "Garden"}) { room { id } } }`,
		`mutation($id: ID!) { archiveRoom(room: $id) { room { id } } }`,
		`mutation($id: ID!) { leaveRoom(room: $id) { roomId } }`,
		`mutation($id: ID!) { addParticipants(room: $id, users: []) { room { id } } }`,
		`mutation($id: ID!) { setNotifications(room: $id, level: NONE) { room { id } } }`,
		`mutation($id: ID!) { markRead(room: $id, seq: 1) { room { id } } }`,
		`mutation($id: ID!) { setTyping(room: $id, active: true) { roomId } }`,
		`mutation($id: ID!) { sendMessage(input: {room: $id, key: "k", text: "Salam"}) { message { id } } }`,
	},
	"msg": {
		`query($id: ID!) { message(id: $id) { id } }`,
		`mutation($id: ID!) { editMessage(input: {message: $id, text: "Salam"}) { message { id } } }`,
		`mutation($id: ID!) { deleteMessage(message: $id) { message { id } } }`,
		`mutation($id: ID!) { addReaction(message: $id, emoji: "👍") { message { id } } }`,
		`mutation($id: ID!) { removeReaction(message: $id, emoji: "👍") { message { id } } }`,
		`mutation($id: ID!) { pinMessage(message: $id) { message { id } } }`,
		`mutation($id: ID!) { unpinMessage(message: $id) { message { id } } }`,
		`mutation($id: ID!) { vote(message: $id, options: []) { message { id } } }`,
		`mutation($id: ID!) { acknowledgeNotice(message: $id, textSeq: 1) { message { id } } }`,
	},
}

// What is not for somebody costs the same statements as what is not there, and reads the
// same: so nobody can tell one from the other, by whatever clock.
func TestWhatIsNotForOneIsAbsent(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		told := &testkit.Statements{}
		api := mustServe(t, db, store.Watched(told.Driver, told))
		things := api.mustFurnish(t)
		// Strangers to each other: who has nothing, and who manages a building elsewhere.
		nobody, elsewhere := api.mustEnter(t), api.mustEnter(t)
		api.mustDo(t, elsewhere, `mutation { createBuilding(input: {name: "Elsewhere"}) { building { id } } }`, nil)
		for _, asker := range []string{nobody, elsewhere} {
			for _, id := range things {
				kind, _, _ := strings.Cut(id, "_")
				for _, document := range append(slices.Clone(ofKinds["NODE"]), ofKinds[kind]...) {
					ask := func(id string) (string, []string) {
						api.answer(t, asker, "{ __typename }", id) // so that their session is known
						told.Reset()
						answer := api.answer(t, asker, document, id)
						return answer, told.Reset()
					}
					never := neverWas(t, id)
					ask(never) // what is prepared or looked up once is, from here on
					var absent, hidden string
					var unseenCost, hiddenCost []string
					for range 3 { // a machine that halts for a second has a session looked up anew
						absent, unseenCost = ask(never)
						hidden, hiddenCost = ask(id)
						if slices.Equal(unseenCost, hiddenCost) {
							break
						}
					}
					if absent != hidden {
						t.Errorf("%s of %s reads\n%s and what never was\n%s", document, kind, hidden, absent)
					}
					if !slices.Equal(unseenCost, hiddenCost) {
						t.Errorf("%s of %s costs\n%s\nand what never was\n%s", document, kind, strings.Join(hiddenCost, "\n"), strings.Join(unseenCost, "\n"))
					}
				}
			}
		}
	})
}

// mustFurnish gives the ids of a thing of each kind, of people who live together.
func (s served) mustFurnish(t testing.TB) []string {
	t.Helper()
	manager, resident := s.mustEnter(t), s.mustEnter(t)
	w := s.mustBuild(t, []string{manager, resident, s.mustEnter(t)}, 1, 1)
	data := s.mustDo(t, manager, `query($building: ID!, $asking: ID!) {
		viewer { id user { id } sessions { id } }
		building(id: $building) {
			id apartments { nodes { id } } members { nodes { id user { id } } } viewerRooms(first: 2) { nodes { id participants(first: 3) { nodes { id } } messages(last: 3) { nodes { id } } } }
			viewerManaged { invitations { nodes { id } } auditLog { nodes { id } } }
		}
		room(id: $asking) { messages(last: 5) { nodes { id poll { id options { id } } notice { id } } } }
	}`, map[string]any{"building": w.building, "asking": w.asking})
	byKind := map[string]string{}
	var look func(v any)
	look = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if id, ok := v["id"].(string); ok {
				kind, _, _ := strings.Cut(id, "_")
				byKind[kind] = id
			}
			for _, inner := range v {
				look(inner)
			}
		case []any:
			for _, inner := range v {
				look(inner)
			}
		}
	}
	look(data)
	ids := []string{}
	for _, id := range byKind {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if len(ids) < 13 {
		t.Fatalf("only %q", ids)
	}
	user := data["viewer"].(map[string]any)["user"].(map[string]any)["id"]
	made := s.mustDo(t, resident, `mutation($building: ID!, $user: ID!) {
		createRoom(input: {building: $building, name: "Gardeners"}) { room { id } }
		openDirectRoom(user: $user) { room { id } }
	}`, map[string]any{"building": w.building, "user": user})
	for _, field := range []string{"createRoom", "openDirectRoom"} {
		ids = append(ids, made[field].(map[string]any)["room"].(map[string]any)["id"].(string))
	}
	return ids
}

// neverWas gives an id of the same kind and of the same moment that names nothing.
func neverWas(t testing.TB, like string) string {
	t.Helper()
	id, ok := omarty.ParseID(like)
	if !ok {
		t.Fatalf("%q is no id", like)
	}
	fresh := uuid.New()
	copy(id.Row[8:], fresh[8:])
	return id.String()
}

// answer runs an operation on an id, which is told as "ID" in what it gives.
func (s served) answer(t testing.TB, token, document, id string) string {
	t.Helper()
	body := fmt.Sprintf(`{"query": %q, "variables": {"id": %q}}`, document, id)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return strings.ReplaceAll(ask(s, r).Body.String(), id, "ID")
}

// BenchmarkAbsence puts the time of what is not for somebody beside that of what never
// was, for each kind of thing: the ratio of the medians, which is to be 1.
func BenchmarkAbsence(b *testing.B) {
	for engine, database := range map[string]func(testing.TB) testkit.Database{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(engine, func(b *testing.B) {
			api := mustServe(b, database(b))
			things, stranger := api.mustFurnish(b), api.mustEnter(b)
			for _, id := range things {
				kind, _, _ := strings.Cut(id, "_")
				b.Run(kind, func(b *testing.B) {
					took := map[bool][]time.Duration{}
					for i := range 2 * b.N {
						hidden := i%2 == 0
						asked := id
						if !hidden {
							asked = neverWas(b, id)
						}
						began := time.Now()
						api.answer(b, stranger, ofKinds["NODE"][0], asked)
						took[hidden] = append(took[hidden], time.Since(began))
					}
					slices.Sort(took[true])
					slices.Sort(took[false])
					b.ReportMetric(float64(took[true][b.N/2])/float64(took[false][b.N/2]), "hidden/absent")
				})
			}
		})
	}
}
