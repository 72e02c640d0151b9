package omarty

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// span gives what lies at a mention, as a client counts.
func span(text string, m Mention) string {
	return string(utf16.Decode(utf16.Encode([]rune(text))[m.Start : m.Start+m.Length]))
}

// bracketed reads a text in which ⟦ and ⟧ stand around mentions.
func bracketed(s string) (text string, mentions []Mention) {
	units := []uint16{}
	for _, r := range s {
		switch r {
		case '⟦':
			mentions = append(mentions, Mention{Start: len(units)})
		case '⟧':
			m := &mentions[len(mentions)-1]
			m.Length = len(units) - m.Start
		default:
			units = utf16.AppendRune(units, r)
			text += string(r)
		}
	}
	return text, mentions
}

func TestNormalizeMarkedFollowsTheText(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"none", "Salam", "Salam"},
		{"one", "Salam ⟦@Mona⟧!", "Salam ⟦@Mona⟧!"},
		{"all", "⟦@Mona⟧", "⟦@Mona⟧"},
		{"side by side", "⟦@Mona⟧⟦@Omar⟧", "⟦@Mona⟧⟦@Omar⟧"},
		{"behind an emoji", "👍🏽 ⟦@Mona⟧ 👨‍👩‍👧‍👦 ⟦@Omar⟧", "👍🏽 ⟦@Mona⟧ 👨‍👩‍👧‍👦 ⟦@Omar⟧"},
		{"an emoji", "⟦👨‍👩‍👧‍👦⟧", "⟦👨‍👩‍👧‍👦⟧"},
		{"a part of an emoji's sequence", "👨\u200D⟦👩⟧\u200D👧", "👨\u200D⟦👩⟧\u200D👧"},
		{"behind what is composed", "cafe\u0301 ⟦@Mona⟧", "café ⟦@Mona⟧"},
		{"composed within", "⟦@Rene\u0301e⟧ cafe\u0301", "⟦@Renée⟧ café"},
		{"composed at the end", "⟦@Rene\u0301⟧.", "⟦@René⟧."},
		{"ends before a mark that it is composed with", "⟦@Rene⟧\u0301.", "⟦@René⟧."},
		{"begins with a mark that is composed", "Rene⟦\u0301e⟧", "Ren⟦ée⟧"},
		{"ends before a mark that stays", "⟦@منى⟧\u064E.", "⟦@منى⟧\u064E."},
		{"grows in NFC", "\u0958 ⟦@Mona⟧", "\u0915\u093C ⟦@Mona⟧"},
		{"marks change places", "م\u0651\u064E ⟦@منى⟧", "م\u064E\u0651 ⟦@منى⟧"},
		{"ends between marks that change places", "⟦م\u0651⟧\u064E", "⟦م\u064E\u0651⟧"},
		{"Arabic", "يا ⟦@منى حسن⟧، أهلاً", "يا ⟦@منى حسن⟧، أهلاً"},
		{"tashkeel", "يَا ⟦@مُنَى⟧ أَهْلًا", "يَا ⟦@مُنَى⟧ أَهْلًا"},
		{"alef and hamza are one", "ا\u0654هلا ⟦@ا\u0654حمد⟧", "أهلا ⟦@أحمد⟧"},
		{"presentation forms stay", "\uFEE3\uFEE8\uFEF0 ⟦@\uFEE3\uFEE8\uFEF0⟧", "\uFEE3\uFEE8\uFEF0 ⟦@\uFEE3\uFEE8\uFEF0⟧"},
		{"ends of lines", "a\r\nb\r\n⟦@Mona⟧\r\n⟦@Omar⟧", "a\nb\n⟦@Mona⟧\n⟦@Omar⟧"},
		{"over an end of line", "⟦@Mona\r\nHassan⟧!", "⟦@Mona\nHassan⟧!"},
		{"between CR and LF", "⟦a\r⟧\nb", "⟦a\n⟧b"},
		{"a direction closed before", "\u202Eabc\r\n⟦@Mona⟧", "\u202Eabc\u202C\n⟦@Mona⟧"},
		{"a direction closed behind", "\u202Eabc ⟦@Mona⟧", "\u202Eabc ⟦@Mona⟧\u202C"},
		{"a direction opened within", "⟦@\u2067Mona⟧ Hassan\nx", "⟦@\u2067Mona⟧ Hassan\u2069\nx"},
		{"an end of line behind a direction", "\u202Eabc⟦\n@Mona⟧", "\u202Eabc\u202C⟦\n@Mona⟧"},
		{"stray ends", "\u202Ca\u2069 ⟦\u202C@Mo\u202Cna\u2069⟧\u202C.", "a ⟦@Mona⟧."},
		{"a stray end and a mark", "⟦@Rene\u202C\u0301⟧ ⟦x⟧", "⟦@René⟧ ⟦x⟧"},
		{"white space stays", "  ⟦ @Mona ⟧  ", "  ⟦ @Mona ⟧  "},
		{"Hangul", "\u1112\u1161\u11AB ⟦@\u1100\u1161⟧", "한 ⟦@가⟧"},
		{"a joiner of graphemes put between many marks", "⟦e" + strings.Repeat("\u0323", 35) + "⟧ ⟦x⟧", "⟦ẹ" + strings.Repeat("\u0323", 29) + "\u034F" + strings.Repeat("\u0323", 5) + "⟧ ⟦x⟧"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, mentions := bracketed(c.raw)
			want, wantMentions := bracketed(c.want)
			got, gotMentions, err := NormalizeMarked(raw, mentions)
			if err != nil || got != want || !slices.Equal(gotMentions, wantMentions) {
				t.Errorf("NormalizeMarked(%+q, %v) = %+q, %v, %v; want %+q, %v", raw, mentions, got, gotMentions, err, want, wantMentions)
			}
		})
	}
}

func TestNormalizeMarkedSorts(t *testing.T) {
	mona, omar := NewID(KindUser), NewID(KindUser)
	given := []Mention{{omar, 9, 5}, {mona, 3, 5}}
	_, got, err := NormalizeMarked("é, @Mona @Omar", given)
	if diff := cmp.Diff([]Mention{{mona, 3, 5}, {omar, 9, 5}}, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	if given[0].User != omar {
		t.Error("what was given has changed")
	}
	// The same person twice is fine.
	if _, _, err := NormalizeMarked("@Mona @Mona", []Mention{{mona, 0, 5}, {mona, 6, 5}}); err != nil {
		t.Error(err)
	}
	many := make([]Mention, MaxMentions)
	for i := range many {
		many[i] = Mention{mona, i, 1}
	}
	if _, _, err := NormalizeMarked(strings.Repeat("m", MaxMentions), many); err != nil {
		t.Error(err)
	}
}

// checkAt is checkError for an error that names a field.
func checkAt(t *testing.T, err error, want Error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Field != want.Field {
		t.Errorf("got error %v, want it at %q", err, want.Field)
		return
	}
	want.Field = ""
	checkError(t, e.At(""), want)
}

func TestNormalizeMarkedRefuses(t *testing.T) {
	at := func(code Code, field string) Error { return Error{Code: code, Field: field} }
	tooMany := make([]Mention, MaxMentions+1)
	for i := range tooMany {
		tooMany[i] = Mention{Start: i, Length: 1}
	}
	for _, c := range []struct {
		name, raw string
		mentions  []Mention
		want      Error
	}{
		{"no text", " ", nil, at(CodeRequired, "text")},
		{"no text first", " ", []Mention{{Start: -1}}, at(CodeRequired, "text")},
		{"a tab", "\t", []Mention{{Start: -1}}, at(CodeInvalidInput, "text")},
		{"a text too long", strings.Repeat("a", 4001), nil, Error{Code: CodeInvalidInput, Field: "text", MaxLength: 4000}},
		{"too many", strings.Repeat("a", 200), tooMany, at(CodeTooLarge, "mentions")},
		{"negative", "Mona", []Mention{{Start: 0, Length: 1}, {Start: -1, Length: 3}}, at(CodeInvalidInput, "mentions.1.start")},
		{"empty", "Mona", []Mention{{Start: 1}}, at(CodeInvalidInput, "mentions.0.length")},
		{"of a negative length", "Mona", []Mention{{Start: 1, Length: -1}}, at(CodeInvalidInput, "mentions.0.length")},
		{"beyond the end", "Mona", []Mention{{Start: 4, Length: 1}}, at(CodeInvalidInput, "mentions.0.start")},
		{"over the end", "Mona", []Mention{{Start: 0, Length: 5}}, at(CodeInvalidInput, "mentions.0.length")},
		{"over the end by bytes within it", "منى", []Mention{{Start: 0, Length: 4}}, at(CodeInvalidInput, "mentions.0.length")},
		{"of the greatest length", "Mona", []Mention{{Start: 1, Length: math.MaxInt}}, at(CodeInvalidInput, "mentions.0.length")},
		{"the same twice", "Mona", []Mention{{Start: 0, Length: 4}, {Start: 0, Length: 4}}, at(CodeInvalidInput, "mentions.1.start")},
		{"overlapping", "Mona Hassan", []Mention{{Start: 3, Length: 4}, {Start: 0, Length: 4}}, at(CodeInvalidInput, "mentions.0.start")},
		{"one in another", "Mona Hassan", []Mention{{Start: 0, Length: 11}, {Start: 5, Length: 2}}, at(CodeInvalidInput, "mentions.1.start")},
		{"begins in a pair", "😀 Mona", []Mention{{Start: 1, Length: 2}}, at(CodeInvalidInput, "mentions.0.start")},
		{"ends in a pair", "Mona 😀", []Mention{{Start: 0, Length: 6}}, at(CodeInvalidInput, "mentions.0.length")},
		{"each half of a pair", "😀", []Mention{{Start: 0, Length: 1}, {Start: 1, Length: 1}}, at(CodeInvalidInput, "mentions.0.length")},
		{"nothing that stays", "a\u202Cb", []Mention{{Start: 1, Length: 1}}, at(CodeInvalidInput, "mentions.0.length")},
		{"a letter, and the mark it is composed with", "e\u0301", []Mention{{Start: 0, Length: 1}, {Start: 1, Length: 1}}, at(CodeInvalidInput, "mentions.1.start")},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, mentions, err := NormalizeMarked(c.raw, c.mentions)
			checkAt(t, err, c.want)
			if text != "" || mentions != nil {
				t.Errorf("with %q, %v", text, mentions)
			}
		})
	}
}

func TestNormalizeOptionalMarked(t *testing.T) {
	for _, raw := range []string{"", " ", "\r\n", "\u202C"} {
		if text, mentions, err := NormalizeOptionalMarked(raw, nil); text != "" || len(mentions) != 0 || err != nil {
			t.Errorf("%q: %q, %v, %v", raw, text, mentions, err)
		}
		_, _, err := NormalizeOptionalMarked(raw, []Mention{{Start: 0, Length: 1}})
		checkAt(t, err, Error{Code: CodeInvalidInput, Field: "mentions.0.start"})
	}
	raw, mentions := bracketed("⟦@Rene\u0301e⟧")
	if text, got, err := NormalizeOptionalMarked(raw, mentions); text != "@Renée" || len(got) != 1 || got[0].Length != 6 || err != nil {
		t.Errorf("%q, %v, %v", text, got, err)
	}
	_, _, err := NormalizeOptionalMarked("\x00", nil)
	checkAt(t, err, Error{Code: CodeInvalidInput, Field: "text"})
}

// awkward are pieces of text whose normal form is not they themselves, and some whose
// is.
var awkward = []string{
	"a", "@Mona", " ", "\n", "\r\n", "\r", "\u2029", "é", "e\u0301", "\u0301", "\u0323", "م", "م\u0651\u064E", "\u0651", "\u064E", "ا\u0654", "\u0958", "\u1112\u1161\u11AB", "\u11AB",
	"😀", "👍🏽", "👨‍👩‍👧‍👦", "\u202A", "\u202E", "\u202C", "\u2066", "\u2069", "\u200F", "\uFEF0", "\u2126", "\u212B", "\U0001D15E", strings.Repeat("\u0323", 31), "\u034F",
}

// Mentions lie where letters do that stand in their places: they are normalised with
// the text, and composed with nothing.
func TestMentionsStayWhereTheyWere(t *testing.T) {
	const start, end = "\uE000", "\uE001"
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom(awkward), 0, 5)
		var raw, lettered string
		var mentions []Mention
		for range rapid.IntRange(0, 4).Draw(t, "mentions") {
			between := strings.Join(pieces.Draw(t, "between"), "")
			chosen := strings.Join(pieces.Filter(func(p []string) bool { return len(p) > 0 }).Draw(t, "mention"), "")
			mentions = append(mentions, Mention{User: NewID(KindUser), Start: utf16Length(raw + between), Length: utf16Length(chosen)})
			raw += between + chosen
			lettered += between + start + chosen + end
		}
		rest := strings.Join(pieces.Draw(t, "end"), "")
		raw, lettered = raw+rest, lettered+rest

		want, err := NormalizeOptionalText(raw)
		if err != nil {
			t.Fatal(err)
		}
		text, placed, refused := NormalizeOptionalMarked(raw, mentions)
		if refused != nil {
			if code := CodeOf(refused); code != CodeInvalidInput || text != "" || !strings.HasPrefix(refused.Error(), "INVALID_INPUT mentions.") {
				t.Fatalf("%q, %v", text, refused)
			}
		} else {
			if text != want || len(placed) != len(mentions) {
				t.Fatalf("with mentions %+q, %v; without %+q", text, placed, want)
			}
			again, placedAgain, err := NormalizeOptionalMarked(text, placed)
			if err != nil || again != text || !slices.Equal(placedAgain, placed) {
				t.Fatalf("again %+q, %v, %v; was %+q, %v", again, placedAgain, err, text, placed)
			}
		}

		// Where the letters change what is between them, they say nothing. Nor do they
		// at the end of a paragraph, whose closers they come before.
		lettered, err = NormalizeOptionalText(lettered)
		if err != nil {
			t.Fatal(err)
		}
		if strings.NewReplacer(start, "", end, "").Replace(lettered) != want || want == "" {
			return
		}
		units, i := 0, -1
		for _, r := range lettered {
			switch string(r) {
			case start:
				i++
				mentions[i].Start = units
			case end:
				mentions[i].Length = units - mentions[i].Start
				if mentions[i].Length == 0 {
					if refused == nil {
						t.Fatalf("mention %d of %+q is over nothing", i, text)
					}
					return
				}
			default:
				units += utf16.RuneLen(r)
			}
		}
		all := utf16.Encode([]rune(want))
		for i, m := range mentions {
			if r := []rune(span(want, m))[0]; r == '\n' || r == paragraphSeparator || isCloser(r) {
				continue
			}
			if refused != nil {
				// Two that meet beside a mark have grown into each other.
				if !slices.ContainsFunc(mentions, func(m Mention) bool { return !opens(all[m.Start:]) }) {
					t.Fatalf("%+q: %v", raw, refused)
				}
				return
			}
			// Only beside a mark that may be composed it may have grown.
			got, mEnd := placed[i], m.Start+m.Length
			gotEnd := got.Start + got.Length
			if got.Start > m.Start || got.Start < m.Start && opens(all[m.Start:]) || gotEnd < mEnd || gotEnd > mEnd && opens(all[mEnd:]) {
				t.Fatalf("mention %d of %+q, %+q, is %v, want %v", i, raw, text, got, m)
			}
		}
	})
}

// opens tells whether NFC has a boundary before a text.
func opens(units []uint16) bool {
	return norm.NFC.PropertiesString(string(utf16.Decode(units))).BoundaryBefore()
}

func isCloser(r rune) bool { return r == '\u202C' || r == '\u2069' }

func FuzzNormalizeMarked(f *testing.F) {
	for _, s := range awkward {
		f.Add("x"+s+"y@Mona", 1, 1, 2, 3)
		f.Add(s+s, 0, len(s), len(s), len(s))
	}
	f.Fuzz(func(t *testing.T, raw string, start, length, start2, length2 int) {
		given := []Mention{{Start: start, Length: length}, {Start: start2, Length: length2}}
		text, mentions, err := NormalizeMarked(raw, given)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if want, err := NormalizeText(raw); text != want || err != nil {
			t.Fatalf("%+q with mentions is %+q, without %+q, %v", raw, text, want, err)
		}
		again, mentionsAgain, err := NormalizeMarked(text, mentions)
		if err != nil || again != text || !slices.Equal(mentionsAgain, mentions) {
			t.Fatalf("NormalizeMarked(%+q, %v) = %+q, %v, %v", text, mentions, again, mentionsAgain, err)
		}
		for _, m := range mentions {
			if got := span(text, m); !strings.Contains(text, got) {
				t.Fatalf("%v of %+q splits a character", m, text)
			}
		}
	})
}

func BenchmarkNormalizeMarked(b *testing.B) {
	for _, piece := range []string{"@Mona ", "@Rene\u0301e ", "@مُنَى "} {
		text := strings.Repeat(piece, 500)
		mentions := make([]Mention, MaxMentions)
		for i := range mentions {
			mentions[i] = Mention{Start: i * utf16Length(piece), Length: utf16Length(piece) - 1}
		}
		for _, n := range []int{0, MaxMentions} {
			b.Run(fmt.Sprintf("%s/%d", piece, n), func(b *testing.B) {
				for b.Loop() {
					if _, _, err := NormalizeMarked(text, mentions[:n]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
