package omarty

import "time"

// Rate is how often something may be done: a token bucket. Each key, such as an
// address, has its own.
type Rate struct {
	// Name tells buckets of one key apart.
	Name string
	// Burst is how often in a row, 1 or more.
	Burst int
	// Every is how long it takes to earn one more.
	Every time.Duration
}

// Bucket is the bucket of a rate that belongs to one key.
type Bucket struct {
	Rate
	// Mark stands for the rate's name and the key: of whom it is, it does not tell.
	Mark []byte
}

// Crowd is how many of something may be there at once. Each key, such as an address, has
// its own.
type Crowd struct {
	// Name tells crowds of one key apart.
	Name string
	// Most is how many, 1 or more.
	Most int
}
