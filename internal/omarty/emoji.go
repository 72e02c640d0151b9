package omarty

// Emoji is one emoji of Unicode's list, fully qualified.
type Emoji string
