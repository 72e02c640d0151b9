package omarty

// Mention is a person named in a text.
type Mention struct {
	// User is who is named; zero for people who erased their account.
	User ID
	// Start and Length are where, in UTF-16 units of the text.
	Start, Length int
}
