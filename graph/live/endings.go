package live

import (
	"cmp"
	"strconv"
	"time"

	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
)

// codeTooSlow is of this door alone, so the ground has no name for it.
const codeTooSlow omarty.Code = "TOO_SLOW"

// ending is why a connection ends, as the client is told. A client takes some
// codes as final and comes back after the others (house rule: those of the npm
// package graphql-ws), so each ending stands with those of its kind.
type ending struct {
	// code and reason are those of the close frame: at most maxReason bytes, with
	// nothing of what the client sent but the id of an operation.
	code   ws.StatusCode
	reason string
	// logged is what the log says in place of the reason, which may have something of the
	// client's; "" where it has not.
	logged string
	// toStreams is what each subscription of a socket is told before the close
	// frame; nil where that says it all.
	toStreams *gqlerror.Error
	// event is what an SSE stream is told, which has no close frame; nil where it is
	// cut.
	event *gqlerror.Error
	// silent says that what waits to be sent is not sent any more.
	silent bool
}

// forLog gives why it ends as the log has it, with nothing of the client's.
func (e *ending) forLog() string { return cmp.Or(e.logged, e.reason) }

// Error makes an ending the error of whatever found the reason for it.
func (e *ending) Error() string { return e.reason }

// Come back: nothing is wrong with the client, or it may be better next time.
var (
	// initTimeout: no connection_init came in time.
	initTimeout = &ending{code: 4408, reason: "Connection initialisation timeout"}
	// unavailable: nobody can tell now whether the token is good.
	unavailable = &ending{code: 1013, reason: "Try again later"}
	// tooSlow: the client took nothing for 30 s.
	tooSlow = &ending{
		code: 1013, reason: "Too slow",
		toStreams: failure(codeTooSlow, "Nothing was taken for too long; come back for the rest."),
	}
)

// crowded: the person has too many connections, or too many came in a row.
func crowded(wait time.Duration) *ending {
	return &ending{code: 1013, reason: "Too many connections; retry-after-ms=" + strconv.FormatInt(wait.Milliseconds(), 10)}
}

// restarting: the server drains.
func restarting() *ending {
	return &ending{
		code: 1012, reason: retryAfter(), logged: "The server stops",
		event: stopping,
	}
}

// trickling: a message that has begun does not come to its end.
var trickling = &ending{code: 1013, reason: "Too slow"}

// Stay away: the same client would fail in the same way.
var (
	// malformed: a message that the protocol does not have.
	malformed = &ending{code: 4400, reason: "Invalid message received"}
	// unauthorized: an operation before the acknowledgement, or a token that is not
	// good.
	unauthorized = &ending{code: 4401, reason: "Unauthorized"}
	// sessionEnded: the session was revoked, or has expired.
	sessionEnded = &ending{
		code: 4401, reason: "Session ended", silent: true,
		event: failure(omarty.CodeUnauthenticated, "The session has ended."),
	}
	// fault: a panic, which is the server's; the same message would bring it again.
	fault = &ending{code: ws.StatusInternalServerError, reason: "A fault of the server"}
	// initTwice: a second connection_init.
	initTwice = &ending{code: 4429, reason: "Too many initialisation requests"}
	// flooding: pings and the like beyond the limit.
	flooding = &ending{code: 4429, reason: "Too many messages"}
	// tooBig: a message beyond the limit.
	tooBig = &ending{code: ws.StatusMessageTooBig, reason: "A message may have 1 MB"}
	// notUTF8 and brokenFrame: what RFC 6455 does not allow.
	notUTF8     = &ending{code: ws.StatusInvalidFramePayloadData, reason: "Text is UTF-8"}
	brokenFrame = &ending{code: ws.StatusProtocolError, reason: "Not a frame of RFC 6455"}
)

// duplicate: an operation under an id that is in use.
func duplicate(id string) *ending {
	reason := "Subscriber for " + id + " already exists"
	if len(reason) > maxReason {
		reason = "Subscriber already exists"
	}
	return &ending{code: 4409, reason: reason, logged: "An operation's id was in use"}
}

// lost: the connection broke off, and there is nobody to tell.
var lost = &ending{code: ws.StatusGoingAway, logged: "The connection broke off", silent: true}

// closedByClient answers a close frame with its code.
func closedByClient(payload []byte) *ending {
	code, reason := ws.ParseCloseFrameData(payload)
	switch {
	case len(payload) == 0:
		code = ws.StatusNormalClosure
	case len(payload) == 1, ws.CheckCloseFrameData(code, reason) != nil && code != 1012 && code != 1013 && code != 1014:
		return brokenFrame
	}
	return &ending{code: code, logged: "The client closed it", silent: true}
}

// maxReason is how many bytes RFC 6455 leaves for the reason in a close frame.
const maxReason = ws.MaxControlFramePayloadSize - 2

// stopping refuses what comes too late.
var stopping = failure(omarty.CodeUnavailable, "The server is about to stop; come back in a moment.")

// tooMany refuses a subscription; its socket stays.
var tooMany = failure(omarty.CodeTooLarge, "A socket may have 50 subscriptions.")

func failure(code omarty.Code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": string(code)}}
}
