package omarty

import "time"

const (
	// MaxReasonLength is how many characters the reason of a report may have, as
	// NormalizeText counts them.
	MaxReasonLength = 1000
	// MaxBlocks is how many people somebody may have blocked.
	MaxBlocks = 1000
)

// Report is that somebody asked a building's managers to look at a message.
type Report struct {
	ID ID
	// Building is whose managers look.
	Building ID
	Message  ID
	Room     ID
	// Author and Reporter are zero for people who erased their account.
	Author, Reporter ID
	// Text is how the message read when it was reported.
	Text      string
	Reason    string
	CreatedAt time.Time
	// ResolvedAt is nil for an open one.
	ResolvedAt *time.Time
	ResolvedBy ID
}

// IsNode marks Report as a Node.
func (Report) IsNode() {}

// NormalizeReason is NormalizeText for the reason of a report, which has up to
// MaxReasonLength characters.
func NormalizeReason(raw string) (string, error) {
	text, err := NormalizeText(raw)
	if err == nil && characters(text) > MaxReasonLength {
		return "", errTooLong(MaxReasonLength)
	}
	return text, err
}

// AuditFilter keeps lines of the audit log.
type AuditFilter struct {
	// Building is whose part; zero for all of it.
	Building ID
	// Since is the moment of the first one; zero for the first of all.
	Since time.Time
}
