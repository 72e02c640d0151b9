package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestPermissions plays the table against the program: each row for each role.
// What only reads comes first, then what is refused, of which all leave the stage as it
// is, and what writes at last: where that succeeds, it may go on on a new stage.
func TestPermissions(t *testing.T) {
	t.Parallel()
	contract, rows := mustReadContract(t), mustReadPermissions(t)
	if faults := faultsOfPermissions(contract, rows); len(faults) > 0 {
		t.Fatalf("the table is not whole: %s", faults[0])
	}
	var reads, writes []play
	for _, row := range rows {
		d, ok := deedOf(row)
		switch {
		case ok && changes(row):
			writes = append(writes, newPlay(row, d))
		case ok:
			reads = append(reads, newPlay(row, d))
		case row.isRoot():
			t.Errorf("%s:%d: nothing plays %s on %s: add it to deeds", permissionsFile, row.line, row.field, row.on)
		}
	}
	for _, d := range deeds {
		if !slices.ContainsFunc(slices.Concat(reads, writes), func(one play) bool { return one.row.field == d.field && one.row.on == d.on }) {
			t.Errorf("%s on %s is played and has no row", d.field, d.on)
		}
	}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := &player{contract: contract, cast: mustCast(t, s)}
		p.mustSetStage(t)
		p.playFields(t, rows)
		for _, one := range reads {
			one = newPlay(one.row, one.deed)
			p.playRefused(t, one)
			p.playAllowed(t, one)
		}
		mine := make([]play, len(writes))
		for i, one := range writes {
			mine[i] = newPlay(one.row, one.deed)
		}
		// To read all there is takes long: of some rows together it is seen that they changed
		// nothing.
		const together = 6
		for some := range slices.Chunk(mine, together) {
			before := p.stage.now(t)
			for _, one := range some {
				p.playRefused(t, one)
			}
			p.mustBeUnchanged(t, before, some)
		}
		for _, one := range mine {
			p.playAllowed(t, one)
		}
	})
}

// play is a row that is played, and what each role got and was told.
type play struct {
	row  permission
	deed deed
	got  []string
	told []result
}

func newPlay(row permission, d deed) play {
	return play{row, d, make([]string, len(roles)), make([]result, len(roles))}
}

// player plays rows on a stage.
type player struct {
	*cast
	contract *ast.Schema
	// stage is nil when it is spent.
	stage *stage
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
	if !row.isRoot() {
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

// playAs plays a row of a root field for a role. What is not there for a role answers as
// what never was.
func (p *player) playAs(t *testing.T, one play, i int) {
	t.Helper()
	row, d := one.row, one.deed
	_, name := row.of()
	id := p.stage.id(row.thing(), roles[i])
	if one.got[i] = "-"; id == "" && row.cells[i] == "-" {
		return
	}
	one.told[i] = p.perform(t, row, d, roles[i], id)
	if one.got[i] = one.told[i].code(); one.got[i] == "" {
		one.got[i] = word(one.told[i].lookup(name))
	}
	switch one.got[i] {
	case "null", "NOT_FOUND", "UNAUTHENTICATED":
		if id == "" || d.play != nil {
			break
		}
		if never := p.perform(t, row, d, roles[i], neverWas(id)); never.status != one.told[i].status || !bytes.Equal(never.body, one.told[i].body) {
			t.Errorf("%s:%d: %s on %s: %s can tell it from what never was:\n%v\n%v",
				permissionsFile, row.line, row.field, row.on, roles[i], one.told[i], never)
		}
	}
}

// playRefused plays a row for those roles who may not.
func (p *player) playRefused(t *testing.T, one play) {
	t.Helper()
	p.mustSetStage(t)
	for i, cell := range one.row.cells {
		if cell != "ok" {
			p.playAs(t, one, i)
		}
	}
}

// playAllowed plays a row for those roles who may, and reports what all of them got.
func (p *player) playAllowed(t *testing.T, one play) {
	t.Helper()
	spent := false
	for i, cell := range one.row.cells {
		if cell != "ok" {
			continue
		}
		p.mustSetStage(t)
		p.playAs(t, one, i)
		if one.deed.joins && roles[i] == "stranger" {
			p.mustFill(t, roles[i])
		}
		switch {
		case !changes(one.row) || one.deed.play != nil || one.deed.keeps:
		case one.deed.apart:
			spent = true
		default:
			p.stage = nil
		}
	}
	if spent {
		p.stage = nil
	}
	if typ, _, _ := strings.Cut(one.row.on, ": "); one.row.field == "Query.node" {
		for i, r := range one.told {
			if one.got[i] == "ok" && r.lookup("node.__typename") != typ {
				t.Errorf("%s:%d: it is no %s: %v", permissionsFile, one.row.line, typ, r)
			}
		}
	}
	p.report(t, one.row, one.got, one.told)
}

// perform does a deed as a role, on what an id names.
func (p *player) perform(t *testing.T, row permission, d deed, role, id string) result {
	t.Helper()
	if d.play != nil {
		return d.play(t, p.cast, role)
	}
	if d.typed {
		defer p.s.keepTyping(t, dweller{token: p.token(nextDoor)}, p.stage.id(row.thing(), nextDoor))()
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
	}
}

// mustBeUnchanged demands that all there is in the building is as it was before some rows
// were played, each of which was refused.
func (p *player) mustBeUnchanged(t *testing.T, before string, by []play) {
	t.Helper()
	after := p.stage.now(t)
	if after == before {
		return
	}
	var names []string
	for _, one := range by {
		names = append(names, fmt.Sprintf("%s on %s", one.row.field, one.row.on))
	}
	t.Errorf("%s:%d and below: one of these was refused, and changed something: %q\n%s\n%s",
		permissionsFile, by[0].row.line, names, fromDifference(before, after), fromDifference(after, before))
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
	ctx, cancel := context.WithTimeout(t.Context(), hearTime)
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
