package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/munnerz/goautoneg"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/graph/live"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

const (
	// maxBody bounds a request's body, in bytes, before anything reads it.
	maxBody = 1 << 20
	// maxDiscarded is how much more of a body that is too large is read, in bytes.
	maxDiscarded = 8 << 20
	// maxErrors bounds how many errors of a document are told.
	maxErrors = 5
	// operationTime bounds how long an operation may run.
	operationTime = 30 * time.Second

	typeJSON     = "application/json"
	typeResponse = "application/graphql-response+json"
)

// ServeHTTP answers GraphQL over HTTP, as its specification has it
// (https://graphql.github.io/graphql-over-http/draft/): POST as JSON or as a
// GraphQL multipart request, GET for queries alone. What Streams tells goes to
// package live.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if Streams(r) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		a.serveStream(w, r)
		return
	}
	within := operationTime
	if isMultipart(r) {
		within = uploadTime
	}
	ctx, cancel := context.WithTimeout(withAccepted(r.Context(), r.Header), within)
	defer cancel()
	r = r.WithContext(graphql.StartOperationTrace(ctx))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")

	mediaType := negotiate(r.Header.Values("Accept"))
	if mediaType == "" {
		a.refuseRequest(w, r, typeJSON, http.StatusNotAcceptable, omarty.CodeBadRequest,
			"The answer is "+typeResponse+", "+typeJSON+" or "+live.TypeEvents+".")
		return
	}
	ctx, failed := a.known(r)
	ctx, turn := a.queues.begin(ctx, int(min(max(r.ContentLength, 0), maxBody)))
	defer turn.end()
	r = r.WithContext(ctx)
	params, read, problem := a.read(w, r)
	if problem != nil {
		read()
		a.refuseProblem(w, r, mediaType, problem)
		return
	}
	response, status := a.run(r, params, failed)
	read()
	if status == 0 {
		status = statusOf(mediaType, response)
	}
	body := live.Encode(response)
	defer a.queues.Hold(ctx, len(body))()
	write(w, mediaType, status, body)
}

// run executes an operation for who asks, unless it failed to find out who that is, and
// gives its one response; the status is 0 where it follows from the response.
func (a *API) run(r *http.Request, params *graphql.RawParams, failed error) (response *graphql.Response, status int) {
	ctx := r.Context()
	var kind ast.Operation
	defer func() {
		// gqlgen recovers what resolvers do; this is for the rest.
		if v := recover(); v != nil {
			response = a.exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(recovered(ctx, v))})
			status = http.StatusInternalServerError
		}
		a.counted.count(kind, response.Errors)
		response.Errors = a.languages.Translate(ctx, response.Errors)
	}()
	if failed != nil {
		return a.exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(failed)}), 0
	}
	op, refused := a.exec.CreateOperationContext(ctx, params)
	kind = kindOf(op)
	if refused != nil {
		return a.exec.DispatchError(graphql.WithOperationContext(ctx, op), refused), 0
	}
	if r.Method != http.MethodPost && op.Operation.Operation != ast.Query {
		return a.exec.DispatchError(ctx, gqlerror.List{
			refuse(omarty.CodeBadRequest, "A GET request may only query."),
		}), http.StatusNotAcceptable
	}
	if op.Operation.Operation == ast.Subscription {
		return a.refuseSubscription(ctx, op), 0
	}
	responses, ctx := a.exec.DispatchOperation(ctx, op)
	if response = responses(ctx); response == nil {
		// gqlgen answers nothing to who has gone, or whose time is up.
		return a.exec.DispatchError(ctx, gqlerror.List{
			refuse(omarty.CodeUnavailable, "The operation took too long."),
		}), 0
	}
	return response, 0
}

// refuseSubscription answers a subscription on a request that has one response: what
// the subscription fails with at once, else how to subscribe.
func (a *API) refuseSubscription(ctx context.Context, op *graphql.OperationContext) *graphql.Response {
	ctx, cancel := context.WithCancel(ctx)
	responses, ctx := a.exec.DispatchOperation(ctx, op)
	cancel()
	if failed := responses(ctx); failed != nil {
		return failed
	}
	return a.exec.DispatchError(ctx, gqlerror.List{
		refuse(omarty.CodeBadRequest, "Subscribe over a WebSocket (graphql-transport-ws), or with Accept: "+live.TypeEvents+"."),
	})
}

// negotiate gives the media type to answer in: "" where the client takes none of
// ours. Who does not care gets what older clients understand.
func negotiate(accept []string) string {
	header := strings.ToLower(strings.TrimSpace(strings.Join(accept, ",")))
	if header == "" {
		return typeJSON
	}
	return goautoneg.Negotiate(header, []string{typeJSON, typeResponse, live.TypeEvents})
}

// known is authenticated, where a panic is one more failure.
func (a *API) known(r *http.Request) (ctx context.Context, err error) {
	defer func() {
		if v := recover(); v != nil {
			ctx, err = r.Context(), recovered(r.Context(), v)
		}
	}()
	return a.authenticated(r)
}

// authenticated gives the request's context with who asks: nobody where no good
// token came.
func (a *API) authenticated(r *http.Request) (context.Context, error) {
	ctx := service.WithPeer(r.Context(), r.RemoteAddr)
	token := live.Bearer(r)
	if token == "" {
		return ctx, nil
	}
	by, err := a.verbs.Authenticate(ctx, omarty.Token(token))
	if err != nil {
		return ctx, faultOf(err)
	}
	by.Address = asker(ctx).Address
	a.note(ctx, by.Session, omarty.ID{})
	return service.WithAsker(ctx, by), nil
}

// problem is why a request is no GraphQL request.
type problem struct {
	status  int
	code    omarty.Code
	message string
	// cause is a failure that a verb promises, in place of the others.
	cause error
}

func badRequest(message string) *problem {
	return &problem{http.StatusBadRequest, omarty.CodeBadRequest, message, nil}
}

// isMultipart tells whether a request says that it is a multipart one.
func isMultipart(r *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mediaType == "multipart/form-data" && r.Method == http.MethodPost
}

// read gives what a request asks to run. The caller calls read, which is never nil, before
// it answers: the files of a multipart request are good until then.
func (a *API) read(w http.ResponseWriter, r *http.Request) (params *graphql.RawParams, read func(), problem *problem) {
	if !isMultipart(r) {
		params, problem = readRequest(w, r)
		return params, func() {}, problem
	}
	_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset, named := parameters["charset"]; named && !strings.EqualFold(charset, "utf-8") {
		return nil, func() {}, notUTF8()
	}
	by := asker(r.Context())
	answering := patientUpload(w, r, maxBody+maxFiles*a.maxUpload)
	params, done, problem := readMultipart(r, parameters["boundary"], &uploadLimits{left: maxBody, file: a.maxUpload, refused: by.SignedIn() != nil})
	return params, func() { done(); answering() }, problem
}

func notUTF8() *problem {
	return &problem{http.StatusUnsupportedMediaType, omarty.CodeBadRequest, "The request is in UTF-8.", nil}
}

// readRequest gives what a request asks to run that is no multipart one.
func readRequest(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if !meant(r.Header) {
			return nil, badRequest("A GET request names " + typeJSON + " or " + typeResponse + " in Accept.")
		}
		return readQuery(r)
	case http.MethodPost:
	default:
		return nil, &problem{http.StatusMethodNotAllowed, omarty.CodeBadRequest, "Send a POST request, or a GET request for a query.", nil}
	}
	mediaType, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, named := parameters["charset"]
	switch {
	case err != nil, mediaType != typeJSON:
		return nil, badRequest("The request's content type is " + typeJSON + ".")
	case named && !strings.EqualFold(charset, "utf-8"):
		return nil, notUTF8()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch large := (*http.MaxBytesError)(nil); {
	case errors.As(err, &large):
		// Many clients read no answer before they have sent all.
		_, _ = io.CopyN(io.Discard, r.Body, maxDiscarded)
		return nil, tooLarge()
	case err != nil:
		return nil, badRequest("The request broke off.")
	}
	if err := turnOf(r.Context()).look(r.Context(), len(body)/bytesOfBodyUnit); err != nil {
		return nil, &problem{cause: err}
	}
	return readJSON(body)
}

// meant tells whether a GET request is meant for GraphQL: browsers send others of their
// own, for an image or a link of any page, and say then that they accept anything. What a
// script of a page sends says that it is held to CORS (Fetch Metadata).
func meant(h http.Header) bool {
	accept := strings.ToLower(strings.Join(h.Values("Accept"), ","))
	return accept == "" || h.Get("Sec-Fetch-Mode") == "cors" || strings.Contains(accept, "json") || strings.Contains(accept, live.TypeEvents) ||
		h.Get("Content-Type") != "" || preflighted(h)
}

func readQuery(r *http.Request) (*graphql.RawParams, *problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The request's URL is malformed.")
	}
	params := &graphql.RawParams{
		// Cut loose from the URL, which a cache would keep whole with them.
		Query:         strings.Clone(query.Get("query")),
		OperationName: query.Get("operationName"),
		Headers:       r.Header,
	}
	for _, p := range []struct {
		name   string
		target *map[string]any
	}{{"variables", &params.Variables}, {"extensions", &params.Extensions}} {
		if text := query.Get(p.name); text != "" && decode([]byte(text), p.target) != nil {
			return nil, badRequest("The parameter " + p.name + " is a JSON object.")
		}
	}
	return checked(params)
}

func readJSON(body []byte) (*graphql.RawParams, *problem) {
	// What is null stays empty, as what is missing; what is of a wrong type fails.
	var params graphql.RawParams
	switch err := decode(body, &params); {
	case errors.Is(err, errTooManyValues):
		return nil, tooLarge()
	case err != nil:
		return nil, badRequest("The request is a JSON object with query, operationName, variables and extensions.")
	}
	return checked(&params)
}

func checked(params *graphql.RawParams) (*graphql.RawParams, *problem) {
	if _, persisted := params.Extensions["persistedQuery"]; params.Query == "" && !persisted {
		return nil, badRequest("The request has no query.")
	}
	return params, nil
}

var errTooManyValues = errors.New("too many values")

// decode reads one JSON value and nothing after it. Numbers stay as they were
// written.
func decode(text []byte, target any) error {
	if live.HasTooManyValues(text) {
		return errTooManyValues
	}
	if !utf8.Valid(text) {
		return errors.New("no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(target); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// refuseProblem answers what is no GraphQL request.
func (a *API) refuseProblem(w http.ResponseWriter, r *http.Request, mediaType string, p *problem) {
	if p.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, POST")
	}
	if p.cause != nil {
		response := a.exec.DispatchError(r.Context(), gqlerror.List{gqlerror.Wrap(p.cause)})
		response.Errors = a.languages.Translate(r.Context(), response.Errors)
		write(w, mediaType, statusOf(mediaType, response), live.Encode(response))
		return
	}
	a.refuseRequest(w, r, mediaType, p.status, p.code, p.message)
}

// refuseRequest answers a request that is none.
func (a *API) refuseRequest(w http.ResponseWriter, r *http.Request, mediaType string, status int, code omarty.Code, message string) {
	response := a.exec.DispatchError(r.Context(), gqlerror.List{refuse(code, message)})
	response.Errors = a.languages.TranslateNow(r.Context(), response.Errors) // nobody knows who asks
	write(w, mediaType, status, live.Encode(response))
}

// statusOf gives the status that belongs to a response. Clients that take only
// application/json read failures from the body, so for them it is 200.
func statusOf(mediaType string, response *graphql.Response) int {
	if mediaType == typeJSON || len(response.Errors) == 0 || response.Data != nil {
		return http.StatusOK
	}
	switch code, _ := response.Errors[0].Extensions["code"].(string); omarty.Code(code) {
	case omarty.CodeUnavailable:
		return http.StatusServiceUnavailable
	case omarty.CodeInternal:
		return http.StatusInternalServerError
	case codePersistedQueryNotFound:
		return http.StatusOK
	}
	return http.StatusBadRequest
}

func write(w http.ResponseWriter, mediaType string, status int, body []byte) {
	w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
	w.WriteHeader(status)
	// Who has gone does not read the answer, and nobody else wants to know.
	_, _ = w.Write(body)
}
