package main

import (
	"slices"
	"testing"
	"time"
)

// lateScene is a scene where all is acknowledged at 10 s, by node 1.
func lateScene() scene {
	s := newScene()
	for i := range s.answers {
		s.answers[i].at = 10 * time.Second
	}
	return s
}

// steady adds a stream at node 2 that caught up at 1 s, and heard these entries.
func (s scene) steady(at, over time.Duration, seqs ...int) *stream {
	steps := append([]step{{position: 2, at: time.Second}}, s.told(2, seqs...)...)
	for i := range steps[1:] {
		steps[i+1].at = at
	}
	one := s.stream(true, 2, 2, steps)
	one.node, one.steady, one.over = 1, true, over
	return one
}

func TestLate(t *testing.T) {
	const second = time.Second
	all := []int{3, 4, 5, 6, 7, 8, 9, 10}
	for name, one := range map[string]struct {
		play func(scene)
		want []string
	}{
		"at once":         {func(s scene) { s.steady(10*second, 20*second, all...) }, nil},
		"within the time": {func(s scene) { s.steady(14*second, 20*second, all...) }, nil},
		"too late":        {func(s scene) { s.steady(16*second, 20*second, all...) }, []string{"late"}},
		"never":           {func(s scene) { s.steady(10*second, 20*second, all[:4]...) }, []string{"late"}},
		"its end came first": {func(s scene) {
			s.steady(10*second, 11*second, all[:4]...)
		}, nil},
		"its node was frozen": {func(s scene) {
			s.steady(16*second, 20*second, all...)
			s.troubles = append(s.troubles, trouble{of: 1, from: 10 * second, to: 12 * second, mends: second})
		}, nil},
		"another node was frozen": {func(s scene) {
			s.steady(16*second, 20*second, all...)
			s.troubles = append(s.troubles, trouble{of: 2, from: 10 * second, to: 12 * second, mends: second})
		}, []string{"late"}},
		"NATS was away": {func(s scene) {
			s.steady(16*second, 20*second, all...)
			s.troubles = append(s.troubles, trouble{of: onlyBus, from: 9 * second, to: 18 * second, mends: second})
		}, []string{"late"}},
		"one that naps": {func(s scene) { s.steady(16*second, 20*second, all...).steady = false }, nil},
	} {
		s := lateScene()
		one.play(s)
		if got := kindsFound(s.history); !slices.Equal(got, one.want) {
			t.Errorf("%s: got %v, want %v", name, got, one.want)
		}
	}
}

func kindsFound(h *history) []string {
	var kinds []string
	for _, v := range found(h) {
		kinds = append(kinds, v.kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Where nodes hear each other by the database alone, each message is in time, and half of
// them tell.
func TestAsIfNATSWereAway(t *testing.T) {
	for _, late := range []time.Duration{100 * time.Millisecond, time.Second} {
		s := lateScene()
		for range 4 { // streams of four messages each, after the caught up
			s.steady(10*time.Second+late, 20*time.Second, 3, 4, 5, 6, 7, 8, 9, 10)
		}
		want := []string(nil)
		if late > promptTime {
			want = []string{"late: as if NATS were away"}
		}
		if late > promptTime {
			for i := range s.answers { // and now by the node that they are heard on
				s.answers[i].node = 1
			}
			if got := kindsFound(s.history); !slices.Equal(got, []string{"late: on its own node"}) {
				t.Errorf("%v late on its own node: got %v", late, got)
			}
			for i := range s.answers {
				s.answers[i].node = 0
			}
		}
		if got := kindsFound(s.history); !slices.Equal(got, want) {
			t.Errorf("%v late: got %v, want %v", late, got, want)
		}
	}
}

func TestOutages(t *testing.T) {
	out := outagesOf([]trouble{
		{of: 1, from: 20, to: 25, mends: 5}, {of: 1, from: 10, to: 12, mends: 3}, {of: everything, from: 14, to: 16},
	}, func(trouble) bool { return true })
	if want := (outages{{10, 16}, {20, 30}}); !slices.Equal(out, want) {
		t.Fatalf("got %v, want %v", out, want)
	}
	for _, one := range []struct{ from, to, want time.Duration }{
		{0, 10, 10}, {0, 40, 24}, {11, 15, 0}, {11, 21, 4}, {16, 20, 4}, {29, 31, 1}, {30, 31, 1}, {25, 25, 0},
	} {
		if got := out.without(one.from, one.to); got != one.want {
			t.Errorf("from %v to %v: got %d, want %d", one.from, one.to, got, one.want)
		}
	}
}

func TestRevoked(t *testing.T) {
	const second = time.Second
	for name, one := range map[string]struct {
		own  bool
		at   time.Duration // when what it is told was asked for; it ended at 10 s
		over time.Duration
		open bool
		want []string
	}{
		"told before, on its node":   {true, 9 * second, 10 * second, false, nil},
		"told after, on its node":    {true, 11 * second, 12 * second, false, []string{"revoked: told on"}},
		"told after, elsewhere":      {false, 11 * second, 12 * second, false, nil},
		"told long after, elsewhere": {false, 14 * second, 12 * second, false, []string{"revoked: told on"}},
		"ended late":                 {false, 9 * second, 15 * second, false, []string{"revoked: stays"}},
		"never ended":                {false, 9 * second, 11 * second, true, []string{"revoked: stays"}},
	} {
		s := newScene()
		for _, a := range s.asked {
			a.at = one.at
		}
		s.revocations = append(s.revocations, &revocation{person: ann, room: "room_1", at: 10 * second, streams: []*lastStream{
			{node: 1, own: one.own, steps: s.told(2, 3), over: one.over, open: one.open},
		}})
		if got := kindsFound(s.history); !slices.Equal(got, one.want) {
			t.Errorf("%s: got %v, want %v", name, got, one.want)
		}
	}
}

func TestMarks(t *testing.T) {
	at := place{ann, "room_1"}
	// Of 3 to 10, bob wrote 3, 5, 7 and 9, and ann the rest.
	for name, one := range map[string]struct {
		read reading
		want []string
	}{
		"as it is":         {reading{place: at, seq: 4, unread: 3, first: 5}, nil},
		"all":              {reading{place: at, seq: 10}, nil},
		"too many":         {reading{place: at, seq: 4, unread: 4, first: 5}, []string{"unread: another count"}},
		"another first":    {reading{place: at, seq: 4, unread: 3, first: 7}, []string{"unread: another first"}},
		"it has gone back": {reading{place: at, seq: 2, unread: 4, first: 3}, []string{"read mark: lost"}},
		"by itself":        {reading{place: at, seq: 12}, []string{"read mark: beyond the end", "read mark: moved"}},
		"named":            {reading{place: at, seq: 4, unread: 3, first: 5, mentions: 1}, []string{"unread: another count of mentions"}},
		"another sum":      {reading{place: at, seq: 10, total: 1}, []string{"unread: another sum"}},
		"since they came":  {reading{place: place{visit, "room_1"}, seq: 6, unread: 3, first: 7}, []string{"read mark: lost"}},
	} {
		s := newScene()
		s.marks[at], s.furthest[at] = 3, 10
		s.readings = append(s.readings, one.read)
		if got := kindsFound(s.history); !slices.Equal(got, one.want) {
			t.Errorf("%s: got %v, want %v", name, got, one.want)
		}
	}
}
