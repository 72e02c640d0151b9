// Package compat is the legacy door: the form posts of apps in the field, which
// cannot be changed, and their answers to the letter. It has no rules of its own;
// it runs the mutation of the GraphQL API that does the same.
package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// RegisterPath is where the form is posted to, with or without the last slash.
const RegisterPath = "/omartyapis/Auth/Register/"

// operationTime bounds how long a registration may take.
const operationTime = 30 * time.Second

// registerDocument is what the form means.
const registerDocument = `mutation LegacyRegister($input: RegisterInput!) { register(input: $input) { user { id } } }`

// Register answers the register form by the mutation of the executor, which runs
// for the peer's address. A password needs minPassword characters or more.
func Register(exec graphql.GraphExecutor, minPassword int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, refused := readForm(w, r)
		if refused != nil {
			refused.write(w)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), operationTime)
		defer cancel()
		ctx = service.WithPeer(service.WithMinPassword(ctx, minPassword), r.RemoteAddr)
		translate(run(ctx, exec, f.input()), f).write(w)
	})
}

// run executes the mutation.
func run(ctx context.Context, exec graphql.GraphExecutor, input map[string]any) *graphql.Response {
	ctx = graphql.StartOperationTrace(ctx)
	op, refused := exec.CreateOperationContext(ctx, &graphql.RawParams{
		Query:     registerDocument,
		Variables: map[string]any{"input": input},
	})
	if refused != nil {
		return exec.DispatchError(graphql.WithOperationContext(ctx, op), refused)
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	return responses(ctx)
}

// tookTooLong stands for the response that gqlgen does not give to who has gone, or
// whose time is up.
var tookTooLong = &graphql.Response{Errors: gqlerror.List{{
	Extensions: map[string]any{"code": string(omarty.CodeUnavailable)},
}}}

// input gives the form as the mutation's. Coordinates that are missing, no
// numbers or off the globe were not given: phones without the permission send
// such, and it must not stop a registration.
func (f form) input() map[string]any {
	input := map[string]any{
		"phone":           f["pnum"],
		"email":           f["email"],
		"password":        f["password"],
		"confirmPassword": f["confirmPassword"],
		"name":            f["name"],
	}
	longitude, errLongitude := strconv.ParseFloat(strings.TrimSpace(f["longitude"]), 64)
	latitude, errLatitude := strconv.ParseFloat(strings.TrimSpace(f["latitude"]), 64)
	if errLongitude == nil && errLatitude == nil {
		if _, err := omarty.NewCoordinates(&longitude, &latitude); err == nil {
			input["longitude"], input["latitude"] = longitude, latitude
		}
	}
	return input
}

// translate gives the answer for what the mutation gave.
func translate(response *graphql.Response, f form) answer {
	if response == nil {
		response = tookTooLong
	}
	if len(response.Errors) == 0 {
		return answer{Status: http.StatusOK, Data: "A new record added"}
	}
	extensions := response.Errors[0].Extensions
	code, _ := extensions["code"].(string)
	field, _ := extensions["field"].(string)
	_, tooLong := extensions["maxLength"]
	name := fieldNames[field]
	switch omarty.Code(code) {
	case omarty.CodeEmailTaken:
		return refusal(http.StatusForbidden, "email already exist.")
	case omarty.CodePhoneTaken:
		return refusal(http.StatusForbidden, "Phone number already exist.")
	case omarty.CodePasswordMismatch:
		return refusal(http.StatusUnauthorized, "password dosn't match confirm password.")
	case omarty.CodePasswordTooWeak:
		return refusal(http.StatusUnauthorized, "password is too short.")
	case omarty.CodeRequired:
		if name == "name" {
			return refusal(http.StatusBadRequest, "Please enter your name.")
		}
		return refusal(http.StatusBadRequest, "Please enter your data (pnum / email / password / confirmPassword).")
	case omarty.CodeInvalidInput:
		switch {
		case tooLong:
			return refusal(http.StatusBadRequest, name+" is too long.")
		case name == "email":
			return refusal(http.StatusForbidden, strings.TrimSpace(f["email"])+" is not a valid email address")
		case name == "pnum":
			return refusal(http.StatusForbidden, strings.TrimSpace(f["pnum"])+" is not a valid Phone Number")
		}
		return refusal(http.StatusBadRequest, name+" has characters that it cannot have.")
	case omarty.CodeRateLimited:
		a := refusal(http.StatusTooManyRequests, "Too many attempts, please try again later.")
		a.retryAfter, _ = extensions["retryAfter"].(int)
		return a
	case omarty.CodeUnavailable:
		return refusal(http.StatusServiceUnavailable, "The service is not available now, please try again later.")
	}
	return refusal(http.StatusInternalServerError, "Something went wrong, please try again later.")
}

// fieldNames are the form's names of the mutation's inputs.
var fieldNames = map[string]string{
	"input.phone":           "pnum",
	"input.email":           "email",
	"input.password":        "password",
	"input.confirmPassword": "confirmPassword",
	"input.name":            "name",
}

// answer is what a client gets: keys in this order, one of Data and Message.
type answer struct {
	Status     int    `json:"status"`
	Data       string `json:"data,omitempty"`
	Message    string `json:"message,omitempty"`
	retryAfter int
}

func refusal(status int, message string) answer {
	return answer{Status: status, Message: message}
}

func (a answer) write(w http.ResponseWriter) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		panic(err) // a number and two texts
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.Status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	w.WriteHeader(a.Status)
	// Who has gone does not read the answer, and nobody else wants to know.
	_, _ = w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}
