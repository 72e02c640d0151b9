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
}

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
			case language == "sh":
				steps = append(steps, tourStep{line: first, shell: content})
				answered = false
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

	// One script, since what a block sets, the next ones use. After each block it
	// prints a line that tells the blocks' output apart.
	const between = "-- end of a block --"
	script := "set -euo pipefail\n"
	for _, step := range steps {
		script += strings.ReplaceAll(step.shell, tourURL, s.url) + "\nprintf '\\n%s\\n' '" + between + "'\n"
	}
	ctx, cancel := context.WithTimeout(t.Context(), tourTime)
	defer cancel()
	var out, problems bytes.Buffer
	shell := exec.CommandContext(ctx, "bash", "-c", script)
	shell.Dir, shell.Env = t.TempDir(), environment()
	shell.Stdout, shell.Stderr = &out, &problems
	if err := shell.Run(); err != nil {
		done := strings.Count(out.String(), between)
		t.Fatalf("README.md:%d: the block ends with %v\n%s\n%s", steps[min(done, len(steps)-1)].line, err, &out, &problems)
	}
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

// What reads the tour is tested itself, or a tour that is not found would pass.
func TestTourIsRead(t *testing.T) {
	t.Parallel()
	steps, err := readTour("# X\n```sh\nno\n```\n" + tourHeading + "\n\n```sh\ngo run .\n```\n\n```sh\ncurl a\ncurl b\n```\ntext\n```json\n{\"id\": \"1\"}\n```\n" +
		"```graphql\n{ viewer }\n```\n```sh\nls\n```\n## More\n```sh\nno\n```\n")
	want := []tourStep{{12, "curl a\ncurl b", `{"id": "1"}`}, {23, "ls", ""}}
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
