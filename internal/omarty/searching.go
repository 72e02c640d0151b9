package omarty

// Search asks for a page of the messages that have all of some words, in the rooms that
// a person is in, the newest first.
type Search struct {
	// Of is the person.
	Of    ID
	Terms []Term
	// Building, Room and Author keep those of one; zero for any.
	Building, Room, Author ID
	Page
}
