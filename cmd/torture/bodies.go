package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"unicode/utf16"
)

// phrases are what people here write besides: in Arabic, with marks, digits and signs that
// are more than a code point, and as they are kept.
var phrases = []string{
	"", "السلام عليكم يا جيران", "المصعد مُعَطَّل ١٢٣", "شكرًا جزيلًا 👩🏽‍🔧", "É là, ça va? ﷺ", "line\nand line", "<b>&amp;\"'\\ %s ;--",
}

// wordOf is a word that nothing else has, by which a message is found.
func wordOf(parts ...string) string {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00"))
	}
	return fmt.Sprintf("w%016x", h.Sum64())
}

// compose gives a text that nobody else sends, and what goes with it: an answer, or a
// mention, now and then.
func (w *writer) compose(r *room, k sendKey) (text string, more variables) {
	text = fmt.Sprintf("%s to %s, %s %s %s", w.name, r.name, k.key, wordOf(k.author, k.room, k.key), phrases[w.random.IntN(len(phrases))])
	if text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	more = variables{}
	if w.random.Float64() < shareAnswers {
		if t, ok := r.pick(w.random, false, func(target) bool { return true }); ok {
			more["replyTo"] = t.id
		}
	}
	if len(w.homes) > 0 && r == w.home && w.random.Float64() < shareHomes {
		more["apartment"] = oneOf(w.random, w.homes)
	}
	if len(w.neighbours) > 0 && w.random.Float64() < shareMentions {
		who := w.neighbours[w.random.IntN(len(w.neighbours))]
		const before = "👩🏽‍🔧 "
		text = before + "@" + who.name + " " + text
		more["mentions"] = []variables{{"user": who.id, "start": units(before), "length": units("@" + who.name)}}
	}
	return text, more
}

// units is the length of a text as JavaScript counts it.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

// any of them, for a seed.
func oneOf[T any](random *rand.Rand, all []T) T { return all[random.IntN(len(all))] }
