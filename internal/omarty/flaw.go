package omarty

// Flaw is something that is wrong with an installation, as its operator is told.
type Flaw struct {
	// What says what is wrong, with the ids of what it is about and nothing that people
	// wrote; Advice what to do about it.
	What, Advice string
}
