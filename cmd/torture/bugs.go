package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bugs that the harness plants to prove that it finds them. Each is a file:
//
//	One sentence that says what it breaks.
//	engine: postgres
//	nodes: 2
//	faults: nats
//	for: 12s
//	newcomers: yes
//
//	file: internal/store/rooms.go
//	<<<<
//	lines of the product, which stand there once
//	====
//	what stands in their place
//	>>>>
//
// with as many replacements and files as it takes. The lines after the sentence are what
// shows it best: the engine (sqlite), how many nodes (1), which faults (all), how long
// to play at first, and whether newcomers come where there are many nodes (no). They are
// made at build time, in an overlay: one that does not apply to today's source any more
// fails the build.
//
//go:embed bugs/*.bug
var bugFiles embed.FS

// bug is a planted bug.
type bug struct {
	name   string
	breaks string
	engine string // that shows it
	nodes  int
	faults []string
	length time.Duration // 0 for no wish
	// newcomers says that it takes these, also where there are many nodes.
	newcomers bool
	edits     []edit
}

// edit replaces a text that stands once in a file.
type edit struct {
	file     string
	old, new string
}

// readBugs gives all bugs, in the order of their names.
func readBugs() ([]bug, error) {
	files, err := bugFiles.ReadDir("bugs")
	if err != nil {
		return nil, err
	}
	var bugs []bug
	for _, f := range files {
		text, err := bugFiles.ReadFile(path.Join("bugs", f.Name()))
		if err != nil {
			return nil, err
		}
		b, err := parseBug(strings.TrimSuffix(f.Name(), ".bug"), string(text))
		if err != nil {
			return nil, err
		}
		bugs = append(bugs, b)
	}
	return bugs, nil
}

func findBug(name string) (bug, error) {
	bugs, err := readBugs()
	if err != nil {
		return bug{}, err
	}
	i := slices.IndexFunc(bugs, func(b bug) bool { return b.name == name })
	if i < 0 {
		return bug{}, fmt.Errorf("no bug is called %q", name)
	}
	return bugs[i], nil
}

func parseBug(name, text string) (bug, error) {
	b := bug{name: name, engine: "sqlite", nodes: 1}
	wrong := func(line int, what string) (bug, error) {
		return b, fmt.Errorf("bugs/%s.bug, line %d: %s", name, line+1, what)
	}
	const (
		outside = iota
		before
		after
	)
	at, file := outside, ""
	var e edit
	for i, line := range strings.SplitAfter(text, "\n") {
		word := strings.TrimSuffix(line, "\n")
		switch {
		case at == outside && i == 0:
			b.breaks = word
		case at == outside && strings.HasPrefix(word, "engine: "):
			b.engine = strings.TrimPrefix(word, "engine: ")
		case at == outside && strings.HasPrefix(word, "nodes: "):
			b.nodes, _ = strconv.Atoi(strings.TrimPrefix(word, "nodes: ")) // 0 is refused below
		case at == outside && strings.HasPrefix(word, "faults: "):
			b.faults = kindsOf(strings.TrimPrefix(word, "faults: "))
		case at == outside && strings.HasPrefix(word, "for: "):
			if b.length, _ = time.ParseDuration(strings.TrimPrefix(word, "for: ")); b.length <= 0 {
				return wrong(i, "it is no time")
			}
		case at == outside && word == "newcomers: yes":
			b.newcomers = true
		case at == outside && strings.HasPrefix(word, "file: "):
			file = strings.TrimPrefix(word, "file: ")
		case at == outside && word == "<<<<":
			at, e = before, edit{file: file}
		case at == outside && word == "":
		case at == outside:
			return wrong(i, "it is neither engine:, file: nor <<<<")
		case at == before && word == "====":
			at = after
		case at == before:
			e.old += line
		case at == after && word == ">>>>":
			if e.file == "" || e.old == "" {
				return wrong(i, "the replacement has no file, or nothing to replace")
			}
			at, b.edits = outside, append(b.edits, e)
		case at == after:
			e.new += line
		}
	}
	if at != outside || len(b.edits) == 0 || b.breaks == "" || b.engine != "sqlite" && b.engine != "postgres" ||
		b.nodes < 1 || b.nodes > 1 && b.engine == "sqlite" || !allKnown(strings.Join(b.faults, ",")) {
		return wrong(0, "it needs a sentence, an engine, nodes, faults that there are, and replacements that end")
	}
	return b, nil
}

// apply gives the files that the bug changes, as it leaves them, by their path
// within the repository.
func (b bug) apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range b.edits {
		text, ok := changed[e.file]
		if !ok {
			read, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
			if err != nil {
				return nil, fmt.Errorf("the bug %s: %w", b.name, err)
			}
			text = string(read)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("the bug %s is stale: this stands %d times in %s, and not once:\n%s", b.name, n, e.file, e.old)
		}
		changed[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return changed, nil
}

// overlay writes the changed files and the overlay for the compiler that names
// them into a folder, and gives the overlay's path.
func (b bug) overlay(root, folder string) (string, error) {
	changed, err := b.apply(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for i, file := range sortedKeys(changed) {
		target := filepath.Join(folder, fmt.Sprintf("%s-%d.go", b.name, i))
		if err := os.WriteFile(target, []byte(changed[file]), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = target
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	target := filepath.Join(folder, b.name+".json")
	return target, os.WriteFile(target, text, 0o600)
}

// build builds the program with the bug.
func (b bug) build(ctx context.Context, root, folder, target string, race bool) error {
	overlay, err := b.overlay(root, folder)
	if err != nil {
		return err
	}
	if err := build(ctx, root, target, overlay, race); err != nil {
		return fmt.Errorf("the bug %s: %w", b.name, err)
	}
	return nil
}
