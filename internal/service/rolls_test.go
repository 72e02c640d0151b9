package service

import (
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// pass hands all that a node has to tell to another, but what lost says, and tells how
// often that one asked anew.
func pass(from, to *presences, now time.Time, lost func(omarty.Roll) bool) (asked int) {
	for _, r := range from.rollsToTell(now) {
		if r.Node = "from"; lost != nil && lost(r) {
			continue
		}
		if to.hear(r, now) {
			asked++
			from.asked = true
		}
	}
	return asked
}

func online(p *presences, who omarty.ID) bool { return p.known[who] != nil || p.elsewhere[who] > 0 }

// Who is there is there by whatever node; what is lost on the way is asked for anew.
func TestRolls(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 15, 30, 0, time.UTC)
	var here, there presences
	mona, adel := omarty.NewID(omarty.KindUser), omarty.NewID(omarty.KindUser)
	here.come(mona)
	pass(&here, &there, now, nil) // nothing is known of this node: it is asked
	pass(&here, &there, now, nil)
	if !online(&there, mona) {
		t.Fatal("who came first is not there")
	}
	if changed := there.changes(now); len(changed) != 1 {
		t.Errorf("changes: %v", changed)
	}
	// A roll that is lost is noticed by the next one, also where that says nothing new.
	here.come(adel)
	if asked := pass(&here, &there, now, func(omarty.Roll) bool { return true }); asked != 0 || online(&there, adel) {
		t.Error("what was lost was heard")
	}
	now = now.Add(rollTick)
	if asked := pass(&here, &there, now, nil); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	pass(&here, &there, now, nil)
	if !online(&there, adel) || !online(&there, mona) {
		t.Error("the whole roll is not whole")
	}
	// Who goes from one node and is on another is there still.
	there.come(adel)
	there.changes(now)
	here.leave(adel, now)
	here.leave(mona, now)
	now = now.Add(omarty.PresenceGrace)
	here.changes(now)
	pass(&here, &there, now, nil)
	if !online(&there, adel) || online(&there, mona) {
		t.Error("who went went elsewhere")
	}
	if changed := there.changes(now); len(changed) != 1 || !has(changed, mona) {
		t.Errorf("changes: %v", changed)
	}
	// Who shares it no more is told of.
	here.share(adel)
	pass(&here, &there, now, nil)
	if changed := there.changes(now); len(changed) != 1 || !changed[adel] {
		t.Errorf("changes: %v", changed)
	}
	// A node that dies is forgotten, with who was there on it alone.
	here.come(mona)
	pass(&here, &there, now, nil)
	there.changes(now)
	if !online(&there, mona) {
		t.Fatal("she is not there")
	}
	there.changes(now.Add(rollTime))
	if !online(&there, mona) {
		t.Error("it was forgotten too early")
	}
	if changed := there.changes(now.Add(rollTime + 1)); online(&there, mona) || !has(changed, mona) {
		t.Errorf("it is not forgotten: %v", changed)
	}
	if len(there.elsewhere) != 0 {
		t.Errorf("left over: %v", there.elsewhere)
	}
}

func has(changed map[omarty.ID]bool, who omarty.ID) bool {
	_, there := changed[who]
	return there
}

// A whole roll of many people comes in parts, and none is there before the last.
func TestWholeRolls(t *testing.T) {
	now := time.Now()
	var here, there presences
	for range 2*rolledAtOnce + 1 {
		here.come(omarty.NewID(omarty.KindUser))
	}
	here.asked = true
	parts := here.rollsToTell(now)
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, part := range parts {
		there.hear(part, now)
		if want := 0; i < 2 && len(there.elsewhere) != want {
			t.Errorf("%d are there after part %d", len(there.elsewhere), i)
		}
	}
	if len(there.elsewhere) != 2*rolledAtOnce+1 {
		t.Errorf("%d are there", len(there.elsewhere))
	}
}
