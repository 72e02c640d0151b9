package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A person logs in with what they registered, however they write it, and it is
// always the same account.
func TestLogInByEmailOrPhone(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		p.email = "Zoë." + p.email
		id := at[string](t, s.register(t, p.input()).mustSucceed(t), "register.user.id")
		for _, login := range append(spellingsOfEmail(p.email), spellingsOfPhone(p.phone)...) {
			r := s.logIn(t, login, p.password)
			if got := r.lookup("logIn.viewer.user.id"); got != id {
				t.Errorf("%q: got %v, want %q", login, r, id)
			}
		}
	})
}

func TestLogInAnswer(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := s.mustRegister(t)
		first := s.mustLogIn(t, p.email, p.password)
		r := s.run(t, "", `mutation LogIn($input: LogInInput!) { logIn(input: $input) {
			token
			session { id device createdAt lastUsedAt expiresAt current }
			viewer { id email emailVerified phone phoneVerified locale user { id name } sessions { id current } }
		} }`, variables{"input": variables{
			"login": p.phone, "password": p.password, "device": " نور's phone ", "longitude": 31.2, "latitude": 29.9,
		}}).mustSucceed(t)
		r.expectData(t, "logIn.session.device", `"نور's phone"`)
		r.expectData(t, "logIn.session.current", `true`)
		r.expectData(t, "logIn.viewer.email", `"`+p.email+`"`)
		r.expectData(t, "logIn.viewer.phone", `"+2`+p.phone+`"`)
		r.expectData(t, "logIn.viewer.emailVerified", `false`)
		r.expectData(t, "logIn.viewer.phoneVerified", `false`)
		r.expectData(t, "logIn.viewer.user.id", `"`+p.id+`"`)
		r.expectData(t, "logIn.viewer.user.name", `"`+p.name+`"`)
		expectTimes(t, r, "logIn.session")

		// What the answer leads to is read with the new session, though the request
		// came without one.
		current := map[string]bool{}
		for _, one := range at[[]any](t, r, "logIn.viewer.sessions") {
			one := one.(map[string]any)
			current[one["id"].(string)] = one["current"].(bool)
		}
		id := at[string](t, r, "logIn.session.id")
		if len(current) != 2 || !current[id] || current[first.id] {
			t.Errorf("the sessions are %v; the new one, %s, is current", current, id)
		}
	})
}

// expectTimes demands times of a session that make sense, written as the contract
// has them.
func expectTimes(t *testing.T, r result, path string) {
	t.Helper()
	var times []time.Time
	for _, name := range []string{"createdAt", "lastUsedAt", "expiresAt"} {
		text := at[string](t, r, path+"."+name)
		moment, err := time.Parse("2006-01-02T15:04:05.999999Z", text)
		if err != nil {
			t.Errorf("%s is no moment in UTC with up to microseconds: %s", name, text)
		}
		times = append(times, moment)
	}
	if !slices.IsSortedFunc(times, time.Time.Compare) || !times[2].After(times[1]) {
		t.Errorf("created, used and expiring at %v", times)
	}
	if age := time.Since(times[0]).Abs(); age > time.Hour {
		t.Errorf("created %v from now", age)
	}
}

func TestLogInInputs(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := s.mustRegister(t)
		for _, c := range []struct {
			changes     variables
			code, field string
		}{
			{variables{"device": "a\x00b"}, "INVALID_INPUT", "input.device"},
			{variables{"device": "a\nb"}, "INVALID_INPUT", "input.device"},
			{variables{"device": longText(101)}, "INVALID_INPUT", "input.device"},
			{variables{"device": nil}, "BAD_REQUEST", ""},
			{variables{"longitude": 181}, "INVALID_INPUT", "input.longitude"},
			{variables{"latitude": -91}, "INVALID_INPUT", "input.latitude"},
			{variables{"password": absent}, "BAD_REQUEST", ""},
			{variables{"device": ""}, "", ""},
			{variables{"longitude": nil, "latitude": nil}, "", ""},
		} {
			input := variables{"login": p.email, "password": p.password}.with(c.changes)
			r := s.run(t, "", logInDocument, variables{"input": input})
			if r.code() != c.code || r.field() != c.field {
				t.Errorf("%v: got %v, want %q %q", c.changes, r, c.code, c.field)
			}
		}
	})
}

// Nobody learns from an answer whether a login exists.
func TestLogInFailuresLookTheSame(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := s.mustRegister(t)
		nobody := stranger()
		want := s.logIn(t, p.email, "not-the-password")
		want.expectCode(t, "INVALID_CREDENTIALS", "")
		for _, attempt := range [][2]string{
			{p.phone, "not-the-password"},
			{p.email, ""},
			{p.email, p.password + " "},
			{p.email, longText(1025)},
			{p.email, "with\x00nul"},
			{nobody.email, nobody.password},
			{nobody.email, p.password},
			{nobody.email, ""},
			{nobody.phone, nobody.password},
			{"", p.password},
			{"neither an address nor a number", p.password},
			{p.id, p.password},
			{p.name, p.password},
			{longText(5000), p.password},
			{"nul\x00@example.com", p.password},
			{"' OR 1=1 --", p.password},
		} {
			got := s.logIn(t, attempt[0], attempt[1])
			if got.status != want.status || !bytes.Equal(got.body, want.body) {
				t.Errorf("%q: got %v, want %v", clip(attempt[0], 60), got, want)
			}
			for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control"} {
				if got.header.Get(name) != want.header.Get(name) {
					t.Errorf("%q: %s is %q, want %q", clip(attempt[0], 60), name, got.header.Get(name), want.header.Get(name))
				}
			}
		}
	})
}

// Nobody learns from the time either.
func TestLogInFailuresTakeTheSameTime(t *testing.T) {
	eachEngineAlone(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, nobody := s.mustRegister(t), stranger()
		fails := func(login string) func() {
			return func() {
				s.logIn(t, login, "not-the-password").expectCode(t, "INVALID_CREDENTIALS", "")
			}
		}
		expectSameTime(t, 10, fails(p.email), map[string]func(){"unknown e-mail": fails(nobody.email), "unknown phone": fails(nobody.phone)})
	})
}

// expectSameTime demands that nobody learns from the time of an answer which one it was of
// some deeds. They alternate, so that what else the machine does hits all. It may hit one the
// more, but not in each round: what takes longer of itself does.
func expectSameTime(t *testing.T, times int, known func(), others map[string]func()) {
	t.Helper()
	const rounds = 5
	var wrong []string
	for range rounds {
		took := map[string][]time.Duration{}
		timed := func(kind string, do func()) {
			begin := time.Now()
			do()
			took[kind] = append(took[kind], time.Since(begin))
		}
		for range times {
			timed("known", known)
			for kind, do := range others {
				timed(kind, do)
			}
		}
		wrong = nil
		for kind := range others {
			if ratio := median(took[kind]).Seconds() / median(took["known"]).Seconds(); ratio < 0.6 || ratio > 1.6 {
				wrong = append(wrong, fmt.Sprintf("%s takes %.2f times as long as what is known", kind, ratio))
			}
		}
		if wrong == nil {
			return
		}
	}
	t.Errorf("in each of %d rounds, and in the last: %s", rounds, strings.Join(wrong, "; "))
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// A stranger who guesses is stopped, whatever addresses the requests claim.
func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		for name, login := range map[string]func(person) string{
			"one login":            func(p person) string { return p.email },
			"another one each try": func(person) string { return stranger().email },
		} {
			t.Run(name, func(t *testing.T) {
				s := start(t, e)
				p := s.mustRegister(t)
				// Well before 60, as long as the machine has no other work.
				guessLimit{50, 15 * time.Second, time.Now()}.expectRefusal(t, func(try int) result {
					address := fmt.Sprintf("203.0.113.%d", try%250)
					return s.run(t, "", logInDocument, variables{"input": variables{
						"login": login(p), "password": "not-the-password",
					}}, "X-Forwarded-For", address, "X-Real-IP", address, "Forwarded", "for="+address)
				})
			})
		}
	})
}

// Who comes and goes with the right password does not use their tries up.
func TestLogInsThatSucceedAreNotLimited(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite)
	p := s.mustRegister(t)
	for range 60 {
		s.mustLogIn(t, p.email, p.password)
	}
}

// The token is RFC 6750's, whose scheme is spelled in any case.
func TestTokenAsBearer(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		for header, good := range map[string]bool{
			"Bearer " + mine.token:       true,
			"bearer " + mine.token:       true,
			"BEARER " + mine.token:       true,
			mine.token:                   false,
			"Basic " + mine.token:        false,
			"Bearer":                     false,
			"Bearer ":                    false,
			"Bearer " + mine.token[1:]:   false,
			"Bearer " + mine.token + "A": false,
			"Bearer " + mine.id:          false,
			"Bearer ' OR 1=1 --":         false,
		} {
			r := s.run(t, "", `{ viewer { user { id } } }`, nil, "Authorization", header).mustSucceed(t)
			if got := r.lookup("viewer.user.id"); (got == p.id) != good {
				t.Errorf("%q: the viewer is %v", clip(header, 12), got)
			}
		}
		// By GET as well; and not in the URL, which stands in logs.
		a := s.get(t, "/graphql?query="+`{viewer{id}}`, "Authorization", "Bearer "+mine.token).mustResult(t)
		if a.status != http.StatusOK || a.lookup("viewer.id") == nil {
			t.Errorf("by GET: %v", a)
		}
	})
}

// A log-in answers for who logged in, whoever asked for it; and it makes nobody
// else of who asked: what comes after it in a request is the same person's as
// before.
func TestLogInChangesNobody(t *testing.T) {
	t.Parallel()
	const document = `mutation Two($a: LogInInput!, $b: LogInInput!) {
		a: logIn(input: $a) { token session { id } viewer { ...own } }
		b: logIn(input: $b) { token session { id } viewer { ...own } }
		updateProfile(input: {name: "Somebody Else"}) { viewer { user { id } } }
	}
	fragment own on Viewer { user { id name } sessions { id current } }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		alice, bob := s.mustRegister(t), s.mustRegister(t)
		carol, hers := s.mustSignIn(t)
		for _, token := range []string{"", hers.token} {
			r := s.run(t, token, document, variables{
				"a": variables{"login": alice.email, "password": alice.password},
				"b": variables{"login": bob.phone, "password": bob.password},
			})
			if token == "" {
				if r.code() != "UNAUTHENTICATED" || r.data != nil {
					t.Errorf("without a session: got %v", r)
				}
			} else {
				r.mustSucceed(t).expectData(t, "updateProfile.viewer.user.id", `"`+carol.id+`"`)
				for field, p := range map[string]person{"a": alice, "b": bob} {
					secret(at[string](t, r, field+".token"))
					r.expectData(t, field+".viewer.user", fmt.Sprintf(`{"id": %q, "name": "Nour Hassan"}`, p.id))
					for _, one := range objects(at[any](t, r, field+".viewer.sessions")) {
						if one["current"] != (one["id"] == r.lookup(field+".session.id")) {
							t.Errorf("%s: got %v", field, one)
						}
					}
				}
			}
			for _, p := range []person{alice, bob} {
				s.run(t, s.mustLogIn(t, p.email, p.password).token, `{ viewer { user { name } } }`, nil).
					expectData(t, "viewer.user.name", `"Nour Hassan"`)
			}
		}
	})
}

// What hangs below who logged in reads as they read it, whoever asked.
func TestLogInAnswersAsWhoLoggedIn(t *testing.T) {
	t.Parallel()
	const fields = `memberships { building { createdAt viewerMembership { role } viewerManaged { building { id } } members { nodes { id } } } }
		rooms { nodes { id viewerReadSeq viewerPosting { allowed } events(after: 0) { endSeq } building { createdAt } } }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		b := s.mustBuild(t)
		p, other := b.manager, s.mustComeBy(t)
		want := s.run(t, p.token, `{ viewer { `+fields+` } }`, nil).mustSucceed(t)
		at[string](t, want, "viewer.memberships.0.building.viewerMembership.role")
		for _, token := range []string{"", p.token, other.token} {
			r := s.run(t, token, `mutation LogIn($input: LogInInput!) { logIn(input: $input) { token viewer { `+fields+` } } }`,
				variables{"input": variables{"login": p.email, "password": p.password}}).mustSucceed(t)
			r.expectData(t, "logIn.viewer", asText(t, want.lookup("viewer")))
		}
	})
}
