package omarty

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseEmoji(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"a face", "😀", "😀"},
		{"a skin tone", "👍🏽", "👍🏽"},
		{"a family", "👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"},
		{"two people, two skin tones", "🧑🏻‍🤝‍🧑🏿", "🧑🏻‍🤝‍🧑🏿"},
		{"a flag", "🇪🇬", "🇪🇬"},
		{"a flag of tags", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"},
		{"of Unicode 16", "\U0001FAE9", "\U0001FAE9"},
		{"of Unicode 17", "\U0001FAC8", "\U0001FAC8"},
		{"a heart", "\u2764\uFE0F", "\u2764\uFE0F"},
		{"a heart, unqualified", "\u2764", "\u2764\uFE0F"},
		{"a heart on fire, unqualified", "\u2764\u200D\U0001F525", "\u2764\uFE0F\u200D\U0001F525"},
		{"a rainbow flag, minimally qualified", "\U0001F3F3\u200D\U0001F308", "\U0001F3F3\uFE0F\u200D\U0001F308"},
		{"an eye in a bubble, partly qualified", "\U0001F441\u200D\U0001F5E8\uFE0F", "\U0001F441\uFE0F\u200D\U0001F5E8\uFE0F"},
		{"a detective, unqualified", "\U0001F575\u200D\u2642", "\U0001F575\uFE0F\u200D\u2642\uFE0F"},
		{"a keycap", "1\uFE0F\u20E3", "1\uFE0F\u20E3"},
		{"a keycap, unqualified", "#\u20E3", "#\uFE0F\u20E3"},
		{"copyright as an emoji", "©\uFE0F", "©\uFE0F"},
		{"trade mark as an emoji", "™\uFE0F", "™\uFE0F"},
		{"an arrow, unqualified", "\u2194", "\u2194\uFE0F"},
		{"a selector too many", "👍\uFE0F", "👍"},
		{"a selector before a skin tone", "\u261D\uFE0F🏽", "\u261D🏽"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseEmoji(c.raw); string(got) != c.want || err != nil {
				t.Errorf("ParseEmoji(%+q) = %+q, %v; want %+q", c.raw, got, err, c.want)
			}
		})
	}
	checkEmojiRefused(t, "", CodeRequired)
	for _, raw := range []string{
		" ", "a", "ok", "م", "1", "#", "*", "1\uFE0F", "#\uFE0F", "\u20E3", "©", "®", "‼", "⁉", "™", "ℹ", "\u2764\uFE0E", "©\uFE0E", "\uFE0F", "\u200D",
		"👍👍", "❤️👍", "👍 ", " 👍", "👍\n", "👍a", "👍🏽🏽", "🇪", "🇪🇪🇪", "🇽🇽", "👨‍👩‍", "👨‍🚗", ":)", ":+1:", "☺︎", "★", "→", "é",
		"\xF0\x9F\x91", "👍\x00", "\U0001F3F4\U000E0067", "👍" + strings.Repeat("\uFE0F", 100), strings.Repeat("👍", 1000),
	} {
		checkEmojiRefused(t, raw, CodeInvalidInput)
	}
}

func checkEmojiRefused(t *testing.T, raw string, want Code) {
	t.Helper()
	got, err := ParseEmoji(raw)
	checkError(t, err, Error{Code: want})
	if got != "" {
		t.Errorf("ParseEmoji(%+q) = %+q", raw, got)
	}
}

// The list is all of Unicode 17.0's: the sums are those of emoji-sequences.txt and
// emoji-zwj-sequences.txt.
func TestEmojiListIsComplete(t *testing.T) {
	kinds := map[string]int{}
	for _, e := range strings.Fields(emojiList) {
		kind := "single"
		switch first, _ := utf8.DecodeRuneInString(e); {
		case strings.HasSuffix(e, "\u20E3"):
			kind = "keycap"
		case first >= '🇦' && first <= '🇿':
			kind = "flag"
		case strings.HasSuffix(e, "\U000E007F"):
			kind = "tags"
		case strings.Contains(e, "\u200D"):
			kind = "joined"
		case utf8.RuneCountInString(strings.ReplaceAll(e, emojiPresentation, "")) == 2:
			kind = "skin tone"
		}
		kinds[kind]++
		if got, err := ParseEmoji(e); string(got) != e || err != nil {
			t.Errorf("ParseEmoji(%+q) = %+q, %v", e, got, err)
		}
		everywhere := strings.Join(strings.Split(e, ""), emojiPresentation)
		for _, raw := range []string{strings.ReplaceAll(e, emojiPresentation, ""), e + emojiPresentation, everywhere} {
			got, err := ParseEmoji(raw)
			if r, size := utf8.DecodeRuneInString(raw); r < firstSymbol && size == len(raw) {
				checkError(t, err, Error{Code: CodeInvalidInput})
			} else if string(got) != e || err != nil {
				t.Errorf("ParseEmoji(%+q) = %+q, %v; want %+q", raw, got, err, e)
			}
		}
		if len(everywhere)+len(emojiPresentation) > maxEmojiLength {
			t.Errorf("%+q can have more than %d bytes", e, maxEmojiLength)
		}
	}
	for kind, want := range map[string]int{"single": 1400, "keycap": 12, "flag": 259, "tags": 3, "skin tone": 665, "joined": 1614} {
		if kinds[kind] != want {
			t.Errorf("%d are of kind %q, want %d", kinds[kind], kind, want)
		}
	}
	if n := len(emojis()); n != 3953 {
		t.Errorf("%d emoji have a spelling of their own, want 3953", n)
	}
}

func FuzzParseEmoji(f *testing.F) {
	for _, s := range []string{"", "👍🏽", "❤", "❤️", "1\u20E3", "🇪🇬", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "©", "©\uFE0F", "a", "\xFF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		emoji, err := ParseEmoji(raw)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if again, err := ParseEmoji(string(emoji)); again != emoji || err != nil {
			t.Fatalf("ParseEmoji(%+q) = %+q, %v", emoji, again, err)
		}
		checkText(t, string(emoji))
		if n := characters(string(emoji)); n != 1 {
			t.Fatalf("%+q is %d characters", emoji, n)
		}
		if again, err := ParseEmoji(raw + raw); err == nil {
			t.Fatalf("twice %+q is %+q", raw, again)
		}
	})
}
