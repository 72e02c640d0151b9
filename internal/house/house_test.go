// Package house checks the arrows between the rooms of the house, as
// docs/architecture.md draws them: who may import whom.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/omarty/chat"

// pure are the libraries that the ground may use beside the standard library:
// they compute, and touch nothing outside.
var pure = []string{
	"github.com/clipperhouse/uax29/v2/graphemes",
	"github.com/clipperhouse/uax29/v2/words",
	"github.com/google/uuid",
	"github.com/nyaruka/phonenumbers",
	"golang.org/x/net/idna",
	"golang.org/x/text/cases",
	"golang.org/x/text/language",
	"golang.org/x/text/unicode/norm",
}

// impure are the parts of the standard library that the ground may not use.
var impure = []string{"database/sql", "flag", "io/fs", "log", "log/slog", "net", "net/http", "os", "os/exec", "os/signal", "syscall"}

// room is a package and what it imports, its tests included where the arrow is
// about them.
type room struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// name is the room's path in the repository; "." is the roof.
func (r room) name() string { return nameOf(r.ImportPath) }

func nameOf(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func (r room) withTests() []string { return slices.Concat(r.Imports, r.TestImports, r.XTestImports) }

// Which floor a room is on. A new room must be put somewhere.
func floor(t *testing.T, name string) string {
	t.Helper()
	for _, f := range []struct {
		floor string
		rooms []string
	}{
		{"roof", []string{"."}},
		{"door", []string{"graph", "compat", "files", "web", "exports", "internal/demo"}},
		{"sill", []string{"internal/download"}},
		{"verb", []string{"internal/service"}},
		{"test", []string{"internal/testkit", "internal/house", "internal/bench", "internal/load", "e2e", "cmd/torture", "cmd/loadtest", "ent/migrations/draft", "cmd/hostile", "cmd/cluster"}},
		{"tool", []string{"internal/store", "internal/realtime", "internal/password", "internal/ratelimit", "internal/secret", "internal/bus", "internal/mail", "internal/phone", "internal/blob", "internal/picture", "internal/early"}},
		{"ground", []string{"internal/omarty"}},
		{"cellar", []string{"ent"}},
	} {
		for _, r := range f.rooms {
			if name == r || r != "." && strings.HasPrefix(name, r+"/") {
				return f.floor
			}
		}
	}
	t.Fatalf("%s is on no floor: say in internal/house what it is for", name)
	return ""
}

// door is the door that a room belongs to: graph/live is of graph's.
func door(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

func TestArrows(t *testing.T) {
	rooms := rooms(t)
	if len(rooms) < 10 {
		t.Fatalf("go list gave %d packages; the check sees nothing", len(rooms))
	}
	for _, from := range rooms {
		for _, path := range from.Imports {
			if wrong := forbidden(t, from.name(), path); wrong != "" {
				t.Errorf("%s imports %s: %s", from.name(), path, wrong)
			}
		}
		for _, path := range from.withTests() {
			if wrong := knows(from.name(), path); wrong != "" {
				t.Errorf("%s, or its test, imports %s: %s", from.name(), path, wrong)
			}
		}
		for _, path := range from.withTests() {
			if within(nameOf(path), "ent/generated") && !within(from.name(), "internal/store", "ent/generated", "ent/migrations/draft") {
				t.Errorf("%s, or its test, imports %s: ent's entities never leave the store", from.name(), path)
			}
		}
	}
}

// The check itself is checked: each arrow that must never be is one that it finds.
func TestForbiddenArrowsAreFound(t *testing.T) {
	for _, arrow := range [][2]string{
		{"internal/omarty", module + "/internal/store"},
		{"internal/omarty", "net/http"},
		{"internal/omarty", "github.com/jackc/pgx/v5"},
		{"internal/service", module + "/internal/store"},
		{"internal/service", module + "/graph"},
		{"internal/store", module + "/internal/service"},
		{"internal/store", module + "/graph"},
		{"internal/store", module + "/internal/ratelimit"},
		{"internal/store", module + "/internal/realtime"},
		{"internal/realtime", module + "/graph"},
		{"compat", module + "/internal/store"},
		{"compat", module + "/graph"},
		{"graph", module + "/compat"},
		{"graph", module + "/ent/generated"},
		{"graph/live", module + "/internal/service"},
		{"graph/live", module + "/graph"},
		{"graph/live", module + "/graph/generated"},
		{"compat", module + "/graph/generated"},
		{"internal/service", module + "/graph/generated"},
		{"internal/demo", module + "/internal/store"},
		{"internal/demo", module + "/internal/password"},
		{"internal/demo", module + "/graph"},
		{"internal/demo", module + "/ent/generated"},
		{"internal/service", module + "/internal/demo"},
		{"internal/store", module + "/internal/demo"},
		{"graph", module + "/internal/demo"},
		{"internal/download", module + "/files"},
		{"internal/download", module + "/internal/service"},
		{"internal/download", module + "/internal/blob"},
		{"internal/service", module + "/internal/download"},
		{"internal/store", module + "/internal/download"},
		{"internal/store", "flag"},
		{"ent/schema", module + "/ent/generated"},
		{"internal/store", module + "/internal/testkit"},
		{".", module + "/internal/testkit/postgres"},
	} {
		if forbidden(t, arrow[0], arrow[1]) == "" {
			t.Errorf("%s may import %s", arrow[0], arrow[1])
		}
	}
	for _, arrow := range [][2]string{
		{"e2e", module + "/internal/testkit/postgres"},
		{"cmd/torture", module + "/internal/omarty"},
		{"cmd/torture", module},
		{"cmd/loadtest", module + "/internal/omarty"},
		{"cmd/hostile", module + "/internal/omarty"},
		{"internal/load", module + "/internal/bench"},
	} {
		if knows(arrow[0], arrow[1]) == "" {
			t.Errorf("%s may import %s", arrow[0], arrow[1])
		}
	}
}

// knows says why a stranger to the program may not import a path; "" where it may,
// or is none.
func knows(from, path string) string {
	switch {
	case !strings.HasPrefix(path+"/", module+"/"):
	case within(from, "e2e"):
		return "e2e is a stranger to the program"
	case within(from, "cmd/torture") && !within(nameOf(path), "cmd/torture", "internal/testkit/postgres", "internal/testkit/process"):
		return "torture is a stranger to the program, and has its own PostgreSQL to kill"
	case within(from, "cmd/loadtest", "cmd/hostile", "internal/load") && !within(nameOf(path), "cmd/loadtest", "cmd/hostile", "internal/load", "internal/testkit/process"):
		return "who drives servers over the network is a stranger to the program"
	}
	return ""
}

// And it lets pass what must be.
func TestArrowsThatPointDown(t *testing.T) {
	for _, arrow := range [][2]string{
		{".", module + "/internal/demo"},
		{"internal/demo", module + "/internal/service"},
		{"internal/demo", module + "/internal/omarty"},
		{"graph", module + "/graph/live"},
		{"files", module + "/internal/download"},
		{"internal/download", module + "/internal/omarty"},
		{"internal/service", module + "/internal/omarty"},
		{"internal/store", module + "/ent/generated"},
	} {
		if why := forbidden(t, arrow[0], arrow[1]); why != "" {
			t.Errorf("%s may not import %s: %s", arrow[0], arrow[1], why)
		}
	}
}

// forbidden says why a room may not import a path; "" where it may.
func forbidden(t *testing.T, from, path string) string {
	t.Helper()
	at := floor(t, from)
	if at == "ground" && slices.Contains(impure, path) {
		return "the ground does no I/O"
	}
	if at != "roof" && at != "test" && path == "flag" {
		return "settings are read under the roof alone"
	}
	if !strings.HasPrefix(path+"/", module+"/") {
		if at == "ground" && strings.Contains(path, ".") && !slices.Contains(pure, path) {
			return "the ground uses pure libraries alone; a list in internal/house names them"
		}
		return ""
	}
	to := nameOf(path)
	target := floor(t, to)
	switch {
	case at == "test":
		return ""
	case target == "test":
		return "the product knows nothing of its tests"
	case at == "ground" && !within(to, "internal/omarty"):
		return "the ground stands on nothing"
	case target == "sill" && at != "door" && to != from:
		return "what doors stand on is for doors"
	case at == "sill" && !within(to, "internal/omarty"):
		return "what doors stand on knows the nouns alone"
	case at == "verb" && (target == "tool" || target == "door"):
		return "verbs declare what they need, and the roof hands it to them"
	case at == "tool" && (target == "verb" || target == "door"):
		return "tools know nothing of who uses them"
	case at == "tool" && target == "tool" && !within(to, from) && !within(from, to):
		return "a tool stands by itself"
	case at == "door" && target == "tool":
		return "a door comes to tools through the verbs"
	case at == "door" && target == "door" && door(from) != door(to):
		return "a door is no way into another"
	case within(from, "graph/live") && !within(to, "graph/live", "internal/omarty"):
		return "live takes an executor and knows no rule"
	case within(to, "ent/generated") && !within(from, "internal/store", "ent/generated"):
		return "ent's entities never leave the store"
	case within(to, "graph/generated") && !within(from, "graph"):
		return "what gqlgen writes is for graph alone"
	case target == "roof":
		return "the roof is on top"
	}
	return ""
}

// within tells whether a room is one of others, or in one.
func within(name string, others ...string) bool {
	return slices.ContainsFunc(others, func(o string) bool {
		return name == o || strings.HasPrefix(name, o+"/")
	})
}

func rooms(t *testing.T) []room {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var rooms []room
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var r room
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return rooms
		} else if err != nil {
			t.Fatal(err)
		}
		rooms = append(rooms, r)
	}
}
