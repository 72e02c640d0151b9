package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	readme      = "../README.md"
	tourHeading = "## A five-minute tour"
	// tourURL is where the tour says that the server is.
	tourURL = "http://127.0.0.1:8080"
	// tourTime is what people are told the tour takes.
	tourTime = 5 * time.Minute
)

// tourStep is a block of shell in the tour, and the JSON that it is shown to
// print; "" where nothing is shown.
type tourStep struct {
	line  int // in the README, of its first line
	shell string
	want  string
	// second says that the step is for the second terminal, where it stays; stream is
	// the text that it is shown to print in the end.
	second bool
	stream string
}

// secondTerminal begins a block that is for the second terminal.
const secondTerminal = "# in the second terminal\n"

var fence = regexp.MustCompile("^(`{3,})\\s*([a-zA-Z]*)\\s*$")

// readTour gives the steps of the tour's section. Blocks that start the server
// are left out: the test has one.
func readTour(text string) ([]tourStep, error) {
	var steps []tourStep
	var block []string
	inTour, closing, language, first := false, "", "", 0
	answered := true // whether a block of JSON would belong to no block of shell
	for i, line := range strings.Split(text, "\n") {
		switch {
		case closing == "" && strings.HasPrefix(line, "## "):
			inTour = strings.TrimSpace(line) == tourHeading
		case !inTour:
		case closing == "":
			if match := fence.FindStringSubmatch(line); match != nil {
				closing, language, block, first = match[1], match[2], nil, i+2
			}
		case strings.TrimSpace(line) != closing:
			block = append(block, line)
		default:
			closing = ""
			content := strings.Join(block, "\n")
			switch {
			case language == "sh" && strings.HasPrefix(content, "go run ."):
				answered = true
			case language == "sh" && strings.HasPrefix(content, secondTerminal):
				steps = append(steps, tourStep{line: first, shell: content, second: true})
				answered = true
			case language == "sh":
				steps = append(steps, tourStep{line: first, shell: content})
				answered = false
			case language == "text":
				i := len(steps) - 1
				for i >= 0 && !steps[i].second {
					i--
				}
				if i < 0 {
					return nil, fmt.Errorf("README.md:%d: the text follows no block for the second terminal", first)
				}
				steps[i].stream = content
			case language == "json" && answered:
				return nil, fmt.Errorf("README.md:%d: the JSON follows no block of shell that is run", first)
			case language == "json":
				steps[len(steps)-1].want = content
				answered = true
			}
		}
	}
	if closing != "" {
		return nil, errors.New("README.md: the last block does not end")
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("README.md has no section %q with blocks of sh: the README promises a tour that works, and this test runs it", tourHeading)
	}
	return steps, nil
}

// volatile are the keys whose values are other ones each time.
var volatile = map[string]bool{"id": true, "token": true, "createdAt": true, "lastUsedAt": true, "expiresAt": true}

// sameShape tells where what was printed differs from what is shown; "" for
// nowhere. Values of volatile keys need only be of one type.
func sameShape(path string, shown, printed any, anyValue bool) string {
	if reflect.TypeOf(shown) != reflect.TypeOf(printed) {
		return fmt.Sprintf("%s is %v, and shown as %v", path, printed, shown)
	}
	switch shown := shown.(type) {
	case map[string]any:
		printed := printed.(map[string]any)
		for key := range printed {
			if _, ok := shown[key]; !ok {
				return fmt.Sprintf("%s.%s is not shown", path, key)
			}
		}
		for key, value := range shown {
			other, ok := printed[key]
			if !ok {
				return fmt.Sprintf("%s.%s is shown and not printed", path, key)
			}
			if difference := sameShape(path+"."+key, value, other, volatile[key]); difference != "" {
				return difference
			}
		}
	case []any:
		printed := printed.([]any)
		if len(shown) != len(printed) {
			return fmt.Sprintf("%s has %d entries, and is shown with %d", path, len(printed), len(shown))
		}
		for i := range shown {
			if difference := sameShape(fmt.Sprintf("%s[%d]", path, i), shown[i], printed[i], anyValue); difference != "" {
				return difference
			}
		}
	default:
		if !anyValue && shown != printed {
			return fmt.Sprintf("%s is %v, and shown as %v", path, printed, shown)
		}
	}
	return ""
}

// readValues reads JSON values that follow one another.
func readValues(text string) ([]any, error) {
	values := []any{}
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := d.Decode(&v); err == io.EOF {
			return values, nil
		} else if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
}

// The README's tour works as it stands there, from the first line to the last, on
// a server that was just started.
func TestTour(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatalf("there is no README.md with a section %q: %v", tourHeading, err)
	}
	steps, err := readTour(string(text))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, sqlite)

	// A script for each terminal, since what a block sets, the next ones use. After
	// each block the first prints a line that tells the blocks' output apart. What is
	// run in the second one stays until the tour is over.
	const between = "-- end of a block --"
	ctx, cancel := context.WithTimeout(t.Context(), tourTime)
	defer cancel()
	folder := t.TempDir()
	shell := func(script string) *exec.Cmd {
		c := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+strings.ReplaceAll(script, tourURL, s.url))
		c.Dir, c.Env = folder, environment()
		return c
	}
	var first []tourStep
	script := ""
	var listening *transcript
	for _, step := range steps {
		if step.second {
			listening = &transcript{}
			script += "touch ready\nuntil [ -e heard ]; do sleep 0.05; done\n"
			second := shell("until [ -e ready ]; do sleep 0.05; done\n" + step.shell)
			second.Stdout, second.Stderr = listening, listening
			second.WaitDelay = time.Second
			if err := second.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = second.Process.Kill()
				_ = second.Wait()
			})
			continue
		}
		first = append(first, step)
		script += step.shell + "\nprintf '\\n%s\\n' '" + between + "'\n"
	}
	go func() {
		// The first terminal goes on when the second one listens.
		for ctx.Err() == nil {
			if listening != nil && strings.Contains(listening.String(), "position") {
				_ = os.WriteFile(filepath.Join(folder, "heard"), nil, 0o600)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	var out, problems bytes.Buffer
	one := shell(script)
	one.Stdout, one.Stderr = &out, &problems
	if err := one.Run(); err != nil {
		done := strings.Count(out.String(), between)
		t.Fatalf("README.md:%d: the block ends with %v\n%s\n%s\n%v", first[min(done, len(first)-1)].line, err, &out, &problems, listening)
	}
	for _, step := range steps {
		if step.second {
			expectStream(ctx, t, step, listening)
		}
	}
	steps = first
	for i, printed := range strings.Split(out.String(), between+"\n")[:len(steps)] {
		step := steps[i]
		if step.want == "" {
			continue
		}
		wanted, err := readValues(step.want)
		if err != nil {
			t.Errorf("README.md:%d: what is shown is no JSON: %v", step.line, err)
			continue
		}
		got, err := readValues(printed)
		if err != nil {
			t.Errorf("README.md:%d: what is printed is no JSON: %v\n%s", step.line, err, printed)
			continue
		}
		if difference := sameShape("", any(wanted), any(got), false); difference != "" {
			t.Errorf("README.md:%d: the output is not as shown: %s\n%s", step.line, difference, printed)
		}
	}
}

// expectStream waits until the second terminal shows what the README shows.
func expectStream(ctx context.Context, t *testing.T, step tourStep, listening *transcript) {
	t.Helper()
	shown := dataOf(t, step.stream)
	if len(shown) == 0 {
		t.Errorf("README.md:%d: nothing is shown of what the second terminal prints", step.line)
	}
	for ctx.Err() == nil {
		if heard := dataOf(t, listening.String()); len(heard) >= len(shown) {
			if difference := sameShape("", any(shown), any(heard), false); difference != "" {
				t.Errorf("README.md:%d: the second terminal shows something else: %s\n%s", step.line, difference, listening)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("README.md:%d: the second terminal shows only\n%s", step.line, listening)
}

// dataOf gives the data of a stream's events.
func dataOf(t *testing.T, stream string) []any {
	t.Helper()
	var all []any
	for line := range strings.Lines(stream) {
		data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
		if !ok {
			continue
		}
		values, err := readValues(data)
		if err != nil {
			return all // it is being written
		}
		all = append(all, values...)
	}
	return all
}

// What reads the tour is tested itself, or a tour that is not found would pass.
func TestTourIsRead(t *testing.T) {
	t.Parallel()
	steps, err := readTour("# X\n```sh\nno\n```\n" + tourHeading + "\n\n```sh\ngo run .\n```\n\n```sh\ncurl a\ncurl b\n```\ntext\n```json\n{\"id\": \"1\"}\n```\n" +
		"```graphql\n{ viewer }\n```\n```sh\nls\n```\n## More\n```sh\nno\n```\n")
	want := []tourStep{{line: 12, shell: "curl a\ncurl b", want: `{"id": "1"}`}, {line: 23, shell: "ls"}}
	if err != nil || !reflect.DeepEqual(steps, want) {
		t.Errorf("got %v, %v", steps, err)
	}
	for _, text := range []string{"", "# X\n```sh\nls\n```\n", tourHeading + "\n", tourHeading + "\n```json\n{}\n```\n", tourHeading + "\n```sh\nls\n"} {
		if steps, err := readTour(text); err == nil {
			t.Errorf("%q is read as %v", text, steps)
		}
	}
	for _, c := range []struct {
		shown, printed string
		same           bool
	}{
		{`{"a": [1, {"id": "x", "b": null}]}`, `{"a":[1,{"b":null,"id":"y"}]}`, true},
		{`{"status": 200}`, `{"status":201}`, false},
		{`{"id": "x"}`, `{"id":1}`, false},
		{`{"id": "x"}`, `{}`, false},
		{`{}`, `{"id":"x"}`, false},
		{`[1, 2]`, `[1]`, false},
		{`{"a": 1} {"a": 2}`, `{"a":1}`, false},
		{`{"token": "x", "name": "a"}`, `{"token":"y","name":"b"}`, false},
	} {
		shown, err := readValues(c.shown)
		if err != nil {
			t.Fatal(err)
		}
		printed, err := readValues(c.printed)
		if err != nil {
			t.Fatal(err)
		}
		if difference := sameShape("", any(shown), any(printed), false); (difference == "") != c.same {
			t.Errorf("%s and %s: %q", c.shown, c.printed, difference)
		}
	}
}
