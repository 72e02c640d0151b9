package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// generous is how many times as long as an ordinary request of its size an
	// expensive one may take. What these tests are against takes 300 times as long
	// and more, or never ends; what holds takes 5 times as long at the most.
	generous = 20
	// harmless is what one may take in any case: a machine that is busy with other
	// things stretches the shortest requests the most.
	harmless = 50 * time.Millisecond
)

// took gives the shortest time of a few requests, which is what they cost when
// nothing else comes between, and the last answer. One that takes a second is not
// sent again: it is no ordinary one.
func (s *server) took(t *testing.T, body string) (time.Duration, answer) {
	t.Helper()
	var times []time.Duration
	var a answer
	for len(times) < 5 && (len(times) == 0 || times[0] < time.Second) {
		begin := time.Now()
		a = s.post(t, body, "Content-Type", typeJSON)
		times = append(times, time.Since(begin))
	}
	return slices.Min(times), a
}

// asJSON gives a document as a request.
func asJSON(document string) string {
	return `{"query": ` + strconv.Quote(document) + `}`
}

// nestedFragments gives a query of fragments of which each spreads the next one
// twice: without memory, 2^levels to walk.
func nestedFragments(levels int) string {
	var b strings.Builder
	b.WriteString("{viewer{...f0}}")
	for i := range levels {
		fmt.Fprintf(&b, " fragment f%d on Viewer{...f%d ...f%d}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Viewer{id}", levels)
	return b.String()
}

// nestedNodes is the same with fields in between, so that there is depth.
func nestedNodes(levels int) string {
	var b strings.Builder
	b.WriteString("{node(id:\"x\"){...f0}}")
	for i := range levels {
		fmt.Fprintf(&b, " fragment f%d on Message{replyTo{...f%d} room{lastMessage{...f%d}}}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Message{id}", levels)
	return b.String()
}

func repeated(format string, n int) string {
	var b strings.Builder
	for i := range n {
		if strings.Contains(format, "%d") {
			fmt.Fprintf(&b, format, i)
		} else {
			b.WriteString(format)
		}
	}
	return b.String()
}

// What costs a server built the ordinary way seconds or minutes is refused, or
// answered, in the time of an ordinary request; and in few bytes.
func TestExpensiveDocumentsAreCheap(t *testing.T) {
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	for _, c := range []struct {
		name, document string
		want           string // the code; "" for an answer or any refusal
	}{
		{"fragments of 24 levels", nestedFragments(24), ""},
		{"fragments of 40 levels", nestedFragments(40), ""},
		{"fragments of 80 levels", nestedFragments(80), ""},
		{"fragments of 40 levels with fields", nestedNodes(40), "TOO_LARGE"},
		{"100 aliases", "{" + repeated("a%d:viewer{id}", 100) + "}", ""},
		{"101 aliases", "{" + repeated("a%d:viewer{id}", 101) + "}", "TOO_LARGE"},
		{"101 aliases by fragments", "{" + repeated("...f ", 51) + "} fragment f on Query{a:__typename b:__typename}", "TOO_LARGE"},
		{"10,000 aliases", "{" + repeated("a%d:viewer{id}", 10_000) + "}", "TOO_LARGE"},
		{"100,000 directives", "{viewer" + repeated("@aa", 100_000) + "{id}}", "TOO_LARGE"},
		{"100,000 directives with spaces", "{viewer" + repeated(" @aa", 100_000) + "{id}}", "TOO_LARGE"},
		{"4,000 fields of one name", "{viewer{" + repeated("id ", 4_000) + "}}", "TOO_LARGE"},
		{"900 fields of one name", "{viewer{" + repeated("id ", 900) + "}}", ""},
		{"450 fields of one name with fields", "{" + repeated("viewer{id}", 225) + "}", ""},
		{"100,000 braces", strings.Repeat("{", 100_000), ""},
		{"100,000 brackets in a value", `{node(id:` + strings.Repeat("[", 100_000), ""},
		{"100,000 brackets in a type", `query($x:` + strings.Repeat("[", 100_000), ""},
		{"100,000 comments", strings.Repeat("#\n", 100_000) + "{viewer{id}}", ""},
		{"500 kB of one string", `{node(id:"` + strings.Repeat("x", 500_000) + `"){id}}`, ""},
		{"100 kB of one field's name", "{" + strings.Repeat("x", 100_000) + "}", "BAD_REQUEST"},
		{"100 kB of one mutation's name", "mutation{" + strings.Repeat("x", 100_000) + "}", "BAD_REQUEST"},
		{"100 kB of one argument's name", "{node(" + strings.Repeat("x", 100_000) + ":1){id}}", "BAD_REQUEST"},
		{"100 kB of one type's name", "{node(id:1){... on " + strings.Repeat("x", 100_000) + "{id}}}", "BAD_REQUEST"},
		{"400 mutations' names", "mutation{" + repeated(" x%d"+strings.Repeat("y", 250), 400) + "}", "BAD_REQUEST"},
		{"500 kB of white space", `{viewer{id}` + strings.Repeat(" ", 500_000) + `}`, ""},
		{"100 fragments that are not used", "{viewer{id}}" + repeated("fragment f%d on Viewer{id}", 100), ""},
		{"a fragment in a cycle", "{viewer{...f}} fragment f on Viewer{...f}", "BAD_REQUEST"},
		{"fragments in a cycle", "{viewer{...a}} fragment a on Viewer{...b} fragment b on Viewer{...c} fragment c on Viewer{...a}", "BAD_REQUEST"},
		{"a cycle with a field", "{node(id:\"x\"){...f}} fragment f on Message{replyTo{...f}}", "BAD_REQUEST"},
		{"a cycle of inline fragments", "{viewer{... on Viewer{...f}}} fragment f on Viewer{... on Viewer{...f}}", "BAD_REQUEST"},
		{"150 variables", "query(" + repeated("$v%d:ID ", 150) + "){viewer{id}}", "BAD_REQUEST"},
	} {
		body := asJSON(c.document)
		// An ordinary request of the same size, for what it costs to read.
		padding := max(0, len(body)-200)
		var took, ordinary time.Duration
		var a answer
		for range 3 { // on a machine that does other things beside the one of them
			ordinary, a = s.took(t, `{"query": "{ viewer { id email user { name } sessions { id device } } }", "x": "`+strings.Repeat("x", padding)+`"}`)
			a.mustResult(t).mustSucceed(t)
			if took, a = s.took(t, body); took <= max(harmless, generous*ordinary) {
				break
			}
		}
		t.Logf("%s: %v, ordinary %v", c.name, took, ordinary)
		r := a.mustResult(t)
		if c.want != "" && r.code() != c.want || r.code() == "INTERNAL" || r.code() == "UNAVAILABLE" {
			t.Errorf("%s: got %v, want %s", c.name, a, c.want)
		}
		if took > max(harmless, generous*ordinary) {
			t.Errorf("%s: takes %v, and an ordinary request %v", c.name, took, ordinary)
		}
		// A hundred aliases fill a page; what is refused fills none.
		if limit := 4_000; len(a.body) > limit {
			t.Errorf("%s: the answer has %d bytes", c.name, len(a.body))
		}
	}
}

// An operation may nest up to 20 fields deep, have up to 100 aliases, and ask for
// so much at once.
func TestLimitsOfOperations(t *testing.T) {
	t.Parallel()
	deep := func(fields int) string {
		return "{node(id:\"x\"){... on Message{" + strings.Repeat("replyTo{", fields-2) + "id" + strings.Repeat("}", fields-2) + "}}}"
	}
	inFragments := func(fields int) string {
		return "{node(id:\"x\"){...f}} fragment f on Message{" + strings.Repeat("replyTo{", fields-2) + "id" + strings.Repeat("}", fields-2) + "}"
	}
	const everything = `{ viewer { rooms(first: 100) { nodes { messages(first: 100) { nodes { reactions { users(first: 100) { nodes { id } } } } } } } } }`
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range []struct {
			name, document string
			variables      variables
			want           string
		}{
			{"20 deep", deep(20), nil, ""},
			{"21 deep", deep(21), nil, "TOO_LARGE"},
			{"200 deep", deep(200), nil, "TOO_LARGE"},
			{"20 deep by a fragment", inFragments(20), nil, ""},
			{"21 deep by a fragment", inFragments(21), nil, "TOO_LARGE"},
			{"a page of pages of pages", everything, nil, "TOO_LARGE"},
			{"the same by variables", "query($n: Int!)" + strings.ReplaceAll(everything, "100", "$n"), variables{"n": 100}, "TOO_LARGE"},
			{"the same by a default", "query($n: Int! = 100)" + strings.ReplaceAll(everything, "100", "$n"), nil, "TOO_LARGE"},
			{"the same without saying how many", strings.ReplaceAll(everything, "(first: 100)", ""), nil, "TOO_LARGE"},
			{"an ordinary page", `{ viewer { rooms { nodes { id viewerName viewerUnreadCount lastMessage { text author { name } } } } } }`, nil, ""},
		} {
			r := s.run(t, "", c.document, c.variables)
			if r.code() != c.want {
				t.Errorf("%s: got %v, want %q", c.name, r, c.want)
			}
		}
	})
}

// The introspection query of common clients is within the limits.
func TestIntrospectionOfClientsIsWithinTheLimits(t *testing.T) {
	t.Parallel()
	ofType := strings.Repeat("ofType { kind name ", 9) + strings.Repeat("}", 9)
	document := `query IntrospectionQuery { __schema { description queryType { name } mutationType { name } subscriptionType { name }
		types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
	fragment FullType on __Type { kind name description specifiedByURL
		fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
		inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
		enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
	fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
	fragment TypeRef on __Type { kind name ` + ofType + ` }`
	eachEngine(t, func(t *testing.T, e engine) {
		sharedServer(t, e).run(t, "", document, nil).mustSucceed(t)
	})
}

// A body over 1 MB is refused in few words, whatever it is and whether or not its
// length was told.
func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		document := `{"query": "{viewer{id}}", "x": "` + strings.Repeat("y", limit) + `"}`
		for name, a := range map[string]answer{
			"JSON":      s.post(t, document, "Content-Type", typeJSON, "Accept", typeResponse),
			"older":     s.post(t, document, "Content-Type", typeJSON),
			"nonsense":  s.post(t, strings.Repeat("x", 2*limit), "Content-Type", typeJSON),
			"in chunks": s.do(t, http.MethodPost, "/graphql", io.MultiReader(strings.NewReader(document)), "Content-Type", typeJSON),
			"multipart": s.post(t, upload(uploadDocument+strings.Repeat(" ", limit), "x"), "Content-Type", multipartType, "GraphQL-Require-Preflight", "1"),
		} {
			if a.status != http.StatusRequestEntityTooLarge || len(a.body) >= 4_000 {
				t.Errorf("%s: got %d bytes, %v", name, len(a.body), a)
			}
			a.mustResult(t).expectCode(t, "TOO_LARGE", "")
		}
		padding := limit - len(`{"query": "{viewer{id}}", "x": ""}`)
		a := s.post(t, `{"query": "{viewer{id}}", "x": "`+strings.Repeat("y", padding)+`"}`, "Content-Type", typeJSON)
		a.mustResult(t).mustSucceed(t)
	})
}

// Of a body of 64 MB the server does not read more than it must to know that it
// is too large: the rest is for the buffers of the network.
func TestEndlessBodyIsNotRead(t *testing.T) {
	const size, most = 64 << 20, 24 << 20
	s := start(t, sqlite)
	before := memory(t, s.pid)
	for name, head := range map[string]string{
		"with a length": fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size),
		"in chunks":     fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", size),
		"the form":      fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", formPath, size),
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		sent := make(chan int, 1)
		go func() {
			total, block := 0, []byte(strings.Repeat("x", 64<<10))
			_, err := io.WriteString(conn, head)
			for err == nil && total < size {
				var n int
				n, err = conn.Write(block)
				total += n
			}
			sent <- total
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", name, err)
		} else if response.StatusCode != http.StatusRequestEntityTooLarge || !response.Close {
			t.Errorf("%s: got %d, closing: %v", name, response.StatusCode, response.Close)
		}
		if total := <-sent; total > most {
			t.Errorf("%s: the server let %d of %d bytes through", name, total, size)
		}
		conn.Close()
	}
	if grown := memory(t, s.pid) - before; grown > size {
		t.Errorf("the server grew by %d MB", grown>>20)
	}
}

var residentSize = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// memory gives what a process has in memory, in bytes.
func memory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if os.IsNotExist(err) {
		t.Skip("this system does not tell how much memory a process takes")
	}
	if err != nil {
		t.Fatal(err)
	}
	match := residentSize.FindSubmatch(status)
	if match == nil {
		t.Fatalf("no VmRSS in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
