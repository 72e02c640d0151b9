// Package told is what the servers that a benchmark starts tell it.
package told

// Place is where a server listens, and what is there.
type Place struct {
	URL   string
	Rooms []string
	// Token is a person's who is in each of the rooms.
	Token string
}
