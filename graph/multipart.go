package graph

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
)

// preflightHeaders are those that a page of another origin cannot send without
// asking first: a multipart form, it could send.
var preflightHeaders = []string{
	"Authorization", "Apollo-Require-Preflight", "GraphQL-Require-Preflight", "X-Apollo-Operation-Name",
}

// readMultipart reads a GraphQL multipart request
// (https://github.com/jaydenseric/graphql-multipart-request-spec): operations,
// map, then the files.
func readMultipart(r *http.Request, body []byte, boundary string) (*graphql.RawParams, *problem) {
	if !preflighted(r.Header) {
		return nil, badRequest("A multipart request needs an Authorization header or GraphQL-Require-Preflight.")
	}
	malformed := badRequest("The request is no GraphQL multipart request: operations, then map, then the files.")
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	operations, _, ok := nextPart(form, "operations")
	if !ok {
		return nil, malformed
	}
	params, problem := readJSON(operations)
	if problem != nil {
		return nil, problem
	}
	where, _, ok := nextPart(form, "map")
	var places map[string][]string
	if !ok || decode(where, &places) != nil {
		return nil, malformed
	}
	for len(places) > 0 {
		content, part, ok := nextPart(form, "")
		if !ok {
			return nil, malformed
		}
		paths, named := places[part.FormName()]
		if !named {
			return nil, malformed
		}
		delete(places, part.FormName())
		for _, path := range paths {
			upload := graphql.Upload{
				File:        bytes.NewReader(content),
				Filename:    part.FileName(),
				Size:        int64(len(content)),
				ContentType: part.Header.Get("Content-Type"),
			}
			if !place(params.Variables, path, upload) {
				return nil, malformed
			}
		}
	}
	return params, nil
}

func preflighted(h http.Header) bool {
	for _, name := range preflightHeaders {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// nextPart reads the form's next part, which must have the name where one is
// given.
func nextPart(form *multipart.Reader, name string) ([]byte, *multipart.Part, bool) {
	part, err := form.NextPart()
	if err != nil || name != "" && part.FormName() != name {
		return nil, nil, false
	}
	content, err := io.ReadAll(part)
	return content, part, err == nil
}

// place puts an upload where a path such as "variables.input.file" or
// "variables.files.0" has a null for it, and tells whether there was one.
func place(variables map[string]any, path string, upload graphql.Upload) bool {
	steps := strings.Split(path, ".")
	if len(steps) < 2 || steps[0] != "variables" {
		return false
	}
	var at any = variables
	for i, step := range steps[1:] {
		last := i == len(steps)-2
		switch holder := at.(type) {
		case map[string]any:
			value, ok := holder[step]
			if !ok || last && value != nil {
				return false
			}
			if last {
				holder[step] = upload
			}
			at = value
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(holder) || last && holder[n] != nil {
				return false
			}
			if last {
				holder[n] = upload
			}
			at = holder[n]
		default:
			return false
		}
	}
	return true
}
