package omarty

import (
	"fmt"
	"slices"
	"time"
)

const (
	// MaxQuestionLength is how many characters a poll's question may have, as
	// NormalizeName counts them.
	MaxQuestionLength = 300
	// MaxOptionLength is how many an option may have.
	MaxOptionLength = 100
	// MinOptions is how many options a poll has at the least.
	MinOptions = 2
	// MaxOptions is how many it has at the most.
	MaxOptions = 20
	// MaxChosen is how many options a vote may name.
	MaxChosen = 100
)

// NewPoll is a poll to be posted with a message.
type NewPoll struct {
	Question       string
	Options        []string
	MultipleChoice bool
	// PerApartment tells whether each apartment has a vote, and not each person.
	PerApartment bool
	// ClosesAt is nil where it does not close.
	ClosesAt *time.Time
}

// Normalize gives the poll as it is kept: its texts as NormalizeName has them, its end to
// the microsecond. TOO_LARGE for more than MaxOptions; REQUIRED or INVALID_INPUT, each
// with its field, for what else cannot be, two options that read the same among it.
func (p NewPoll) Normalize() (NewPoll, error) {
	var err error
	if p.Question, err = NormalizeName(p.Question, MaxQuestionLength); err != nil {
		return p, At(err, "question")
	}
	switch {
	case len(p.Options) > MaxOptions:
		return p, Errorf(CodeTooLarge, "A poll has %d options at most.", MaxOptions).At("options")
	case len(p.Options) < MinOptions:
		return p, Errorf(CodeInvalidInput, "A poll has %d options or more.", MinOptions).At("options")
	}
	options, seen := make([]string, len(p.Options)), map[string]bool{}
	for i, raw := range p.Options {
		field := fmt.Sprintf("options.%d", i)
		if options[i], err = NormalizeName(raw, MaxOptionLength); err != nil {
			return p, At(err, field)
		}
		if seen[options[i]] {
			return p, Errorf(CodeInvalidInput, "Two options are the same.").At(field)
		}
		seen[options[i]] = true
	}
	p.Options = options
	if p.ClosesAt != nil {
		at := p.ClosesAt.UTC().Truncate(time.Microsecond)
		p.ClosesAt = &at
	}
	return p, nil
}

// Poll is the question of a message.
type Poll struct {
	// ID has the row of its message.
	ID       ID
	Room     ID
	Question string
	// Options are in their order, MinOptions to MaxOptions.
	Options        []PollOption
	MultipleChoice bool
	PerApartment   bool
	// ClosesAt is when it will close by itself; nil for never.
	ClosesAt *time.Time
	// ClosedAt is when it was closed; nil while it is open.
	ClosedAt *time.Time
	// VoterCount is how many have voted: apartments, or people.
	VoterCount int
}

// IsNode marks Poll as a Node.
func (Poll) IsNode() {}

// Chosen gives the options that a vote chooses, in their order.
func (p Poll) Chosen(c Choices) []PollOption {
	chosen := []PollOption{}
	for i, option := range p.Options {
		if c&(1<<i) != 0 {
			chosen = append(chosen, option)
		}
	}
	return chosen
}

// Choose gives what a vote for options chooses, each once: NOT_FOUND, with its place in
// the list, for one that is not of the poll, and INVALID_INPUT for several where one may
// be chosen.
func (p Poll) Choose(options []ID) (Choices, error) {
	var c Choices
	for i, id := range options {
		n := slices.IndexFunc(p.Options, func(o PollOption) bool { return o.ID == id })
		if n < 0 {
			return 0, Errorf(CodeNotFound, "It does not exist.").At(fmt.Sprintf("options.%d", i))
		}
		c |= 1 << n
	}
	if !p.MultipleChoice && c&(c-1) != 0 {
		return 0, Errorf(CodeInvalidInput, "One option is chosen.").At("options")
	}
	return c, nil
}

// Count gives the poll after a voter's vote has become another one.
func (p Poll) Count(was, is Choices) Poll {
	p.Options = slices.Clone(p.Options)
	for i := range p.Options {
		p.Options[i].VoteCount += int(is>>i&1) - int(was>>i&1)
	}
	if was == 0 && is != 0 {
		p.VoterCount++
	}
	if was != 0 && is == 0 {
		p.VoterCount--
	}
	return p
}

// Choices are which of a poll's options a vote chooses: bit n is set for the n-th, from
// 0. None are set where there is no vote.
type Choices int64

// Closed tells whether the log has said that it is closed.
func (p Poll) Closed() bool { return p.ClosedAt != nil }

// Open tells whether votes are taken at a moment: not after its end, also before the
// log says so.
func (p Poll) Open(now time.Time) bool {
	return p.ClosedAt == nil && (p.ClosesAt == nil || now.Before(*p.ClosesAt))
}

// PollOption is what can be voted for.
type PollOption struct {
	ID        ID
	Text      string
	VoteCount int
}

// Ballot is a vote.
type Ballot struct {
	// Poll is the id of what it is a vote in.
	Poll ID
	// Apartment is whose vote it is; zero where people vote for themselves.
	Apartment ID
	// Choices are which options it chooses; one at least.
	Choices Choices
	// Options are those, in their order, where they were read.
	Options []PollOption
}

// Notice is that a message asks apartments to confirm its present text.
type Notice struct {
	// ID has the row of its message.
	ID   ID
	Room ID
	// ApartmentCount is how many apartments are asked: those with a resident when the
	// text was written. AcknowledgedCount is how many of them have confirmed it.
	ApartmentCount, AcknowledgedCount int
}

// IsNode marks Notice as a Node.
func (Notice) IsNode() {}
