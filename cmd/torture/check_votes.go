package main

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// closeTime is within what the log tells of the end of a poll: the look of each second,
// and what a busy machine takes.
const closeTime = time.Second + 4*time.Second

// checkVotes counts again: what each voter chose, who is asked in the end, and what was
// acknowledged to them.
func (c *checker) checkVotes(of *life, deeds []deed) {
	l, message := of.log, of.entries[0].message
	d, ok := l.details[message]
	if !ok || of.last().deleted || len(d.votes) == 0 {
		return
	}
	sure := c.checkBallots(of, d, deeds)
	if d.ballots == nil {
		return
	}
	votes, voters := map[string]int{}, 0
	for option := range d.votes {
		votes[option] = 0
	}
	for _, options := range d.ballots {
		voters += min(1, len(options))
		for _, option := range strings.Fields(options) {
			votes[option]++
		}
	}
	if !maps.Equal(votes, d.votes) {
		c.blame("votes: another count", "%s: %s has %v, and the votes are %v", l.room.name, message, d.votes, d.ballots)
	}
	if had := of.last().had; !strings.HasSuffix(had, voted(voters)) {
		c.blame("votes: another count", "%s: %s has %s, and %d vote", l.room.name, message, had, voters)
	}
	if n := of.count(pollVoted, func(logEntry) int { return 1 }); sure >= 0 && n != sure {
		c.blame("votes: entries", "%s: the log of %s has %d, and %d votes changed something", l.room.name, message, n, sure)
	}
	kind := c.history.pollOf(c.history.moreOf(l, of.entries[0]))
	if kind.closes != 0 && c.history.outagesAt(everything).without(kind.closes, l.read) > closeTime && of.count(pollClosed, func(logEntry) int { return 1 }) == 0 {
		c.blame("poll: not closed", "%s: %s had to end at %v, and had not at %v", l.room.name, message, kind.closes, l.read)
	}
}

// checkBallots demands of each voter whose outcome is known that their last vote stands;
// it gives how many of all votes changed something, -1 where that is not known.
func (c *checker) checkBallots(of *life, d detail, deeds []deed) (changes int) {
	byVoter := map[string][]deed{}
	for _, one := range inOrder(deeds) {
		if one.kind == pollVoted {
			voter := one.apartment
			if voter == "" {
				voter = one.person
			}
			byVoter[voter] = append(byVoter[voter], one)
		}
	}
	for voter, all := range byVoter {
		ballot, sure := "", true
		for i, one := range all {
			switch {
			case one.code == "CONFLICT" && one.over && one.tries == 1:
				continue
			case one.code != "" || one.tries > 1, i > 0 && one.began < all[i-1].ended:
				sure = false
			case ballot != one.option && changes >= 0:
				changes++
			}
			ballot = one.option
		}
		if !sure {
			changes = -1
			continue
		}
		if d.ballots != nil && d.ballots[voter] != sorted(ballot) {
			c.blame("deed: lost", "%s: the last vote of %s in %s was for %q, and is for %q", of.log.room.name, voter, of.entries[0].message, ballot, d.ballots[voter])
		}
	}
	return changes
}

// sorted gives words in one order.
func sorted(words string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(words))), " ")
}

// moreOf gives what was sent with a message besides its text.
func (h *history) moreOf(l *roomLog, posted logEntry) variables {
	if asked := h.asked[sendKey{posted.author, l.room.id, posted.key}]; asked != nil {
		return asked.more
	}
	return nil
}
