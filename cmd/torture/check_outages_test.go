package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// The checks of what nodes owe while something is broken, and while nothing is.
func TestWhileSomethingIsBroken(t *testing.T) {
	const second = time.Second
	broken := func(of int, what breaks) func(scene) {
		return func(s scene) {
			s.troubles = append(s.troubles, trouble{of: of, breaks: what, from: 9 * second, to: 11 * second, mends: second})
		}
	}
	called := func(code string, answered bool, took time.Duration) func(scene) {
		return func(s scene) {
			for range fewCalls + 1 {
				s.calls = append(s.calls, call{node: 1, began: 10 * second, ended: 10*second + took, code: code, answered: answered})
			}
		}
	}
	looked := func(what string, at time.Duration, statuses ...int) func(scene) {
		return func(s scene) {
			for _, status := range statuses {
				s.samples = append(s.samples, sample{node: 1, what: what, asked: at, answered: at, status: status})
			}
		}
	}
	away := func(s scene) { s.absences = append(s.absences, absence{everything, 8 * second, 12 * second}) }
	ended := func(code string, err error) func(scene) {
		return func(s scene) {
			one := s.stream(true, 4, 4, s.told(4, 0, 5))
			one.node, one.end.code, one.broke, one.over = 1, code, err, 10*second
		}
	}
	cut := errors.New("cut")
	// slowly is a stream that ended with its node, which was gone from 6 to 8 s: it came to its
	// last entry, and its end, at 10 s.
	slowly := func(asked time.Duration) func(scene) {
		return func(s scene) {
			ended("", cut)(s)
			one := s.streams[len(s.streams)-1]
			one.steps[len(one.steps)-1].at = 10 * second
			s.asked[s.answers[2].sendKey].at = asked
			s.troubles = append(s.troubles, trouble{of: 1, breaks: stopsNode, from: 6 * second, to: 8 * second})
		}
	}
	// slower is a stream that its listener came to the end of while its node was stopping.
	slower := func(asked time.Duration) func(scene) {
		return func(s scene) {
			slowly(asked)(s)
			s.streams[len(s.streams)-1].over = 11 * second
		}
	}
	later := func(code ws.StatusCode, reason string) error { return &closedError{code, reason} }
	stopped := func(f func(*stop)) func(scene) {
		return func(s scene) {
			one := &stop{node: 1, told: 10 * second, gone: 12 * second}
			for i := range crowd {
				reason := "retry-after-ms=" + []string{"500", "700", "1999"}[i%3]
				one.farewells = append(one.farewells, farewell{10*second + time.Duration(i)*time.Millisecond, later(1012, reason)})
			}
			if f != nil {
				f(one)
			}
			s.stops = append(s.stops, one)
			s.troubles = append(s.troubles, trouble{of: 1, breaks: stopsNode, from: 10 * second, to: 13 * second})
		}
	}
	signalled := func(from, at, heard int) func(scene) {
		return func(s scene) {
			for i := range fewestSignals {
				one := signalTry{what: typesNow, from: from, at: at, asked: 10 * second, until: 12 * second}
				if i < heard {
					one.heard = 11 * second
				}
				s.signals = append(s.signals, one)
			}
		}
	}
	for name, one := range map[string]struct {
		plays []func(scene)
		want  string
	}{
		"refused for nothing":            {[]func(scene){called("UNAVAILABLE", true, second)}, "call: refused"},
		"refused without a database":     {[]func(scene){called("UNAVAILABLE", true, second), broken(everything, losesData)}, ""},
		"refused without NATS":           {[]func(scene){called("UNAVAILABLE", true, second), broken(onlyBus, losesBus)}, "call: refused"},
		"a fault without a database":     {[]func(scene){called("INTERNAL", true, second), broken(everything, losesData)}, "call: INTERNAL"},
		"late without a database":        {[]func(scene){called("UNAVAILABLE", true, answerWithin+second), broken(everything, losesData)}, "call: late"},
		"late by a frozen node":          {[]func(scene){called("", true, answerWithin+second), broken(1, stopsNode)}, ""},
		"no answer without a database":   {[]func(scene){called("", false, callTime), broken(everything, losesData)}, "call: no answer"},
		"no answer of a dead node":       {[]func(scene){called("", false, second), broken(1, stopsNode)}, ""},
		"no answer beside a dead node":   {[]func(scene){called("", false, second), broken(0, stopsNode)}, "call: no answer"},
		"ready":                          {[]func(scene){looked(isReady, 10*second, 200, 200), broken(1, losesData)}, ""},
		"ready while it is not":          {[]func(scene){looked(isReady, 11*second, 200), away, broken(everything, losesData)}, "sentinel: ready without a database"},
		"ready for a moment":             {[]func(scene){looked(isReady, 10*second, 200), away, broken(everything, losesData)}, ""},
		"not ready":                      {[]func(scene){looked(isReady, 10*second, 503), broken(1, losesData)}, ""},
		"not ready for nothing":          {[]func(scene){looked(isReady, 10*second, 503)}, "sentinel: /readyz"},
		"not ready for too long":         {[]func(scene){looked(isReady, 30*second, 503), broken(everything, losesData)}, "sentinel: /readyz"},
		"not answered once":              {[]func(scene){looked(isReady, 10*second, 0, 200, 0)}, ""},
		"not answered":                   {[]func(scene){looked(isReady, 10*second, 0, 0)}, "sentinel: /readyz"},
		"not alive without a database":   {[]func(scene){looked(isAlive, 10*second, 503), broken(everything, losesData)}, "sentinel: /healthz"},
		"no pongs without a database":    {[]func(scene){looked(pongs, 10*second, 0, 0), broken(everything, losesData)}, "sentinel: a ping"},
		"no pongs of a frozen node":      {[]func(scene){looked(pongs, 10*second, 0, 0), broken(1, stopsNode)}, ""},
		"a socket ends for nothing":      {[]func(scene){func(s scene) { s.breaches = append(s.breaches, breach{1, 10 * second, cut}) }, broken(everything, losesData)}, "sentinel: its socket"},
		"a stream ends for nothing":      {[]func(scene){ended("", cut)}, "stream: cut off"},
		"a stream ends by the database":  {[]func(scene){ended("UNAVAILABLE", nil), broken(everything, losesData)}, "stream: cut off"},
		"a stream ends with its node":    {[]func(scene){ended("", cut), broken(1, stopsNode)}, ""},
		"a stream ends by its link":      {[]func(scene){ended("", cut), broken(1, losesClients)}, ""},
		"a stream ends by another link":  {[]func(scene){ended("", cut), broken(0, losesClients)}, "stream: cut off"},
		"a slow stream ends with it":     {[]func(scene){slowly(5 * second)}, ""},
		"a slow stream ends long after":  {[]func(scene){slowly(9 * second)}, "stream: cut off"},
		"a stop":                         {[]func(scene){stopped(nil)}, ""},
		"a stop, and ready":              {[]func(scene){stopped(nil), looked(isReady, 10*second+atOnce+second/2, 200)}, "stop: ready"},
		"a stop that takes sockets":      {[]func(scene){stopped(func(s *stop) { s.accepted = true })}, "stop: takes sockets"},
		"a stop that drops":              {[]func(scene){stopped(func(s *stop) { s.answer = cut })}, "stop: a request dropped"},
		"a stop without a word":          {[]func(scene){stopped(func(s *stop) { s.farewells[7].err = cut })}, "stop: cut off"},
		"a stop with another word":       {[]func(scene){stopped(func(s *stop) { s.farewells[7].err = later(1001, "") })}, "stop: cut off"},
		"a stop after a slow stream":     {[]func(scene){stopped(nil), slower(5 * second)}, ""},
		"a stop that cuts a slow stream": {[]func(scene){stopped(nil), slower(10*second + second/2)}, "stop: cut off"},
		"a stop that sends away forever": {[]func(scene){stopped(func(s *stop) { s.farewells[7].err = later(1012, "retry-after-ms=60000") })}, "stop: cut off"},
		"a stop all at once": {[]func(scene){stopped(func(s *stop) {
			for i := range s.farewells {
				s.farewells[i].at = 10 * second
			}
		})}, "stop: all at once"},
		"a stop to come back at once": {[]func(scene){stopped(func(s *stop) {
			for i := range s.farewells {
				s.farewells[i].err = later(1012, "retry-after-ms=500")
			}
		})}, "stop: all at once"},
		"signals":                    {[]func(scene){signalled(0, 1, fewestSignals), signalled(1, 1, fewestSignals)}, ""},
		"signals, half of them":      {[]func(scene){signalled(0, 1, fewestSignals/2+1)}, ""},
		"no signals of others":       {[]func(scene){signalled(0, 1, 1), signalled(1, 1, fewestSignals)}, "signals: not told"},
		"no signals without NATS":    {[]func(scene){signalled(0, 1, 0), broken(onlyBus, losesBus)}, ""},
		"no signals of its own node": {[]func(scene){signalled(1, 1, 0)}, "signals: not told"},
	} {
		s := newScene()
		for _, play := range one.plays {
			play(s)
		}
		var want []string
		if one.want != "" {
			want = []string{one.want}
		}
		if got := kindsFound(s.history); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
