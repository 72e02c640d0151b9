package live

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// subprotocol is what a socket speaks
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md), and all that
// it speaks: not the older one that is called graphql-ws.
const subprotocol = "graphql-transport-ws"

// messageType is the type of a message.
type messageType string

// The types of messages.
const (
	connectionInit messageType = "connection_init"
	connectionAck  messageType = "connection_ack"
	ping           messageType = "ping"
	pong           messageType = "pong"
	subscribe      messageType = "subscribe"
	next           messageType = "next"
	failed         messageType = "error"
	complete       messageType = "complete"
)

// maxID is how many bytes the id of an operation may have.
const maxID = 128

// message is what a client sent.
type message struct {
	kind messageType
	// id is that of the operation, of subscribe and complete.
	id string
	// payload is a JSON object; nil for null and for none.
	payload json.RawMessage
	// params is what a subscribe asks to run.
	params *graphql.RawParams
}

// parseMessage reads a message. What the protocol does not have, or only has for
// the other direction, is malformed. Names are the protocol's in their letters'
// case, too, so the messages are read member by member.
func parseMessage(text []byte) (message, error) {
	members, ok := object(text)
	if !ok {
		return message{}, malformed
	}
	var m message
	if !str(members["type"], (*string)(&m.kind)) {
		return message{}, malformed
	}
	switch m.kind {
	case connectionInit, ping, pong:
		m.payload, ok = members["payload"], true
		if isNull(m.payload) {
			m.payload = nil
		} else {
			_, ok = object(m.payload)
		}
	case subscribe:
		m.params, ok = parseParams(members["payload"])
		ok = ok && parseID(members["id"], &m.id)
	case complete:
		ok = parseID(members["id"], &m.id)
	default:
		ok = false
	}
	if !ok {
		return message{}, malformed
	}
	return m, nil
}

// parseParams reads the payload of a subscribe.
func parseParams(text json.RawMessage) (*graphql.RawParams, bool) {
	members, ok := object(text)
	if !ok {
		return nil, false
	}
	p := &graphql.RawParams{}
	if !str(members["query"], &p.Query) {
		return nil, false
	}
	if name := members["operationName"]; !isNull(name) && !str(name, &p.OperationName) {
		return nil, false
	}
	for name, target := range map[string]*map[string]any{"variables": &p.Variables, "extensions": &p.Extensions} {
		if text := members[name]; !isNull(text) && decode(text, target) != nil {
			return nil, false
		}
	}
	return p, true
}

func parseID(text json.RawMessage, id *string) bool {
	return str(text, id) && *id != "" && len(*id) <= maxID
}

// tokenOf gives the token in the payload of a connection_init: "" for none.
// ErrBadToken where it cannot be one.
func tokenOf(payload json.RawMessage) (string, error) {
	members, _ := object(payload)
	text := members["token"]
	if isNull(text) {
		return "", nil
	}
	var token string
	if !str(text, &token) {
		return "", ErrBadToken
	}
	return token, nil
}

// object reads the members of a JSON object; false where text is none.
func object(text json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	return members, json.Unmarshal(text, &members) == nil && members != nil
}

// str reads a JSON string; false where text is none.
func str(text json.RawMessage, target *string) bool {
	return len(text) > 0 && text[0] == '"' && json.Unmarshal(text, target) == nil
}

func isNull(text json.RawMessage) bool { return len(text) == 0 || string(text) == "null" }

// MaxValues is how many values the JSON of a request may have: no verb takes more than
// 1,000 things of five. A value that is read takes up to 300 bytes for the two that it has.
const MaxValues = 10_000

// HasTooManyValues tells, before JSON is read, whether it has more than MaxValues.
func HasTooManyValues(text []byte) bool {
	values, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			values++
		}
	}
	return values > MaxValues
}

// decode reads a JSON value. Numbers stay as they were written.
func decode(text []byte, target any) error {
	if HasTooManyValues(text) {
		return malformed
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(target); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return malformed
	}
	return nil
}

// newMessage gives a message of the server's: id is a JSON string, and payload
// JSON; each may be nil, for none.
func newMessage(kind messageType, id, payload []byte) []byte {
	b := make([]byte, 0, len(`{"type":"connection_ack","id":,"payload":}`)+len(id)+len(payload))
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, '"')
	if id != nil {
		b = append(append(b, `,"id":`...), id...)
	}
	if payload != nil {
		b = append(append(b, `,"payload":`...), payload...)
	}
	return append(b, '}')
}

// Encode gives a response as clients read it, in one line. What did not run has
// no data, not even null.
func Encode(response *graphql.Response) []byte {
	if len(response.Errors) == 0 && len(response.Extensions) == 0 && len(response.Data) > 0 && !bytes.ContainsRune(response.Data, '\n') {
		// The data is JSON, on one line: encoding/json would read it twice to be sure.
		text := make([]byte, 0, len(response.Data)+len(`{"data":}`))
		return append(append(append(text, `{"data":`...), response.Data...), '}')
	}
	return encode(struct {
		Errors     gqlerror.List   `json:"errors,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"`
		Extensions map[string]any  `json:"extensions,omitempty"`
	}{response.Errors, response.Data, response.Extensions})
}

func encode(v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // gqlgen made the data, and we the rest
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
