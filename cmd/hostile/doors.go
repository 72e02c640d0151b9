package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

const graphqlPath = "/graphql"

var accepts = []string{"", "application/json", "application/graphql-response+json", "application/graphql-response+json, application/json;q=0.9", "*/*", "text/html", "x"}

// ask sends a request by HTTP and judges the answer.
func (w *worker) ask(ctx context.Context, way, method, path, contentType, token string, body []byte, headers ...string) int {
	what := fmt.Sprintf("%s %s as %s: %s", method, path, contentType, body)
	r, err := http.NewRequestWithContext(ctx, method, w.program.url+path, bytes.NewReader(body))
	if err != nil {
		return 0 // what is no URL cannot be sent
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		r.Header["Authorization"] = []string{"Bearer " + token}
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(r)
	if err != nil {
		if strings.Contains(err.Error(), "invalid header") {
			return 0
		}
		w.lost(way, err, what)
		return 1
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		w.lost(way, err, what)
		return 1
	}
	w.judge(way, response.StatusCode, text, what)
	if strings.Contains(response.Header.Get("Content-Type"), "json") && method != http.MethodHead && !json.Valid(text) {
		w.fault(way, fmt.Sprintf("no JSON: %.1000s", text), what)
	}
	return 1
}

// post sends a request as JSON.
func (w *worker) post(ctx context.Context) int {
	q := w.make()
	body := q.body()
	contentType := "application/json"
	switch w.IntN(40) {
	case 0:
		body = body[:w.IntN(len(body))]
	case 1:
		body[w.IntN(len(body))] = byte(w.IntN(256))
	case 2:
		body = append(append([]byte("["), body...), ']')
	case 3:
		contentType = pick(w.Rand, []string{"", "text/plain", "application/graphql", "application/json; charset=utf-16", "application/x-www-form-urlencoded", ";;"})
	case 4:
		m := maker{grammar: &grammar{known: *w.known.Load()}, Rand: w.Rand}
		body, _ = json.Marshal(m.anything(6))
	}
	return w.ask(ctx, "post", http.MethodPost, graphqlPath, contentType, w.token(q), body, "Accept", pick(w.Rand, accepts))
}

// get sends a request in the address.
func (w *worker) get(ctx context.Context) int {
	q := w.make()
	values := url.Values{"query": {q.document}}
	if q.variables != nil {
		text, _ := json.Marshal(q.variables)
		values.Set("variables", string(text))
	}
	if q.name != "" {
		values.Set("operationName", q.name)
	}
	if w.IntN(10) == 0 {
		values.Set(pick(w.Rand, []string{"variables", "extensions", "operationName", "query", "t"}), pick(w.Rand, texts))
	}
	path := graphqlPath + "?" + values.Encode()
	if w.IntN(20) == 0 {
		path += pick(w.Rand, []string{"%zz", ";", "&&&", "&query=", "%00", "#"})
	}
	method := http.MethodGet
	if w.IntN(10) == 0 {
		method = pick(w.Rand, []string{http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch, "FOO"})
	}
	return w.ask(ctx, "get", method, path, "", w.token(q), nil, "Accept", pick(w.Rand, accepts))
}

// listenTime is how long an event stream is read.
const listenTime = 60 * time.Millisecond

// listen asks for Server-Sent Events, reads some and goes.
func (w *worker) listen(ctx context.Context) int {
	q := w.make()
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.program.url+graphqlPath, bytes.NewReader(q.body()))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	if token := w.token(q); token != "" {
		r.Header["Authorization"] = []string{"Bearer " + token}
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.lost("events", err, q.document)
		return 1
	}
	defer response.Body.Close()
	if q.operation == ast.Subscription {
		time.AfterFunc(listenTime, cancel)
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, int64(1+w.IntN(64<<10))))
	w.judge("events", response.StatusCode, text, q.document)
	return 1
}

const formPath = "/omartyapis/Auth/Register/"

// form posts the legacy form, or what looks like it.
func (w *worker) form(ctx context.Context) int {
	values := url.Values{}
	for _, name := range []string{"pnum", "email", "password", "confirmPassword", "name", "longitude", "latitude", "x"} {
		for range w.IntN(3) {
			values.Add(name, pick(w.Rand, texts))
		}
	}
	contentType, body := "application/x-www-form-urlencoded", []byte(values.Encode())
	if w.IntN(2) == 0 {
		contentType, body = w.parts(values)
	}
	body = w.spoil(body)
	if w.IntN(10) == 0 {
		contentType = pick(w.Rand, []string{"", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("x", 200), "application/x-www-form-urlencoded; charset=x", "text/plain"})
	}
	return w.ask(ctx, "form", http.MethodPost, formPath, contentType, "", body, "Accept-Language", pick(w.Rand, texts[:6]))
}

// parts writes values as a multipart form.
func (w *worker) parts(values url.Values) (contentType string, body []byte) {
	var b bytes.Buffer
	for name, all := range values {
		for _, value := range all {
			fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q", name)
			if w.IntN(8) == 0 {
				fmt.Fprintf(&b, "; filename=%q", pick(w.Rand, texts))
			}
			b.WriteString(pick(w.Rand, []string{"\r\n", "\r\n", "\r\nContent-Type: x\r\n", "\r\nContent-Transfer-Encoding: quoted-printable\r\n"}) + "\r\n" + value + "\r\n")
		}
	}
	b.WriteString("--b--\r\n")
	return "multipart/form-data; boundary=b", b.Bytes()
}

// spoil changes some bytes, now and then.
func (w *worker) spoil(body []byte) []byte {
	if len(body) == 0 || w.IntN(2) == 0 {
		return body
	}
	body = bytes.Clone(body)
	for range w.IntN(5) {
		body[w.IntN(len(body))] = byte(w.IntN(256))
	}
	if w.IntN(3) == 0 {
		body = body[:w.IntN(len(body))]
	}
	return body
}

// pictures begin as files of some kind do; their sizes lie.
var pictures = []string{
	"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x06\x00\x00\x00", "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03",
	"GIF89a\xff\xff\xff\xff\xf7\x00\x00", "RIFF\xff\xff\xff\xffWEBPVP8L", "%PDF-1.7\n", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "<html><script>alert(1)</script>", "PK\x03\x04", "BM\xff\xff\xff\xff", "ID3", "", "text",
	"\xff\xd8\xff\xe1\xff\xffExif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
}

// upload sends a GraphQL multipart request, with a file or what passes for one.
func (w *worker) upload(ctx context.Context) int {
	file := []byte(pick(w.Rand, pictures))
	for range w.IntN(2000) {
		file = append(file, byte(w.IntN(256)))
	}
	if w.IntN(20) == 0 {
		file = append(file, make([]byte, w.IntN(900<<10))...)
	}
	document := `mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id } } }`
	operations, _ := json.Marshal(map[string]any{"query": document, "variables": map[string]any{"file": nil, "files": []any{nil, nil}}})
	q := request{}
	if w.IntN(4) == 0 {
		q = w.make()
		operations = q.body()
	}
	places := pick(w.Rand, []string{`{"0": ["variables.file"]}`, `{"0": ["variables.file"]}`, `{"0": ["variables.files.0", "variables.files.1"]}`, `{"0": ["variables.x.y"]}`, `{"0": []}`, `[]`, `{"1": ["variables.file"]}`, `{"0": ["query"]}`, `{"0": ["variables.files.99999999999"]}`, `{"0": "variables.file"}`, ``})
	var b bytes.Buffer
	part := func(name, head string, content []byte) {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q%s\r\n\r\n", name, head)
		b.Write(content)
		b.WriteString("\r\n")
	}
	part("operations", "", operations)
	part("map", "", []byte(places))
	part("0", fmt.Sprintf("; filename=%q\r\nContent-Type: %s", pick(w.Rand, texts), pick(w.Rand, []string{"image/png", "text/html", "x", ""})), file)
	if w.IntN(5) > 0 {
		b.WriteString("--b--\r\n")
	}
	return w.ask(ctx, "upload", http.MethodPost, graphqlPath, "multipart/form-data; boundary=b", w.token(q), w.spoil(b.Bytes()), "GraphQL-Require-Preflight", "1")
}
