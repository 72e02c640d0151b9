package graph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// codePersistedQueryNotFound is of this door alone, so the ground has no name for
// it.
const codePersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND"

// fault is an error that no client is told of: what a resolver gave beside the
// failures that verbs promise, or a panic.
type fault struct {
	cause error
	stack string // of a panic, else ""
}

func (f fault) Error() string { return f.cause.Error() }
func (f fault) Unwrap() error { return f.cause }

// recovered makes a fault of a panic.
func recovered(_ context.Context, v any) error {
	return fault{cause: fmt.Errorf("panic: %v", v), stack: string(debug.Stack())}
}

// presentError gives any error as the contract has it: a code, and never a word
// of what was sent.
func (a *API) presentError(ctx context.Context, err error) *gqlerror.Error {
	presented := graphql.DefaultErrorPresenter(ctx, err)
	known, ok := errors.AsType[*omarty.Error](err)
	switch {
	case ok && known.Code != omarty.CodeInternal:
		if known.Cause != nil {
			a.log.WarnContext(ctx, "refused", "code", known.Code, "cause", known.Cause)
		}
		return &gqlerror.Error{
			Message: known.Message, Path: presented.Path, Locations: presented.Locations,
			Extensions: extensionsOf(known),
			Err:        known, // for who translates it
		}
	case ok || isFault(err, presented):
		return a.presentFault(ctx, err, presented)
	}
	code, message := a.names.refusal(presented)
	refused := &gqlerror.Error{
		Message: message, Path: presented.Path, Locations: presented.Locations,
		Extensions: map[string]any{"code": string(code)},
	}
	if graphql.GetFieldContext(ctx) == nil {
		// The path into the variables that gqlparser gives is of the client's making.
		refused.Path = nil
	}
	return refused
}

func extensionsOf(e *omarty.Error) map[string]any {
	x := map[string]any{"code": string(e.Code)}
	if e.Field != "" {
		x["field"] = e.Field
	}
	if e.MaxLength != 0 {
		x["maxLength"] = e.MaxLength
	}
	if e.RetryAfter != 0 {
		x["retryAfter"] = int(math.Ceil(e.RetryAfter.Seconds()))
	}
	if e.Seq != 0 {
		x["seq"] = e.Seq
	}
	if !e.Posted.IsZero() {
		x["message"] = e.Posted.String()
	}
	return x
}

// isFault tells a fault of the server from what gqlgen refuses of a request. The
// generated code says in these words that a resolver broke its promise.
func isFault(err error, presented *gqlerror.Error) bool {
	var f fault
	return errors.As(err, &f) || presented.Message == "must not be null"
}

func (a *API) presentFault(ctx context.Context, err error, presented *gqlerror.Error) *gqlerror.Error {
	id := a.requestID(ctx)
	attributes := []any{"error", err, "path", presented.Path.String()}
	var f fault
	if errors.As(err, &f) && f.stack != "" {
		attributes = append(attributes, "stack", f.stack)
	}
	a.log.ErrorContext(ctx, "fault", attributes...)
	return &gqlerror.Error{
		Message: "A fault of the server.", Path: presented.Path, Locations: presented.Locations,
		Extensions: map[string]any{"code": string(omarty.CodeInternal), "requestId": id},
	}
}

const (
	// maxMessage bounds what is said of a request that is refused, in bytes.
	maxMessage = 300
	// maxRedacted bounds the messages whose words are looked at one by one: a longer
	// one quotes something that is no name of the schema.
	maxRedacted = 2000
)

// names are those that the schema has, and so the words of a message that may be
// said.
type names map[string]bool

func namesOf(schema *ast.Schema) names {
	known := names{"true": true, "false": true, "null": true, "query": true, "mutation": true, "subscription": true}
	arguments := func(list ast.ArgumentDefinitionList) {
		for _, a := range list {
			known[a.Name] = true
		}
	}
	for name, t := range schema.Types {
		known[name] = true
		for _, f := range t.Fields {
			known[f.Name] = true
			arguments(f.Arguments)
		}
		for _, v := range t.EnumValues {
			known[v.Name] = true
		}
	}
	for name, d := range schema.Directives {
		known[name] = true
		arguments(d.Arguments)
	}
	return known
}

var (
	quotedText   = regexp.MustCompile(`"[^"]*"`)
	word         = regexp.MustCompile(`[^\s\[\]!$@.,:()]+`)
	expectedText = regexp.MustCompile(`^Expected ([^\s,]+), found`)
)

// refusal gives the code and the message for what gqlgen refuses of a request
// before a resolver sees it. gqlparser's messages help, and quote the request; so
// of what they quote only the schema's own names stay.
func (n names) refusal(e *gqlerror.Error) (omarty.Code, string) {
	switch code, _ := e.Extensions["code"].(string); code {
	case errcode.ParseFailed:
		if strings.HasPrefix(e.Message, "exceeded ") {
			return omarty.CodeTooLarge, "The document is too large: it has too many tokens or is nested too deep."
		}
		if expected := expectedText.FindStringSubmatch(e.Message); expected != nil {
			return omarty.CodeBadRequest, "The document does not parse: expected " + expected[1] + "."
		}
		return omarty.CodeBadRequest, "The document does not parse."
	case errcode.ValidationFailed:
		if strings.HasPrefix(e.Message, "exceeded ") { // of overlappingFields
			return omarty.CodeTooLarge, "The document is too large: its fields overlap too much."
		}
		if len(e.Path) > 0 {
			return omarty.CodeBadRequest, n.variableRefusal(e)
		}
		return omarty.CodeBadRequest, n.redact(e.Message)
	case codePersistedQueryNotFound:
		return codePersistedQueryNotFound, e.Message
	case "":
		if strings.Contains(e.Message, "APQ") {
			return omarty.CodeBadRequest, e.Message
		}
		return omarty.CodeBadRequest, "A value does not fit its type."
	default: // one of ours
		return omarty.Code(code), e.Message
	}
}

// variableRefusal says which variable does not fit, as far as its path is made of
// the schema's names.
func (n names) variableRefusal(e *gqlerror.Error) string {
	path := make([]string, 0, len(e.Path))
	for i, p := range e.Path {
		name, isName := p.(ast.PathName)
		switch {
		case i == 0 && name == "variable":
		case isName && n[string(name)]:
			path = append(path, string(name))
		case isName:
			path = append(path, "…")
		default:
			path = append(path, fmt.Sprint(p))
		}
	}
	what := "does not fit its type"
	switch e.Message {
	case "must be defined", "cannot be null", "unknown field":
		what = e.Message
	}
	return cut(fmt.Sprintf("Variable $%s: %s.", strings.Join(path, "."), what))
}

// redact takes out of a message what is neither English nor the schema's.
func (n names) redact(message string) string {
	switch {
	case strings.HasPrefix(message, "operation "): // gqlgen quotes the name without quotation marks
		return "The document has no operation of that name."
	case message == "no operation provided":
		return "The document has no operation."
	}
	if len(message) > maxRedacted {
		return "The document does not fit the schema."
	}
	// A value comes last in its message, with or without quotation marks in it.
	for _, mark := range []string{"value: ", ", found "} {
		if before, _, ok := strings.Cut(message, mark); ok {
			message = strings.TrimSuffix(before+strings.TrimRight(mark, ": "), ", found") + "."
		}
	}
	return cut(quotedText.ReplaceAllStringFunc(message, func(quoted string) string {
		for _, w := range word.FindAllString(strings.Trim(quoted, `"`), -1) {
			if !n[w] {
				return `"…"`
			}
		}
		return quoted
	}))
}

func cut(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "…"
}
