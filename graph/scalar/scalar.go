// Package scalar writes and reads the scalars of the public schema.
package scalar

import (
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/omarty/chat/internal/omarty"
)

// MarshalID writes an id; null for the zero one.
func MarshalID(id omarty.ID) graphql.Marshaler {
	if id.IsZero() {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = w.Write(AppendID(nil, id))
	})
}

// AppendID appends an id, which is not zero, as MarshalID writes it.
func AppendID(to []byte, id omarty.ID) []byte { return append(id.Append(append(to, '"')), '"') }

// UnmarshalID reads an id. What cannot be one becomes the ID that names
// nothing: to who asks, ids that never were are all alike.
func UnmarshalID(v any) (omarty.ID, error) {
	s, err := graphql.UnmarshalID(v)
	if err != nil {
		return omarty.ID{}, err
	}
	id, ok := omarty.ParseID(s)
	if !ok {
		return omarty.Nothing, nil
	}
	return id, nil
}

// MarshalIDText writes an id that came as text.
func MarshalIDText(id string) graphql.Marshaler { return graphql.MarshalString(id) }

// UnmarshalIDText reads an id as it was sent, whatever it names.
func UnmarshalIDText(v any) (string, error) { return graphql.UnmarshalID(v) }

// timeLayout is RFC 3339 in UTC with up to microseconds.
const timeLayout = "2006-01-02T15:04:05.999999Z"

// MarshalTime writes a moment as RFC 3339 in UTC.
func MarshalTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = w.Write(AppendTime(nil, t))
	})
}

// AppendTime appends a moment as MarshalTime writes it.
func AppendTime(to []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(to, '"'), timeLayout), '"')
}

// UnmarshalTime reads a moment as RFC 3339 has it, with any offset, and cuts it
// to the microsecond.
func UnmarshalTime(v any) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, errors.New("a Time is a string")
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	t = t.UTC().Truncate(time.Microsecond)
	if err != nil || !rfc3339.MatchString(s) || t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, errors.New("a Time is written as in RFC 3339")
	}
	return t, nil
}

// rfc3339 is the form; what Go reads besides (one digit for an hour, a comma, an
// offset of 60 minutes) is none.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// MarshalPhoneNumber writes a phone number in E.164.
func MarshalPhoneNumber(p omarty.Phone) graphql.Marshaler {
	return graphql.MarshalString(string(p))
}

// UnmarshalPhoneNumber is there for gqlgen alone: no input has this type.
func UnmarshalPhoneNumber(v any) (omarty.Phone, error) {
	s, err := graphql.UnmarshalString(v)
	return omarty.Phone(s), err
}
