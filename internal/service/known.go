package service

import (
	"crypto/sha256"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// knownFor is for how long a session that was read is taken to be good, which is how
	// late this node may notice that another one ended it.
	knownFor = time.Second
	// maxKnown is how many sessions are known at the most: those that asked last.
	maxKnown = 10_000
)

// known remembers by their tokens' hashes who has the sessions that were read of late,
// so that who asks often is looked up once a second. Who ends sessions forgets them
// here, after the commit and before the answer. No permission is kept: what a session
// may do is decided anew each time, and what writes looks at the session under its lock.
type known struct {
	mu sync.Mutex
	// endings is how often sessions were forgotten. What was read before the last time
	// may be of a session that has ended since.
	endings int
	// hits and misses are of get.
	hits, misses uint64
	// sessions is made when there is one to keep.
	sessions *lru.LRU[[sha256.Size]byte, knownSession]
}

// knownSession is a session as it was at a moment.
type knownSession struct {
	omarty.Session
	at time.Time
}

// get gives a session that is known at a moment. Where none is, keep keeps the one that
// is read from then on.
func (k *known) get(hash []byte, now time.Time) (found omarty.Session, ok bool, keep func(omarty.Session)) {
	key := [sha256.Size]byte(hash)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sessions != nil {
		if one, ok := k.sessions.Get(key); ok && one.goodAt(now) {
			k.hits++
			return one.Session, true, nil
		}
	}
	k.misses++
	endings := k.endings
	return omarty.Session{}, false, func(read omarty.Session) { k.keep(key, knownSession{read, now}, endings) }
}

// forgotten gives how often sessions have ended that this node knows of.
func (k *known) forgotten() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.endings
}

// goodAt tells whether the session is to be taken as good without being read.
func (s knownSession) goodAt(now time.Time) bool {
	age := now.Sub(s.at)
	return age >= 0 && age < knownFor && s.Good(now)
}

// keep keeps a session that was read when sessions had been forgotten so often.
func (k *known) keep(key [sha256.Size]byte, s knownSession, endings int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.endings != endings {
		return
	}
	if k.sessions == nil {
		var err error
		if k.sessions, err = lru.NewLRU[[sha256.Size]byte, knownSession](maxKnown, nil); err != nil {
			panic(err) // only a size below one fails
		}
	}
	k.sessions.Add(key, s)
}

// forget forgets the sessions that have ended, whether they are known or just being
// read.
func (k *known) forget(hasEnded func(Asker) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.endings++
	if k.sessions == nil {
		return
	}
	for _, key := range k.sessions.Keys() {
		if one, _ := k.sessions.Peek(key); hasEnded(Asker{User: one.User, Session: one.ID}) {
			k.sessions.Remove(key)
		}
	}
}
