package omarty

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

// Emoji is one emoji of Unicode's list, as ParseEmoji gives it: each has one
// spelling, so that equal emoji are equal strings.
type Emoji string

// String gives the emoji as it is kept and shown.
func (e Emoji) String() string { return string(e) }

const (
	// emojiPresentation is the variation selector that asks for a picture where a
	// character can be text, too. Keyboards leave it out, or add it where it changes
	// nothing.
	emojiPresentation = "\uFE0F"

	// maxEmojiLength is how many bytes a text may have that could be an emoji: more
	// than the longest of the list, with a selector behind each character.
	maxEmojiLength = 96

	// firstSymbol is where the letters, punctuation and letterlike signs of Unicode
	// end and the symbols begin: with the block Arrows.
	firstSymbol = '\u2190'
)

// ParseEmoji reads exactly one emoji: one that Unicode 17.0 recommends for general
// interchange (RGI_Emoji of UTS #51), with its skin tones, ZWJ sequences, keycaps,
// flags and tag sequences. It gives the fully-qualified form, whichever of its
// U+FE0F are there or are not: ❤ and ❤️ are one. Only the signs among letters and
// punctuation, such as © ® ‼ ™ ℹ, are text without it. ParseEmoji of its own result
// gives the same.
//
// Errors: CodeRequired for the empty text; CodeInvalidInput for what is not one
// emoji: text, digits, two emoji, white space beside one, an emoji as text (U+FE0E).
func ParseEmoji(raw string) (Emoji, error) {
	if raw == "" {
		return "", errRequired()
	}
	if len(raw) <= maxEmojiLength {
		bare := strings.ReplaceAll(raw, emojiPresentation, "")
		first, size := utf8.DecodeRuneInString(bare)
		text := first < firstSymbol && size == len(bare) && bare == raw
		if emoji, ok := emojis()[bare]; ok && !text {
			return emoji, nil
		}
	}
	return "", Errorf(CodeInvalidInput, "It is not one emoji.")
}

//go:embed emoji/list.txt
var emojiList string

// emojis gives the emoji of the list by their spelling without U+FE0F, which no two
// of them share.
var emojis = sync.OnceValue(func() map[string]Emoji {
	list := strings.Fields(emojiList)
	m := make(map[string]Emoji, len(list))
	for _, e := range list {
		m[strings.ReplaceAll(e, emojiPresentation, "")] = Emoji(e)
	}
	return m
})
