package graph

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"

	"github.com/omarty/chat/internal/omarty"
)

// part is one of a multipart request.
type part struct{ name, filename, contentType, content string }

func form(t testing.TB, parts ...part) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name=%q`, p.name)
		if p.filename != "" {
			disposition += fmt.Sprintf(`; filename=%q`, p.filename)
		}
		h.Set("Content-Disposition", disposition)
		if p.contentType != "" {
			h.Set("Content-Type", p.contentType)
		}
		at, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(at, p.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// places tells where uploads are among the variables, and what they are.
func places(path string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		var found []string
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range v {
				if !yield(name) {
					return
				}
			}
		}) {
			found = append(found, places(path+"."+name, v[name])...)
		}
		return found
	case []any:
		var found []string
		for i, e := range v {
			found = append(found, places(fmt.Sprint(path, ".", i), e)...)
		}
		return found
	case graphql.Upload:
		content, _ := io.ReadAll(v.File)
		return []string{fmt.Sprintf("%s: %s %s %s", path[1:], v.Filename, v.ContentType, content)}
	}
	return nil
}

func boundaryOf(contentType string) string {
	_, parameters, _ := mime.ParseMediaType(contentType)
	return parameters["boundary"]
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	const query = `"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}"`
	operations := func(variables string) part {
		return part{"operations", "", "", `{` + query + `,"variables":` + variables + `}`}
	}
	where := func(text string) part { return part{"map", "", "", text} }
	hello := part{"0", "a.txt", "text/plain", "hello"}
	world := part{"1", "b.bin", "", "world"}
	manyNulls := `[` + strings.TrimSuffix(strings.Repeat("null,", 2000), ",") + `]`
	var manyPlaces []string
	for i := range 2000 {
		manyPlaces = append(manyPlaces, fmt.Sprintf("variables.f.%d", i))
	}
	for _, c := range []struct {
		name  string
		parts []part
		want  []string // nil for a refusal
	}{
		{"a file", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), hello}, []string{"f: a.txt text/plain hello"}},
		{"two files", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), hello, world}, []string{"f: a.txt text/plain hello", "g: b.bin  world"}},
		{"files in another order", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), world, hello}, []string{"f: a.txt text/plain hello", "g: b.bin  world"}},
		{"a file in two places", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f","variables.g"]}`), hello}, []string{"f: a.txt text/plain hello", "g: a.txt text/plain hello"}},
		{"a file in a list", []part{operations(`{"f":["x",null]}`), where(`{"0":["variables.f.1"]}`), hello}, []string{"f.1: a.txt text/plain hello"}},
		{"a file in an object in a list", []part{operations(`{"f":[{"g":null}]}`), where(`{"0":["variables.f.0.g"]}`), hello}, []string{"f.0.g: a.txt text/plain hello"}},
		{"a member whose name is a number", []part{operations(`{"f":{"0":null}}`), where(`{"0":["variables.f.0"]}`), hello}, []string{"f.0: a.txt text/plain hello"}},
		{"a file for nothing", []part{operations(`{"f":null}`), where(`{"0":[]}`), hello}, []string{}},
		{"an empty file", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), {"0", "a.txt", "text/plain", ""}}, []string{"f: a.txt text/plain "}},
		{"a file that nothing names", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), hello, {"2", "c", "", "x"}}, []string{"f: a.txt text/plain hello"}},
		{"no files", []part{operations(`{}`), where(`{}`)}, []string{}},
		{"the folder in a file's name", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), {"0", "../../etc/passwd", "", ""}}, []string{"f: passwd  "}},

		{"nothing at all", nil, nil},
		{"no operations", []part{where(`{"0":["variables.f"]}`), hello}, nil},
		{"map first", []part{where(`{}`), operations(`{}`)}, nil},
		{"no map", []part{operations(`{"f":null}`), hello}, nil},
		{"no file", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`)}, nil},
		{"too few files", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), hello}, nil},
		{"a file that is not the one named", []part{operations(`{"f":null}`), where(`{"0":["variables.f"]}`), world}, nil},
		{"a file twice", []part{operations(`{"f":null,"g":null}`), where(`{"0":["variables.f"],"1":["variables.g"]}`), hello, hello}, nil},
		{"operations that are no JSON", []part{{"operations", "", "", `{`}, where(`{}`)}, nil},
		{"operations that are null", []part{{"operations", "", "", `null`}, where(`{}`)}, nil},
		{"operations that are a batch", []part{{"operations", "", "", `[{` + query + `}]`}, where(`{}`)}, nil},
		{"operations without a query", []part{{"operations", "", "", `{}`}, where(`{}`)}, nil},
		{"a map that is no JSON", []part{operations(`{"f":null}`), where(`{"0":`), hello}, nil},
		{"a map that is a list", []part{operations(`{"f":null}`), where(`[]`), hello}, nil},
		{"a map to a path alone", []part{operations(`{"f":null}`), where(`{"0":"variables.f"}`), hello}, nil},
		{"a map to numbers", []part{operations(`{"f":null}`), where(`{"0":[0]}`), hello}, nil},
		{"a place that is not there", []part{operations(`{"f":null}`), where(`{"0":["variables.g"]}`), hello}, nil},
		{"a place below null", []part{operations(`{"f":null}`), where(`{"0":["variables.f.g"]}`), hello}, nil},
		{"a place below text", []part{operations(`{"f":"x"}`), where(`{"0":["variables.f.0"]}`), hello}, nil},
		{"a place that is taken", []part{operations(`{"f":"x"}`), where(`{"0":["variables.f"]}`), hello}, nil},
		{"a place that is taken, false", []part{operations(`{"f":false}`), where(`{"0":["variables.f"]}`), hello}, nil},
		{"a place that is taken, in a list", []part{operations(`{"f":[1]}`), where(`{"0":["variables.f.0"]}`), hello}, nil},
		{"one place for two files", []part{operations(`{"f":null}`), where(`{"0":["variables.f"],"1":["variables.f"]}`), hello, world}, nil},
		{"one place twice", []part{operations(`{"f":null}`), where(`{"0":["variables.f","variables.f"]}`), hello}, nil},
		{"beyond a list's end", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.1"]}`), hello}, nil},
		{"before a list's start", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.-1"]}`), hello}, nil},
		{"a name in a list", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.x"]}`), hello}, nil},
		{"no number that fits", []part{operations(`{"f":[null]}`), where(`{"0":["variables.f.99999999999999999999"]}`), hello}, nil},
		{"the variables themselves", []part{operations(`{"f":null}`), where(`{"0":["variables"]}`), hello}, nil},
		{"beside the variables", []part{operations(`{"f":null}`), where(`{"0":["query"]}`), hello}, nil},
		{"a request of a batch", []part{operations(`{"f":null}`), where(`{"0":["0.variables.f"]}`), hello}, nil},
		{"nowhere", []part{operations(`{"f":null}`), where(`{"0":[""]}`), hello}, nil},
		{"variables that are null", []part{operations(`null`), where(`{"0":["variables.f"]}`), hello}, nil},
		{"a file in very many places", []part{operations(`{"f":` + manyNulls + `}`), where(`{"0":` + mustJSON(t, append(manyPlaces, "variables.f.0")) + `}`), hello}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			body, contentType := form(t, c.parts...)
			r := request("POST", "/graphql", body, "Content-Type", contentType, "GraphQL-Require-Preflight", "1")
			params, done, problem := readMultipart(r, boundaryOf(contentType), &uploadLimits{left: maxBody, file: 100})
			defer done()
			if (problem == nil) != (c.want != nil) || (params == nil) != (c.want == nil) {
				t.Fatalf("params %+v, problem %+v", params, problem)
			}
			if problem != nil {
				if problem.status != 400 || problem.code != omarty.CodeBadRequest {
					t.Errorf("problem %+v", problem)
				}
				return
			}
			got := places("", params.Variables)
			if diff := cmp.Diff(c.want, append([]string{}, got...)); diff != "" {
				t.Errorf("uploads (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMultipartFromAnyPageIsRefused(t *testing.T) {
	t.Parallel()
	body, contentType := form(t,
		part{"operations", "", "", `{"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}","variables":{"f":null}}`},
		part{"map", "", "", `{"0":["variables.f"]}`},
		part{"0", "a.txt", "", "hello"},
	)
	for _, c := range []struct {
		header []string
		code   string
	}{
		{nil, "BAD_REQUEST"},
		{[]string{"Origin", "https://evil.example"}, "BAD_REQUEST"},
		{[]string{"Cookie", "a=b"}, "BAD_REQUEST"},
		{[]string{"GraphQL-Require-Preflight", ""}, "BAD_REQUEST"},
		{[]string{"GraphQL-Require-Preflight", "1"}, "FORBIDDEN"},
		{[]string{"Apollo-Require-Preflight", "true"}, "FORBIDDEN"},
		{[]string{"X-Apollo-Operation-Name", "Upload"}, "FORBIDDEN"},
		{[]string{"Authorization", "Bearer good"}, "FORBIDDEN"},
	} {
		a := newAPI(t, withAccount(monasAccount))
		got := a.do(t, request("POST", "/graphql", body, append(c.header, "Content-Type", contentType)...))
		if got.code(t) != c.code {
			t.Errorf("%v: %q, want %q: %s", c.header, got.code(t), c.code, got.body)
		}
	}
}

func TestMultipartWithoutItsFrame(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeVerbs{})
	whole, contentType := form(t, part{"operations", "", "", `{"query":"{__typename}"}`}, part{"map", "", "", `{}`})
	large, contentTypeOfLarge := form(t, part{"operations", "", "", `{"query":"{__typename ` + strings.Repeat(" ", maxBody) + `}"}`}, part{"map", "", "", `{}`})
	for name, c := range map[string]struct{ body, contentType string }{
		"no boundary":      {whole, "multipart/form-data"},
		"another boundary": {whole, "multipart/form-data; boundary=x"},
		"cut off":          {whole[:len(whole)/2], contentType},
		"nothing":          {"", contentType},
		"too large":        {large, contentTypeOfLarge},
	} {
		got := a.do(t, request("POST", "/graphql", c.body, "Content-Type", c.contentType, "GraphQL-Require-Preflight", "1"))
		status, code := 400, "BAD_REQUEST"
		if name == "too large" {
			status, code = 413, "TOO_LARGE"
		}
		if got.status != status || got.code(t) != code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func FuzzMultipart(f *testing.F) {
	const boundary = "x"
	frame := func(parts ...string) []byte {
		var b strings.Builder
		for i := 0; i+1 < len(parts); i += 2 {
			fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", parts[i], parts[i+1])
		}
		return []byte(b.String() + "--x--\r\n")
	}
	const upload = `"query":"mutation($f:Upload!){uploadAttachment(file:$f){attachment{id}}}"`
	f.Add(frame("operations", `{`+upload+`,"variables":{"f":null}}`, "map", `{"0":["variables.f"]}`, "0", "hello"))
	f.Add(frame("operations", `{`+upload+`,"variables":{"f":[null,{"g":null}]}}`, "map", `{"0":["variables.f.0","variables.f.1.g"]}`, "0", "hello"))
	f.Add(frame("operations", `{"query":"{__typename}"}`, "map", `{}`))
	f.Add(frame("map", `{}`))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"operations\"; filename=\"a\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{=7D"))
	a := newAPI(f, harmless())
	f.Fuzz(func(t *testing.T, body []byte) {
		header := []string{"Content-Type", "multipart/form-data; boundary=" + boundary, "GraphQL-Require-Preflight", "1"}
		params, done, problem := readMultipart(request("POST", "/graphql", string(body), header...), boundary, &uploadLimits{left: 1000, file: 100})
		defer done()
		if (params == nil) == (problem == nil) {
			t.Fatalf("params %v, problem %v", params, problem)
		}
		expectAnswer(t, a, a.do(t, request("POST", "/graphql", string(body), append(header, "Accept", takesResponse)...)))
	})
}
