package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// auditLine is a line of what `omarty-chat audit --json` prints.
type auditLine struct {
	ID, At, Action, Actor, Building, Subject string
	Longitude, Latitude                      *float64
}

// mustPrintAudit gives what the operator is shown, the oldest first.
func (s *server) mustPrintAudit(t *testing.T, home place, arguments ...string) []auditLine {
	t.Helper()
	var all []auditLine
	for line := range strings.Lines(s.mustCommand(t, home, append([]string{"audit", "--json"}, arguments...)...)) {
		var one auditLine
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, one)
	}
	return all
}

// The operator is shown everything, with where devices were, while the program serves; a
// building's managers their building's part, without.
func TestAuditForOperators(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		home := newPlace(t, e)
		s := home.start(t, "OMARTY_RATE_LIMITS=off")
		begun := time.Now().UTC().Format(time.RFC3339Nano)
		b, other := s.mustBuild(t, "1"), s.mustBuild(t, "1")
		who := s.mustMoveIn(t, b)
		person := s.mustRegister(t)
		s.run(t, "", logInDocument, variables{"input": variables{
			"login": person.email, "password": person.password, "longitude": 31.25, "latitude": 29.5,
		}}).mustSucceed(t)
		s.run(t, b.manager.token, muteDocument, variables{"id": who.membership, "until": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}).mustSucceed(t)
		s.run(t, who.token, `mutation { exportMyData { export { id } } }`, nil).mustSucceed(t)

		all := s.mustPrintAudit(t, home)
		if !slices.IsSortedFunc(all, func(a, b auditLine) int { return mustParseTime(t, a.At).Compare(mustParseTime(t, b.At)) }) {
			t.Error("it is not in the order of time")
		}
		find := func(want auditLine) {
			t.Helper()
			for _, l := range all {
				if l.Action == want.Action && l.Actor == want.Actor && l.Building == want.Building && (want.Subject == "" || l.Subject == want.Subject) &&
					fmt.Sprint(deref(l.Longitude), deref(l.Latitude)) == fmt.Sprint(deref(want.Longitude), deref(want.Latitude)) {
					return
				}
			}
			t.Errorf("there is no %+v", want)
		}
		east, north := 31.25, 29.5
		find(auditLine{Action: "register", Actor: person.id})
		find(auditLine{Action: "logIn", Actor: person.id, Longitude: &east, Latitude: &north})
		find(auditLine{Action: "createBuilding", Actor: b.manager.id, Building: b.id})
		find(auditLine{Action: "createBuilding", Actor: other.manager.id, Building: other.id})
		find(auditLine{Action: "muteMember", Actor: b.manager.id, Building: b.id, Subject: who.membership})
		find(auditLine{Action: "exportMyData", Actor: who.id})

		// What of a building its managers read, and no more.
		part := s.mustPrintAudit(t, home, "--building="+b.id)
		for _, l := range part {
			if l.Building != b.id {
				t.Errorf("of the building: %+v", l)
			}
		}
		if acts := s.mustAudit(t, b); len(acts) != len(part) {
			t.Errorf("managers read %d lines, of %d", len(acts), len(part))
		}
		managers := s.run(t, b.manager.token, `query($id: ID!) { building(id: $id) { viewerManaged { auditLog { nodes { longitude } } } } }`, variables{"id": b.id})
		managers.expectCode(t, "BAD_REQUEST", "")
		if late := s.mustPrintAudit(t, home, "--since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)); len(late) != 0 {
			t.Errorf("what is to come: %v", late)
		}
		if since := s.mustPrintAudit(t, home, "--since="+begun); len(since) != len(all) {
			t.Errorf("since the start there are %d of %d", len(since), len(all))
		}
		if out := s.mustCommand(t, home, "audit"); !strings.Contains(out, " logIn by "+person.id+" in - ") || !strings.Contains(out, " at 31.25,29.5\n") {
			t.Errorf("for people it is:\n%s", out)
		}
	})
}

func deref(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}
