package demo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"go.uber.org/goleak"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var plans = []plan{nakheel, acacia}

func TestCastCanRegister(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	arabic := 0
	for who, p := range cast {
		if name, err := omarty.NormalizeName(p.name, omarty.MaxNameLength); err != nil || name != p.name {
			t.Errorf("%s: the name is kept as %q, %v", who, name, err)
		}
		if strings.ContainsFunc(p.name, func(r rune) bool { return unicode.Is(unicode.Arabic, r) }) {
			arabic++
		}
		email, err := omarty.ParseEmail(p.email)
		if err != nil || !strings.HasSuffix(p.email, "@example.com") {
			t.Errorf("%s: %s: %v", who, p.email, err)
		}
		// Wherever the server stands.
		for _, region := range []string{"EG", "GB", "US"} {
			phone, err := omarty.ParsePhone(p.phone, region)
			if err != nil || !strings.HasPrefix(string(phone), "+201") {
				t.Errorf("%s: %s in %s is %s, %v", who, p.phone, region, phone, err)
			}
			taken[string(phone)] = who
		}
		taken[email.Key] = who
	}
	if len(taken) != 2*len(cast) || arabic < 5 || len(cast)-arabic < 5 {
		t.Errorf("of %d people with %d Arabic names there are %d addresses and numbers", len(cast), arabic, len(taken))
	}
	password, err := omarty.NormalizePassword(Password)
	if err == nil {
		err = omarty.CheckPasswordStrength(password)
	}
	if err != nil {
		t.Errorf("the password: %v", err)
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	for _, p := range plans {
		var all []string
		for _, floor := range p.floors {
			all = append(all, numbers(floor)...)
		}
		for i, number := range all {
			if kept, err := (omarty.NewApartment{Number: number}).Normalize(); err != nil || kept.Number != number || slices.Contains(all[:i], number) {
				t.Errorf("%s: apartment %s: %v, or it is there twice", p.name, number, err)
			}
		}
		if len(all) < 10 || len(all) > 20 {
			t.Errorf("%s has %d apartments", p.name, len(all))
		}
		for who, number := range p.homes {
			if _, known := cast[who]; !known || !slices.Contains(all, number) {
				t.Errorf("%s: %s lives in %s", p.name, who, number)
			}
		}
		for _, who := range p.managers {
			if p.homes[who] == "" {
				t.Errorf("%s: %s manages it and does not live there", p.name, who)
			}
		}
		for text, limit := range map[string]int{p.name: omarty.MaxBuildingNameLength, p.address: omarty.MaxAddressLength} {
			if kept, err := omarty.NormalizeName(text, limit); err != nil || kept != text {
				t.Errorf("%q is kept as %q, %v", text, kept, err)
			}
		}
	}
}

// checkText demands a text that is kept as it is written.
func checkText(t *testing.T, text string) {
	t.Helper()
	if kept, err := omarty.NormalizeText(text); err != nil || kept != text || strings.ContainsAny(text, "{}|[]") {
		t.Errorf("%q is kept as %q, %v", text, kept, err)
	}
}

func TestWeeks(t *testing.T) {
	t.Parallel()
	said, done := 0, map[string]int{}
	for _, now := range []time.Time{
		time.Date(2026, 11, 23, 0, 0, 1, 0, time.UTC),
		time.Date(2026, 11, 23, 15, 4, 5, 0, time.FixedZone("", 2*60*60)),
		time.Date(2027, 1, 3, 23, 59, 59, 0, time.FixedZone("", -8*60*60)),
	} {
		said = 0
		for _, p := range plans {
			week, err := readWeek(p.week, now)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			last := now.Add(-settled)
			for _, a := range week {
				if !a.at.After(last) && a.speaks() || !a.at.Before(now) {
					t.Errorf("%s, now %v: %q at %v, after %v", p.name, now, a.text, a.at, last)
				}
				last = a.at
				if !a.speaks() {
					done[a.does]++
					continue
				}
				said++
				checkText(t, a.text)
				if p.homes[a.who] == "" || a.announced && !slices.Contains(p.managers, a.who) {
					t.Errorf("%s: %s says %q", p.name, a.who, a.text)
				}
			}
			if first := week[0].at; now.Sub(first) < 6*24*time.Hour || now.Sub(last) > 20*time.Minute {
				t.Errorf("%s: from %v to %v is no week that ends now, %v", p.name, first, last, now)
			}
		}
	}
	for _, what := range []string{"adds", "edits", "deletes", "pins", "votes", "confirms", "opens"} {
		if done[what] == 0 {
			t.Errorf("nobody %s", what)
		}
	}
	if said < 150 || said > 300 {
		t.Errorf("%d messages", said)
	}
}

func TestScriptsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"mona", "mona:", "[mona sings]", "7 day ago, 7:50", "Mona: x"} {
		if week, err := readWeek("1 day ago, 07:50\n"+script, time.Now()); err == nil {
			t.Errorf("%q is read as %+v", script, week)
		}
	}
}

func TestTalk(t *testing.T) {
	t.Parallel()
	for _, p := range plans {
		scenes, err := readTalk(p.talk)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		if len(scenes) < 20 {
			t.Errorf("%s: %d scenes", p.name, len(scenes))
		}
		h := &house{plan: p}
		for _, scene := range scenes {
			wanted, named := roles(scene)
			actors := h.actors(scene)
			if people := slices.Collect(maps.Values(actors)); len(slices.Compact(slices.Sorted(slices.Values(people)))) != len(actors) {
				t.Errorf("%s: one plays two roles: %v", p.name, actors)
			}
			for _, who := range named {
				if p.homes[who] == "" || who == "peter" {
					t.Errorf("%s: %s does not live there", p.name, who)
				}
			}
			if len(wanted)+len(actors) == 0 {
				t.Errorf("%s: nobody speaks", p.name)
			}
			for _, l := range scene {
				for i := range 5 {
					checkText(t, choose(l.text, func(n int) int { return min(i, n-1) }))
				}
			}
		}
	}
	if got := choose("{a|b} and {c|d|e}", func(n int) int { return n - 1 }); got != "b and e" {
		t.Errorf("chosen: %q", got)
	}
}

// listeners are verbs that take note of what is said; the other verbs are not asked.
type listeners struct {
	Verbs
	mu      sync.Mutex
	said    []string
	at      []time.Time
	by      []omarty.ID
	keys    map[string]bool
	fails   error
	signIns int
}

func (v *listeners) SendMessage(_ context.Context, by service.Asker, in service.NewMessage) (omarty.Message, bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if by.Session.IsZero() {
		return omarty.Message{}, false, omarty.Errorf(omarty.CodeUnauthenticated, "Log in first.")
	}
	v.said, v.at, v.by = append(v.said, in.Text), append(v.at, time.Now()), append(v.by, by.User)
	v.keys[in.Key] = true
	return omarty.Message{}, false, v.fails
}

func (v *listeners) LogIn(_ context.Context, _ service.Asker, in service.LogIn) (service.SignedIn, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.signIns++
	return service.SignedIn{Session: omarty.Session{ID: omarty.NewID(omarty.KindSession), User: omarty.NewID(omarty.KindUser)}}, nil
}

// talk lets the residents of a house talk for a time, and gives what was heard.
func talk(t *testing.T, p plan, fails error, d time.Duration) (heard *listeners, failed int) {
	t.Helper()
	heard = &listeners{keys: map[string]bool{}, fails: fails}
	synctest.Test(t, func(t *testing.T) {
		town := &Town{verbs: heard, people: map[string]*resident{}, houses: []*house{{plan: p}}}
		for who, person := range cast {
			town.people[who] = &resident{person: person} // whose session has ended
		}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		town.Talk(ctx, func(error) { failed++ })
	})
	return heard, failed
}

func TestResidentsKeepTalking(t *testing.T) {
	t.Parallel()
	for _, p := range plans {
		heard, failed := talk(t, p, nil, time.Hour)
		if n := len(heard.said); n < 600 || n > 1800 || failed > 0 || len(heard.keys) != n {
			t.Errorf("%s: %d messages with %d keys in an hour, and %d faults", p.name, n, len(heard.keys), failed)
		}
		for i := range heard.at[1:] {
			if gap := heard.at[i+1].Sub(heard.at[i]); gap < minPause || gap > maxPause {
				t.Errorf("%s: %v between two messages", p.name, gap)
			}
		}
		// The same words do not come again at once.
		for i, text := range heard.said {
			if len(text) > 30 && slices.Contains(heard.said[max(0, i-20):i], text) {
				t.Errorf("%s: again and again %q", p.name, text)
			}
		}
		if heard.signIns != len(p.homes) {
			t.Errorf("%s: %d residents signed in again", p.name, heard.signIns)
		}
	}
}

// What visitors can do to a resident is no fault of the server; what is one is told,
// and the talk goes on.
func TestTalkGoesOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		told bool
	}{
		{omarty.Errorf(omarty.CodeForbidden, "Not here."), false},
		{omarty.Errorf(omarty.CodeNotFound, "Gone."), false},
		{omarty.Errorf(omarty.CodeUnavailable, "Away."), true},
		{errors.New("broken"), true},
	} {
		heard, failed := talk(t, acacia, c.err, time.Minute)
		if n := len(heard.said); n < 10 || (failed == n) != c.told {
			t.Errorf("%v: %d messages, and %d faults", c.err, n, failed)
		}
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	var c Clock
	if d := time.Since(c.Now()); d < 0 || d > time.Minute {
		t.Errorf("a new clock is %v behind", d)
	}
	at := time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	if c.set(at); !c.Now().Equal(at) {
		t.Errorf("set to %v it is %v", at, c.Now())
	}
	if c.comeBack(); time.Since(c.Now()) > time.Minute {
		t.Errorf("it does not come back: %v", c.Now())
	}
}
