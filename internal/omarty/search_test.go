package omarty

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

// Indexes keep tokens: where one of these changes, they have to be built anew.
func TestSearchTokens(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"signs", "… — ?! 😀 👍🏽 € + ( )", ""},
		{"words", "The lift is out of order.", "the lift is out of order"},
		{"each once, as they come", "Lift, stairs, LIFT", "lift stairs"},
		{"accents", "Café Ångström naïve Zoë", "cafe angstrom naive zoe"},
		{"composed or not", "Rene\u0301e Renée", "renee"},
		{"strokes and ligatures", "Øre Łódź Đorđe Æsir cœur ﬁn Þór", "ore lodz dorde aesir coeur fin thor"},
		{"sharp s", "Straße STRASSE ẞ", "strasse ss"},
		{"both Turkish i", "İstanbul Istanbul ıstanbul ISTANBUL", "istanbul"},
		{"Vietnamese", "Nguyễn Đình", "nguyen dinh"},
		{"Greek", "Ὀδυσσεύς ΟΔΥΣΣΕΥΣ οδυσσευσ", "οδυσσευσ"},
		{"Cyrillic", "Ёлка елка ЙОГА йога", "елка иога"},
		{"wide and old forms", "Ｃａｆｅ ４２ ① ² ℡ 𝐇𝐢", "cafe 42 1 2 tel hi"},
		{"apostrophes", "don't don’t l'eau Qurʼan", "dont leau quran"},
		{"Hebrew", "שָׁלוֹם צה״ל צה\"ל", "שלום צהל"},
		{"dots and underscores", "example.com snake_case a.b", "example com snake case a b"},
		{"an address", "mona.h@example.com", "mona h example com"},
		{"a link", "https://example.com/a-b?c=d#e", "https example com a b c d e"},
		{"a mention", "@Mona: salam", "mona salam"},
		{"numbers", "12 3.14 2026-11-29 29.11.2026 10:30 1,2,3", "12 3 14 2026 11 29 10 30 1 2"},
		{"thousands", "1,000 1,234,567 1,0001 ١٬٠٠٠٬٠٠٠", "1000 1234567 1 0001 1000000"},
		{"letters and numbers", "A12 12b v2.0", "a12 12b v2 0"},
		{"fractions", "1½", "11 2"},
		{"control and format characters", "li\u00ADft li\u200Dft\u200Ex\u200By\u2028z", "lift liftx y z"},
		{"lines", "a\nb\r\nc", "a b c"},

		{"Arabic", "المصعد معطل", "المصعد مصعد معطل"},
		{"alef", "أحمد إحمد آحمد ٱحمد احمد ا\u0654حمد", "احمد"},
		{"hamza's carriers", "مؤمن مومن رئيس رييس سؤال", "مومن ميمن رييس رويس سوال سيال"},
		{"carriers in two places", "رؤوف لؤلؤ", "رووف ريوف لولو ليلي"},
		{"a carrier at the end", "شئ للشئون", "شي شو شيء للشيون الشيون شيون للشوون الشوون شوون"},
		{"a carrier with other marks", "مُؤَ\u0654من و\u0654", "مومن ميمن و ي"},
		{"hamza by itself", "ماء قراءة", "ماء قراءه"},
		{"ya", "على علي علی", "علي"},
		{"kaf", "کتاب كتاب ڪتاب", "كتاب"},
		{"ha", "شقة شقه شقۃ شقہ", "شقه"},
		{"tashkeel", "مُحَمَّدٌ محمد هٰذا هذا", "محمد هذا"},
		{"tatweel", "مـــحـــمـــد محمد", "محمد"},
		{"presentation forms", "\uFEE3\uFEE8\uFEF0 ﻻ ﷲ", "مني لا الله"},
		{"a ligature of words", "ﷺ", "صلي الله عليه وسلم"},
		{"Arabic-Indic digits", "شقة ١٢", "شقه 12"},
		{"Extended Arabic-Indic digits", "واحد ۱۲۳۴", "واحد 1234"},
		{"Farsi", "می\u200Cخواهم پنجره", "ميخواهم پنجره"},
		{"Arabic punctuation", "نعم، لا؛ لماذا؟ ١٫٥", "نعم لا لماذا 1 5"},
		{"directions", "\u202B\u2067مرحبا\u2069\u202C\u200F يا\u061Cجار", "مرحبا ياجار"},
		{"the article", "الكتاب", "الكتاب كتاب"},
		{"the article behind others", "والكتاب فالكتاب بالكتاب كالكتاب وبالكتاب", "والكتاب الكتاب كتاب فالكتاب بالكتاب كالكتاب وبالكتاب"},
		{"the article behind l", "للكتاب وللكتاب", "للكتاب الكتاب كتاب وللكتاب"},
		{"the article with hamza and tashkeel", "الْأَخْبَارُ", "الاخبار اخبار"},
		{"no article", "الله الان والد والده بال لله ألم", "الله الان والد والده بال لله الم"},

		{"Hindi", "हिन्दी किताब", "हिन्दी किताब"},
		{"Han", "電梯壞了", "電 梯 壞 了"},
		{"kana", "エレベーター ガス かす がす", "エレベーター ガス か す が"},
		{"half-width kana", "ｶﾞｽ", "ガス"},
		{"Hangul", "엘리베이터 한국어", "엘리베이터 한국어"},
		{"Thai", "ลิฟต์", "ลิ ฟ ต์"},
		{"a word too long", strings.Repeat("a", 100), strings.Repeat("a", 64)},
		{"a word too long, of characters", strings.Repeat("€", 3) + "x" + strings.Repeat("م", 40), "x" + strings.Repeat("م", 31)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Fields(c.want), append([]string{}, SearchTokens(c.text)...)); diff != "" {
				t.Errorf("SearchTokens(%q): %s", c.text, diff)
			}
		})
	}
}

// found is the one meaning of a query: each term has a token.
func found(t *testing.T, query, text string) bool {
	t.Helper()
	terms, err := ParseQuery(query)
	if err != nil {
		t.Fatalf("ParseQuery(%q): %v", query, err)
	}
	tokens := SearchTokens(text)
	for _, term := range terms {
		if !slices.ContainsFunc(tokens, term.Matches) {
			return false
		}
	}
	return true
}

func TestQueriesFind(t *testing.T) {
	for _, c := range []struct {
		query, text string
		want        bool
	}{
		{"lift", "The Lift is broken", true},
		{"LI", "The Lift is broken", true},
		{"broken lift", "The Lift is broken", true},
		{"broken stairs", "The Lift is broken", false},
		{"ift", "The Lift is broken", false},
		{"lifts", "The Lift is broken", false},
		{"cafe", "Un café", true},
		{"café", "Un cafe", true},
		{"1000", "It costs 1,000 EGP", true},
		{"1,000", "It costs 1000 EGP", true},
		{"example.com", "see www.example.com", true},
		{"can't", "We CANT", true},
		{"احمد", "يا أحمد", true},
		{"أحمد", "يا احمد", true},
		{"إحمد", "يا آحمد", true},
		{"مومن", "مؤمن", true},
		{"رئيس", "رييس", true},
		{"مسئول", "مسؤول", true},
		{"مسؤول", "مسئول", true},
		{"مسئو", "المسؤولون", true},
		{"شئون", "شؤون", true},
		{"شؤون", "للشئون", true},
		{"شيء", "شئ", true},
		{"شئ", "شيء", true},
		{"مسوول", "مسيول", false},
		{"على", "علي", true},
		{"شقه", "شقة", true},
		{"شقة", "شقه", true},
		{"مُحَمَّد", "محمد", true},
		{"محمد", "مُحَـــمَّد", true},
		{"١٢", "شقة 12", true},
		{"12", "شقة ١٢", true},
		{"۱۲", "شقة ١٢", true},
		{"مصع", "المصعد معطل", true},
		{"مصعد معطل", "المصعد معطل", true},
		{"المصعد", "بالمصعد", true},
		{"المصعد", "للمصعد", true},
		{"المصعد", "مصعد", false},
		{"صعد", "المصعد", false},
		{"電梯", "電梯壞了", true},
		{"電話", "電梯壞了", false},
		{"한", "한국어", true},
		{"कि", "किताब", true},
		{"कु", "किताब", false},
		{strings.Repeat("a", 90), strings.Repeat("a", 100), true},
	} {
		if got := found(t, c.query, c.text); got != c.want {
			t.Errorf("%q in %q: %v, want %v", c.query, c.text, got, c.want)
		}
	}
}

func TestParseQuery(t *testing.T) {
	got, err := ParseQuery("  المصعد, Lift ١٢ lift 電\x00梯 " + strings.Repeat("م", 90))
	want := []Term{{"المصعد", true}, {"lift", true}, {"12", true}, {"電", false}, {"梯", false}, {strings.Repeat("م", 32), true}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	few := "a b c d e f g h i j k l m n o p"
	if got, err := ParseQuery(few + " a B c"); len(got) != MaxQueryTerms || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct {
		raw  string
		want Error
	}{
		{"", Error{Code: CodeRequired}},
		{" \n\u00A0", Error{Code: CodeRequired}},
		{"?!", Error{Code: CodeInvalidInput}},
		{"😀", Error{Code: CodeInvalidInput}},
		{"\u064E", Error{Code: CodeInvalidInput}},
		{"ـ", Error{Code: CodeInvalidInput}},
		{"\u200B", Error{Code: CodeInvalidInput}},
		{"lift\xFF", Error{Code: CodeInvalidInput}},
		{few + " q", Error{Code: CodeTooLarge}},
		{strings.Repeat("a", 201), Error{Code: CodeInvalidInput, MaxLength: 200}},
		{"a" + strings.Repeat("\u0301", 10_000), Error{Code: CodeInvalidInput, MaxLength: 200}},
	} {
		got, err := ParseQuery(c.raw)
		checkError(t, err, c.want)
		if got != nil {
			t.Errorf("ParseQuery(%.20q) = %v", c.raw, got)
		}
	}
}

func checkToken(t *testing.T, token string) {
	t.Helper()
	checkText(t, token)
	if token == "" || len(token) > MaxTokenLength || !strings.ContainsFunc(token, isLetterOrNumber) {
		t.Fatalf("%+q is no token", token)
	}
	for _, r := range token {
		// Tokens lie in FTS5 between spaces and in a tsvector without escapes.
		if r < utf8.RuneSelf && !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) || unicode.IsSpace(r) || notInToken(r) {
			t.Fatalf("%+q has %+q", token, r)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, s := range []string{
		"", "The Lift's 1,000.5", "café Straße İı", "أحمد والمصعد ﷺ للكتاب", "مُحَـــمَّد ١٢٬٠٠٠", "電梯 エレベーター ｶﾞｽ", "किताब ลิฟต์ 한국어", "צה״ל", "a_b.c:d", "\xFF", "👍🏽 1️⃣",
		"می\u200Cخواهم", strings.Repeat("é", 70), "ΐ ŉ ǰ ﬃ ᾳ", "\u0345", "\u1E9E", "ﷺ" + strings.Repeat("a", 70),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens := SearchTokens(text)
		for i, token := range tokens {
			checkToken(t, token)
			if slices.Contains(tokens[:i], token) {
				t.Fatalf("%+q is there twice", token)
			}
		}
		// How a text is composed says nothing.
		if utf8.ValidString(text) {
			if composed := SearchTokens(norm.NFC.String(text)); !slices.Equal(composed, SearchTokens(norm.NFD.String(text))) {
				t.Fatalf("%+q has other tokens composed, %+q, than not", text, composed)
			}
		}
		terms, err := ParseQuery(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		// A text is found by itself, and each term by what it is.
		for _, term := range terms {
			checkToken(t, term.Token)
			if !slices.ContainsFunc(tokens, term.Matches) {
				t.Fatalf("%+q is not found by its own %+q", text, term.Token)
			}
			if again := SearchTokens(term.Token); !slices.Contains(again, term.Token) {
				t.Fatalf("%+q is %+q when it is read again", term.Token, again)
			}
		}
	})
}

func BenchmarkSearchTokens(b *testing.B) {
	for name, text := range map[string]string{
		"Arabic":  "يا جيران، المصعد معطل مرة أخرى في العمارة ١٢، هل اتصل أحد بالصيانة؟",
		"Latin":   "Dear neighbours, the lift in building 12 is out of order again. Has anyone called?",
		"longest": strings.Repeat("المصعد معطل في العمارة ", 174),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				SearchTokens(text)
			}
		})
	}
}
