package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// eventTime bounds how long the first event of a stream may take.
const eventTime = 10 * time.Second

// TestPermissions plays the table against the program: each row for each role.
// What only reads comes first. Then what writes; each time that it has succeeded,
// it goes on on a new stage.
func TestPermissions(t *testing.T) {
	t.Parallel()
	contract, rows := mustReadContract(t), mustReadPermissions(t)
	if faults := faultsOfPermissions(contract, rows); len(faults) > 0 {
		t.Fatalf("the table is not whole: %s", faults[0])
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := &player{contract: contract, cast: mustCast(t, s)}
		p.mustSetStage(t)
		p.playWaiting(t, s, rows)
		p.playWaitingFields(t, rows)
		p.playFields(t, rows)
		played := map[string]bool{}
		for _, row := range rows {
			if d, ok := deedOf(row); ok && !strings.HasPrefix(row.field, "Mutation.") {
				played[d.field+d.on] = true
				p.playDeed(t, row, d)
			}
		}
		for _, row := range rows {
			if d, ok := deedOf(row); ok && strings.HasPrefix(row.field, "Mutation.") {
				played[d.field+d.on] = true
				p.playDeed(t, row, d)
			} else if !ok && row.isRoot() && row.waits == "" {
				t.Errorf("%s:%d: nothing plays %s on %s: add it to deeds", permissionsFile, row.line, row.field, row.on)
			}
		}
		for _, d := range deeds {
			if !played[d.field+d.on] {
				t.Errorf("%s on %s is played and has no row", d.field, d.on)
			}
		}
	})
}

// player plays rows on a stage.
type player struct {
	*cast
	contract *ast.Schema
	// stage is nil when it is spent; before is all there was on it.
	stage  *stage
	before string
}

// report compares what a row's roles got with what the table says.
func (p *player) report(t *testing.T, row permission, got []string, told []result) {
	t.Helper()
	for i, word := range got {
		if word != row.cells[i] {
			t.Errorf("%s:%d: %s on %s: %s gets %s, and by the table %s: %v",
				permissionsFile, row.line, row.field, row.on, roles[i], word, row.cells[i], told[i])
		}
	}
}

// word says in the table's words what a place in an answer holds.
func word(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []any:
		if len(v) == 0 {
			return "empty"
		}
	case map[string]any:
		if nodes, ok := v["nodes"].([]any); ok {
			return word(nodes)
		}
	}
	return "ok"
}

// deedOf gives what plays a row.
func deedOf(row permission) (deed, bool) {
	if !row.isRoot() || row.waits != "" {
		return deed{}, false
	}
	if row.field == "Query.node" {
		return deed{field: row.field, on: row.on, document: anyNode}, true
	}
	for _, d := range deeds {
		if d.field == row.field && d.on == row.on {
			return d, true
		}
	}
	return deed{}, false
}

// thing gives what the table calls that which a row is on.
func (p permission) thing() string {
	name := p.on
	if p.field == "Query.node" {
		_, name, _ = strings.Cut(p.on, ": ")
	}
	name, _, _ = strings.Cut(name, ", ")
	return name
}

// playDeed plays a row of a root field for each role, those who may after those who
// may not. What was refused has changed nothing, and what is not there for a role
// answers as what never was.
func (p *player) playDeed(t *testing.T, row permission, d deed) {
	_, name := row.of()
	got, told := make([]string, len(roles)), make([]result, len(roles))
	play := func(i int) {
		id := p.stage.id(row.thing(), roles[i])
		if got[i] = "-"; id == "" && row.cells[i] == "-" {
			return
		}
		told[i] = p.perform(t, row, d, roles[i], id)
		if got[i] = told[i].code(); got[i] == "" {
			got[i] = word(told[i].lookup(name))
		}
		switch got[i] {
		case "null", "NOT_FOUND", "UNAUTHENTICATED":
			if id == "" || d.play != nil {
				break
			}
			if never := p.perform(t, row, d, roles[i], neverWas(id)); never.status != told[i].status || !bytes.Equal(never.body, told[i].body) {
				t.Errorf("%s:%d: %s on %s: %s can tell it from what never was:\n%v\n%v",
					permissionsFile, row.line, row.field, row.on, roles[i], told[i], never)
			}
		}
	}
	p.mustSetStage(t)
	for i, cell := range row.cells {
		if cell != "ok" {
			play(i)
		}
	}
	if changes(row) {
		p.mustBeUnchanged(t, row)
	}
	for i, cell := range row.cells {
		if cell == "ok" {
			p.mustSetStage(t)
			play(i)
			if d.joins && roles[i] == "stranger" {
				p.mustFill(t, roles[i])
			}
			switch {
			case !changes(row) || d.play != nil:
			case d.keeps:
				p.before = p.stage.now(t)
			default:
				p.stage = nil
			}
		}
	}
	if typ, _, _ := strings.Cut(row.on, ": "); row.field == "Query.node" {
		for i, r := range told {
			if got[i] == "ok" && r.lookup("node.__typename") != typ {
				t.Errorf("%s:%d: it is no %s: %v", permissionsFile, row.line, typ, r)
			}
		}
	}
	p.report(t, row, got, told)
}

// perform does a deed as a role, on what an id names.
func (p *player) perform(t *testing.T, row permission, d deed, role, id string) result {
	t.Helper()
	if d.play != nil {
		return d.play(t, p.cast, role)
	}
	if d.before != "" {
		p.do(t, nextDoor, d.before, variables{"id": p.stage.id(row.thing(), nextDoor)})
	}
	v := p.elsewhere.with(variables{"id": id, "apartment": p.stage.ids["an empty apartment"], "textSeq": p.stage.noticed})
	if strings.HasPrefix(row.field, "Subscription.") {
		return p.s.firstEvent(t, p.token(role), d.document, v)
	}
	return p.s.run(t, p.token(role), d.document, v)
}

func changes(row permission) bool { return strings.HasPrefix(row.field, "Mutation.") }

// mustSetStage sets a new stage where the last one is spent.
func (p *player) mustSetStage(t *testing.T) {
	t.Helper()
	if p.stage == nil {
		p.stage = p.mustStage(t)
		p.before = p.stage.now(t)
	}
}

// mustBeUnchanged demands that all there is in the building is as it was.
func (p *player) mustBeUnchanged(t *testing.T, row permission) {
	t.Helper()
	if after := p.stage.now(t); after != p.before {
		t.Errorf("%s:%d: %s on %s was refused, and changed something:\n%s\n%s",
			permissionsFile, row.line, row.field, row.on, fromDifference(p.before, after), fromDifference(after, p.before))
		p.stage = nil
		p.mustSetStage(t)
	}
}

// fromDifference gives the part of a text that begins a little before it differs
// from another.
func fromDifference(text, other string) string {
	i := 0
	for i < min(len(text), len(other)) && text[i] == other[i] {
		i++
	}
	return clip(text[max(0, i-80):], 300)
}

// neverWas gives what could name a thing as the given does, and names none.
func neverWas(like string) string {
	prefix, name, isID := strings.Cut(like, "_")
	if !isID { // a code, such as 8KQ2-…
		made := rand.Text()
		return strings.Map(func(r rune) rune {
			if r == '-' {
				return r
			}
			r, made = rune(made[0]), made[1:]
			return r
		}, like)
	}
	// An id ends with 122 bits of which chance makes most, in base32 of lower case.
	made := strings.ToLower(rand.Text())[:len(name)-11]
	return prefix + "_" + name[:10] + strings.NewReplacer("w", "0", "x", "1", "y", "8", "z", "9").Replace(made) + name[len(name)-1:]
}

// firstEvent gives the first response of a subscription over Server-Sent Events.
func (s *server) firstEvent(t *testing.T, token, document string, v variables) result {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": v})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), eventTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return answer{response.StatusCode, response.Header, []byte(data)}.mustResult(t)
		}
	}
	t.Fatalf("the stream of %s ended without a response: %v", document, errors.Join(lines.Err(), ctx.Err()))
	return result{}
}

// playWaiting demands that what rows wait for is not there yet, for any role.
func (p *player) playWaiting(t *testing.T, s *server, rows []permission) {
	have := mustReadSchema(t, s)
	there := map[string]bool{}
	for _, row := range rows {
		if row.waits == "" {
			continue
		}
		known, seen := there[row.waits]
		if !seen {
			known = p.isThere(t, have, row)
			there[row.waits] = known
		}
		if known {
			t.Errorf("%s:%d: %s is there: say who may do what with %s", permissionsFile, row.line, row.waits, row.field)
		}
	}
}

// isThere tells whether a root field such as Mutation.vote, or an input such as
// UpdateProfileInput.avatar, answers anything but NOT_YET_AVAILABLE to anybody.
func (p *player) isThere(t *testing.T, have schema, row permission) bool {
	t.Helper()
	typ, name, _ := strings.Cut(row.waits, ".")
	for root, fields := range have.roots {
		for _, field := range fields {
			also := inputValue{}
			if typ == root && name == field.name {
				return p.answers(t, have, root, field, also)
			}
			for _, argument := range field.arguments {
				for _, optional := range have.inputs[argument.typ.named().name] {
					if typ == argument.typ.named().name && name == optional.name {
						return p.answers(t, have, root, field, optional)
					}
				}
			}
		}
	}
	t.Errorf("%s:%d: the schema has no %s", permissionsFile, row.line, row.waits)
	return false
}

func (p *player) answers(t *testing.T, have schema, root string, field rootField, also inputValue) bool {
	t.Helper()
	for _, role := range roles {
		// What hides behind an input is refused to nobody as all of its field is.
		if code := p.s.call(t, p.token(role), have, root, field, also).code(); code != notYetWord && (role != "nobody" || also.name == "") {
			t.Logf("%s %s: %s gets %q", field.name, also.name, role, code)
			return true
		}
	}
	return false
}
