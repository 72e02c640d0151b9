package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"sync"
	"testing"
)

// signedInOnly are operations that need a session, before anything else is looked
// at.
var signedInOnly = map[string]string{
	"logOut":                             `mutation { logOut { sessionId } }`,
	"revokeSession":                      `mutation { revokeSession(session: "session_x") { sessionId } }`,
	"revokeOtherSessions":                `mutation { revokeOtherSessions { revokedCount } }`,
	"changePassword":                     `mutation { changePassword(input: {currentPassword: "a", newPassword: "nile-2134"}) { viewer { id } } }`,
	"changePassword with a weak one":     `mutation { changePassword(input: {currentPassword: "", newPassword: ""}) { viewer { id } } }`,
	"updateProfile":                      `mutation { updateProfile(input: {name: "Nour"}) { viewer { id } } }`,
	"updateProfile with nothing":         `mutation { updateProfile(input: {}) { viewer { id } } }`,
	"updateProfile with a bad value":     `mutation { updateProfile(input: {name: ""}) { viewer { id } } }`,
	"updateProfile with null for a name": `mutation { updateProfile(input: {name: null}) { viewer { id } } }`,

	"createBuilding":            `mutation { createBuilding(input: {name: "Nile View"}) { building { id } } }`,
	"createBuilding of nothing": `mutation { createBuilding(input: {name: ""}) { building { id } } }`,
	"updateBuilding":            `mutation { updateBuilding(input: {building: "building_x", name: "Nile View"}) { building { id } } }`,
	"updateBuilding to nothing": `mutation { updateBuilding(input: {building: "building_x", name: ""}) { building { id } } }`,
	"updateBuilding to null":    `mutation { updateBuilding(input: {building: "building_x", name: null}) { building { id } } }`,
	"addApartments":             `mutation { addApartments(building: "building_x", apartments: []) { building { id } } }`,
	"addApartments of nothing":  `mutation { addApartments(building: "building_x", apartments: [{number: ""}]) { building { id } } }`,
	"removeApartment":           `mutation { removeApartment(apartment: "apartment_x") { apartmentId } }`,
	"createInvitation":          `mutation { createInvitation(input: {building: "building_x"}) { invitation { id } } }`,
	"createInvitation for none": `mutation { createInvitation(input: {building: "building_x", maxUses: 0}) { invitation { id } } }`,
	"revokeInvitation":          `mutation { revokeInvitation(invitation: "invitation_x") { invitationId } }`,
	"joinBuilding":              `mutation { joinBuilding(input: {code: "7K3M-Q2ZD-0RXA-J9HT"}) { membership { id } } }`,
	"joinBuilding by nothing":   `mutation { joinBuilding(input: {code: ""}) { membership { id } } }`,
	"approveMembership":         `mutation { approveMembership(membership: "member_x") { membership { id } } }`,
	"setMemberApartments":       `mutation { setMemberApartments(membership: "member_x", apartments: []) { membership { id } } }`,
	"setMemberRole":             `mutation { setMemberRole(membership: "member_x", role: MANAGER) { membership { id } } }`,
	"endMembership":             `mutation { endMembership(membership: "member_x") { membership { id } } }`,
	"banMember":                 `mutation { banMember(membership: "member_x") { membership { id } } }`,
	"unbanMember":               `mutation { unbanMember(membership: "member_x") { membership { id } } }`,
}

func TestWithoutASession(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, ended := s.mustSignIn(t)
		s.run(t, ended.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		for kind, token := range map[string]string{
			"none":           "",
			"ended":          ended.token,
			"never was":      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			"not even close": "no token",
		} {
			s.run(t, token, `{ viewer { id } }`, nil).expectData(t, "viewer", `null`)
			for name, operation := range signedInOnly {
				r := s.run(t, token, operation, nil)
				if r.code() != "UNAUTHENTICATED" || r.lookup("viewer") != nil {
					t.Errorf("%s, token %s: got %v", name, kind, r)
				}
			}
			r := s.run(t, token, `query($id: ID!) { node(id: $id) { id } }`, variables{"id": p.id})
			if r.lookup("node") != nil || r.code() != "" && r.code() != "UNAUTHENTICATED" {
				t.Errorf("node, token %s: got %v", kind, r)
			}
		}
		// An ended session does not stop what strangers may do.
		r := s.run(t, ended.token, registerDocument, variables{"input": stranger().input()})
		r.mustSucceed(t)
		s.run(t, ended.token, logInDocument,
			variables{"input": variables{"login": p.email, "password": p.password}}).mustSucceed(t)
	})
}

const sessionsDocument = `{ viewer { sessions { id device createdAt lastUsedAt expiresAt current } } }`

// mustListSessions gives the devices of the sessions that a session sees, by
// their ids, and demands that exactly that session is marked as current.
func (s *server) mustListSessions(t *testing.T, as session) map[string]string {
	t.Helper()
	r := s.run(t, as.token, sessionsDocument, nil).mustSucceed(t)
	devices := map[string]string{}
	for i, one := range at[[]any](t, r, "viewer.sessions") {
		one := one.(map[string]any)
		id := one["id"].(string)
		devices[id] = one["device"].(string)
		expectTimes(t, r, fmt.Sprintf("viewer.sessions.%d", i))
		if one["current"].(bool) != (id == as.id) {
			t.Errorf("asked by %s: %v", as.id, one)
		}
	}
	return devices
}

func TestSessionsAreListed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := s.mustRegister(t)
		want := map[string]string{}
		var all []session
		for _, device := range []string{"", "Nour's phone", "هاتف"} {
			r := s.run(t, "", logInDocument, variables{"input": variables{
				"login": p.email, "password": p.password, "device": device,
			}}).mustSucceed(t)
			one := session{at[string](t, r, "logIn.session.id"), at[string](t, r, "logIn.token")}
			want[one.id] = device
			all = append(all, one)
		}
		s.mustSignIn(t) // somebody else's is not among them
		for _, one := range all {
			if got := s.mustListSessions(t, one); !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	})
}

const revokeDocument = `mutation Revoke($session: ID!) {
	revokeSession(session: $session) { sessionId viewer { sessions { id current } } }
}`

func TestRevokeSession(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		lost := s.mustLogIn(t, p.email, p.password)
		r := s.run(t, mine.token, revokeDocument, variables{"session": lost.id}).mustSucceed(t)
		r.expectData(t, "revokeSession.sessionId", `"`+lost.id+`"`)
		r.expectData(t, "revokeSession.viewer.sessions", fmt.Sprintf(`[{"id": %q, "current": true}]`, mine.id))
		if s.signedIn(t, lost.token) {
			t.Error("a revoked session is still good")
		}

		// One's own is a session like any other.
		s.run(t, mine.token, revokeDocument, variables{"session": mine.id}).mustSucceed(t)
		if s.signedIn(t, mine.token) {
			t.Error("one's own session is still good")
		}
	})
}

// What is not there and what is not the asker's are the same.
func TestRevokeSessionThatIsNotOnesOwn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		ended := s.mustLogIn(t, p.email, p.password)
		s.run(t, ended.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		other, theirs := s.mustSignIn(t)
		want := s.run(t, mine.token, revokeDocument, variables{"session": theirs.id})
		want.expectCode(t, "NOT_FOUND", "")
		for _, id := range append(neverWere(theirs.id), ended.id, other.id, p.id) {
			got := s.run(t, mine.token, revokeDocument, variables{"session": id})
			if got.status != want.status || !bytes.Equal(got.body, want.body) {
				t.Errorf("%q: got %v, want %v", id, got, want)
			}
		}
		if !s.signedIn(t, theirs.token) || !s.signedIn(t, mine.token) {
			t.Error("a session ended that nobody could end")
		}
	})
}

// neverWere gives ids that name nothing, of which some look like the given one.
func neverWere(like string) []string {
	swapped := []byte(like)
	last := len(swapped) - 2
	if swapped[last] == '0' {
		swapped[last] = '1'
	} else {
		swapped[last] = '0'
	}
	return []string{
		string(swapped), "", "0", "x_0", like + "0", like[1:], " " + like, like + "\x00", "\x00",
		"session_", "_", "user_00000000000000000000000000", "ساكن", longText(5000), "' OR 1=1 --",
	}
}

func TestRevokeOtherSessions(t *testing.T) {
	t.Parallel()
	const document = `mutation { revokeOtherSessions { revokedCount viewer { sessions { id current } } } }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		_, bystander := s.mustSignIn(t)
		others := []session{s.mustLogIn(t, p.email, p.password), s.mustLogIn(t, p.phone, p.password)}
		for _, want := range []string{"2", "0"} {
			r := s.run(t, mine.token, document, nil).mustSucceed(t)
			r.expectData(t, "revokeOtherSessions.revokedCount", want)
			r.expectData(t, "revokeOtherSessions.viewer.sessions", fmt.Sprintf(`[{"id": %q, "current": true}]`, mine.id))
		}
		for _, other := range others {
			if s.signedIn(t, other.token) {
				t.Error("another session is still good")
			}
		}
		if !s.signedIn(t, mine.token) || !s.signedIn(t, bystander.token) {
			t.Error("a session ended that should not")
		}
	})
}

// However busily a token is used, it is nobody's from when the end of its session is
// answered.
func TestEndedSessionIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	ways := map[string]func(t *testing.T, s *server, p person, mine, lost session){
		"revoked": func(t *testing.T, s *server, _ person, mine, lost session) {
			s.run(t, mine.token, revokeDocument, variables{"session": lost.id}).mustSucceed(t)
		},
		"another": func(t *testing.T, s *server, _ person, mine, _ session) {
			s.run(t, mine.token, `mutation { revokeOtherSessions { revokedCount } }`, nil).mustSucceed(t)
		},
		"logged out": func(t *testing.T, s *server, _ person, _, lost session) {
			s.run(t, lost.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		},
		"of an old password": func(t *testing.T, s *server, p person, mine, _ session) {
			s.run(t, mine.token, `mutation($input: ChangePasswordInput!) { changePassword(input: $input) { viewer { id } } }`,
				variables{"input": variables{"currentPassword": p.password, "newPassword": "felucca-at-four"}}).mustSucceed(t)
		},
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for name, end := range ways {
			t.Run(name, func(t *testing.T) {
				p, mine := s.mustSignIn(t)
				lost := s.mustLogIn(t, p.email, p.password)
				answered := make(chan struct{})
				var busy sync.WaitGroup
				for range 4 {
					busy.Go(func() {
						for over := false; !over; {
							select {
							case <-answered:
								over = true // what is asked from now on must be refused
							default:
							}
							if s.signedIn(t, lost.token) && over {
								t.Error("an ended session is still good")
							}
						}
					})
				}
				end(t, s, p, mine, lost)
				close(answered)
				busy.Wait()
				if !s.signedIn(t, mine.token) {
					t.Error("the other session ended, too")
				}
			})
		}
	})
}

func TestLogOut(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		other := s.mustLogIn(t, p.email, p.password)
		s.run(t, mine.token, `mutation { logOut { sessionId } }`, nil).
			expectData(t, "logOut.sessionId", `"`+mine.id+`"`)
		if s.signedIn(t, mine.token) || !s.signedIn(t, other.token) {
			t.Error("logOut ends the session that asks, and no other")
		}
		s.run(t, mine.token, `mutation { logOut { sessionId } }`, nil).expectCode(t, "UNAUTHENTICATED", "")
	})
}

// Fields of one mutation run one after the other: what comes after the end of the
// session has none any more.
func TestSessionEndsWithinAMutation(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		r := s.run(t, mine.token, `mutation {
			logOut { sessionId }
			updateProfile(input: {name: "Somebody Else"}) { viewer { id } }
		}`, nil)
		r.expectCode(t, "UNAUTHENTICATED", "")
		again := s.mustLogIn(t, p.email, p.password)
		s.run(t, again.token, `{ viewer { user { name } } }`, nil).
			expectData(t, "viewer.user.name", `"`+p.name+`"`)
		r = s.run(t, again.token, `mutation { a: logOut { sessionId } b: logOut { sessionId } }`, nil)
		r.expectCode(t, "UNAUTHENTICATED", "")
	})
}

const changePasswordDocument = `mutation Change($current: String!, $new: String!) {
	changePassword(input: {currentPassword: $current, newPassword: $new}) { viewer { sessions { id current } } }
}`

func TestChangePassword(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		other := s.mustLogIn(t, p.email, p.password)
		next := stranger().password
		for _, c := range []struct{ current, new, code, field string }{
			{"not-the-password", next, "INVALID_CREDENTIALS", ""},
			{"", next, "INVALID_CREDENTIALS", ""},
			{p.password, "nile-21", "PASSWORD_TOO_WEAK", "input.newPassword"},
			{p.password, "password", "PASSWORD_TOO_WEAK", "input.newPassword"},
			{p.password, longText(1025), "INVALID_INPUT", "input.newPassword"},
			{p.password, "", "REQUIRED", "input.newPassword"},
		} {
			s.run(t, mine.token, changePasswordDocument, variables{"current": c.current, "new": c.new}).
				expectCode(t, c.code, c.field)
		}
		if !s.signedIn(t, other.token) {
			t.Error("a password that was not changed ended a session")
		}

		r := s.run(t, mine.token, changePasswordDocument, variables{"current": p.password, "new": next})
		r.mustSucceed(t).expectData(t, "changePassword.viewer.sessions", fmt.Sprintf(`[{"id": %q, "current": true}]`, mine.id))
		if s.signedIn(t, other.token) || !s.signedIn(t, mine.token) {
			t.Error("every other session ends, and the one that asks stays")
		}
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
		s.mustLogIn(t, p.email, next)
	})
}

// Of those who change a password at once one wins, and the others hear that theirs
// is no longer the current one, or that another change came first.
func TestChangePasswordInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		next := make([]string, 8)
		codes := make([]string, len(next))
		var all sync.WaitGroup
		for i := range next {
			next[i] = stranger().password
			all.Go(func() {
				r, err := s.insist(mine.token, changePasswordDocument, variables{"current": p.password, "new": next[i]})
				codes[i] = r.code()
				if err != nil {
					codes[i] = err.Error()
				}
			})
		}
		all.Wait()
		won := 0
		for i, code := range codes {
			switch code {
			case "":
				won++
				s.mustLogIn(t, p.email, next[i])
			case "INVALID_CREDENTIALS", "CONFLICT":
				s.logIn(t, p.email, next[i]).expectCode(t, "INVALID_CREDENTIALS", "")
			default:
				t.Errorf("got %q", code)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d changed the password", won, len(codes))
		}
		s.logIn(t, p.email, p.password).expectCode(t, "INVALID_CREDENTIALS", "")
	})
}
