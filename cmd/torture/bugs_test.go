package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"
)

// Each planted bug applies to today's source and reads as Go, so that a change of the
// product that makes one stale is noticed at once. That they compile -prove says.
func TestBugsAreNotStale(t *testing.T) {
	bugs, err := readBugs()
	if err != nil {
		t.Fatal(err)
	}
	if len(bugs) < 129 {
		t.Errorf("%d bugs are planted", len(bugs))
	}
	root, err := repository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bugs {
		changed, err := b.apply(root)
		if err != nil {
			t.Error(err)
		}
		for file, text := range changed {
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("the bug %s: %v", b.name, err)
			}
		}
	}
}

func TestParseBug(t *testing.T) {
	const good = "It breaks.\nengine: postgres\n\nfile: a/b.go\n<<<<\nold\n====\nnew\nnewer\n>>>>\n"
	b, err := parseBug("x", good)
	if err != nil || b.breaks != "It breaks." || b.engine != "postgres" || len(b.edits) != 1 || b.edits[0] != (edit{"a/b.go", "old\n", "new\nnewer\n"}) || b.nodes != 1 || b.faults != nil {
		t.Errorf("%+v, %v", b, err)
	}
	b, err = parseBug("x", strings.Replace(good, "\n\n", "\nnodes: 2\nfaults: nats,disk\nfor: 3s\n\n", 1))
	if err != nil || b.nodes != 2 || len(b.faults) != 2 || b.length != 3*time.Second {
		t.Errorf("%+v, %v", b, err)
	}
	for name, text := range map[string]string{
		"no sentence":     strings.TrimPrefix(good, "It breaks."),
		"no file":         strings.Replace(good, "file: a/b.go", "", 1),
		"no end":          strings.TrimSuffix(good, ">>>>\n"),
		"nothing":         "It breaks.\n",
		"nodes of SQLite": strings.Replace(good, "engine: postgres", "nodes: 2", 1),
		"no nodes":        strings.Replace(good, "engine: postgres", "nodes: none", 1),
		"another fault":   strings.Replace(good, "engine: postgres", "faults: water", 1),
		"no time":         strings.Replace(good, "engine: postgres", "for: ever", 1),
		"another engine":  strings.Replace(good, "postgres", "paper", 1),
		"a stray line":    strings.Replace(good, "<<<<", "stray\n<<<<", 1),
		"nothing was old": strings.Replace(good, "old\n", "", 1),
	} {
		if _, err := parseBug("x", text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStaleBug(t *testing.T) {
	root, err := repository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := bug{name: "x", edits: []edit{{"go.mod", "what go.mod does not say\n", "y"}}}
	if _, err := b.apply(root); err == nil || !strings.Contains(err.Error(), "stale") {
		t.Errorf("got %v", err)
	}
}
