package omarty

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// MaxTokenLength is how many bytes a token has at most: what is longer is cut, in
	// texts as in queries.
	MaxTokenLength = 64
	// MaxQueryLength is how many characters a query may have, as NormalizeName counts
	// them.
	MaxQueryLength = 200
	// MaxQueryTerms is how many different words a query may have.
	MaxQueryTerms = 16
)

// Term is a word that a query asks for: a text matches the query if it has, for each
// of its terms, a token that the term matches.
type Term struct {
	// Token is what a token has to be, or to begin with. It is made like those of
	// SearchTokens.
	Token string
	// Prefix tells whether tokens match that begin with it. It is false only for a
	// Han character, which is a token by itself.
	Prefix bool
}

// Matches tells whether a token of a text is what the term asks for.
func (t Term) Matches(token string) bool {
	return token == t.Token || t.Prefix && strings.HasPrefix(token, t.Token)
}

// SearchTokens gives the different words of a text as an index keeps them, in the
// order in which they come first.
//
// A token has 1 to MaxTokenLength bytes of UTF-8 in NFC: letters, digits, and marks of
// scripts where they are parts of letters. It has no white space, no punctuation, no
// quote, no ASCII capital, so that it needs no escaping in a tsvector, and FTS5's
// tokenizer "ascii" takes tokens between spaces as they are. (unicode61 would not: its
// Unicode is older, and it splits at marks.)
//
// Words are those of UAX #29, where dots, underscores and the like divide them, too,
// and an apostrophe does not. A Han or hiragana character, or one of Thai, is a word;
// so is a run of katakana. Commas between thousands are left out. Signs and emoji are
// no words.
//
// Of what people type in more than one way one form is kept: that of NFKC, without
// case (full folding; both Turkish i are i), Latin, Greek, Cyrillic, Hebrew and Arabic
// letters without their marks and strokes, digits of any script as ASCII's. In Arabic
// all forms of alef are alef, carriers of hamza are waw and ya, alef maksura and Farsi
// ya are ya, Farsi kaf is kaf, ta marbuta is ha, and tatweel is nothing; a hamza by
// itself stays.
//
// Which letter carries a hamza is spelled differently by country and school: مسؤول and
// مسئول, شئون and شؤون, شئ and شيء. A word with waw or ya as a carrier has a token for
// each of the two, and one with ya and hamza where it ends in such a ya; a query keeps
// the one that was typed.
//
// A word with the Arabic article, alone (ال) or behind و ف ب ك and ل (لل), has tokens
// without it, and without what is before it, where 3 letters or more remain: بالمصعد is
// found as بالمصعد, المصعد and مصعد. A query keeps its article: who asks for المصعد
// does not want مصعد.
//
// An index keeps tokens: a change of what this gives, also by other tables (now Unicode
// 15.0 in Go 1.26, 17.0 in uax29), is for texts that are indexed after it. Build the
// index anew with it.
func SearchTokens(text string) []string {
	var tokens []string
	known := make(map[string]bool)
	add := func(token string) {
		if !known[token] {
			known[token] = true
			tokens = append(tokens, token)
		}
	}
	for word := range searchWords(text) {
		for _, spelling := range spellings(word) {
			add(cutToken(spelling))
			if rest, ok := withoutArticle(spelling); ok {
				add(cutToken(article + rest))
				add(cutToken(rest))
			}
		}
	}
	return tokens
}

// ParseQuery reads what somebody looks for: the different words in it, each of which
// a text must have or have the beginning of, with case, marks and forms of letters
// told apart as little as SearchTokens does. There is one term or more.
//
// Errors: CodeRequired for nothing but white space, CodeInvalidInput for broken UTF-8
// and where there is no letter or digit, and with MaxLength for more than
// MaxQueryLength characters; CodeTooLarge for more than MaxQueryTerms words.
func ParseQuery(raw string) ([]Term, error) {
	query := strings.TrimSpace(raw)
	switch {
	case query == "":
		return nil, errRequired()
	case !utf8.ValidString(query):
		return nil, Errorf(CodeInvalidInput, "It has characters that a text cannot have.")
	case len(query) > MaxQueryLength*maxCharacterBytes, characters(query) > MaxQueryLength:
		return nil, errTooLong(MaxQueryLength)
	}
	var terms []Term
	known := make(map[string]bool)
	for word := range searchWords(query) {
		token := cutToken(withoutHamza.Replace(word))
		if known[token] {
			continue
		}
		known[token] = true
		if len(terms) == MaxQueryTerms {
			return nil, Errorf(CodeTooLarge, "It has more than %d words.", MaxQueryTerms)
		}
		r, size := utf8.DecodeRuneInString(token)
		terms = append(terms, Term{Token: token, Prefix: size < len(token) || !unicode.Is(unicode.Han, r)})
	}
	if terms == nil {
		return nil, Errorf(CodeInvalidInput, "It has no word to look for.")
	}
	return terms, nil
}

const carriers = "ؤئ"

var (
	withoutHamza = strings.NewReplacer("ؤ", "و", "ئ", "ي")
	carriedByWaw = strings.NewReplacer("ؤ", "و", "ئ", "و")
	carriedByYa  = strings.NewReplacer("ؤ", "ي", "ئ", "ي")
)

// spellings gives the ways to write a word of searchWords, without carriers of hamza;
// the one that it is written in is the first.
func spellings(word string) []string {
	if !strings.ContainsAny(word, carriers) {
		return []string{word}
	}
	all := []string{withoutHamza.Replace(word), carriedByWaw.Replace(word), carriedByYa.Replace(word)}
	if strings.HasSuffix(word, "ئ") {
		all = append(all, withoutHamza.Replace(word)+"ء")
	}
	return all
}

// searchWords gives the words of a text, of whatever length, folded but for waw and ya
// as carriers of hamza.
func searchWords(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for w := words.FromString(foldSearch(text)); w.Next(); {
			for _, part := range splitWord(w.Value()) {
				if !yield(part) {
					return
				}
			}
		}
	}
}

// splitWord gives the parts of a word of UAX #29 that are searched for by themselves;
// none where it is white space or punctuation.
func splitWord(word string) []string {
	if !strings.ContainsFunc(word, notInToken) {
		return tokensAmong(word)
	}
	var joined strings.Builder
	for i, r := range word {
		switch {
		case !notInToken(r):
			joined.WriteRune(r)
		case strings.ContainsRune(`'’"״׳`, r):
		case isThousands(r) && beginsThousand(word[i+utf8.RuneLen(r):]):
		default:
			joined.WriteByte(' ')
		}
	}
	return tokensAmong(strings.Fields(joined.String())...)
}

func tokensAmong(parts ...string) []string {
	n := 0
	for _, p := range parts {
		if strings.ContainsFunc(p, isLetterOrNumber) {
			parts[n] = p
			n++
		}
	}
	return parts[:n]
}

func isThousands(r rune) bool { return r == ',' || r == '٬' }

// beginsThousand tells whether a text begins with three digits, and no more.
func beginsThousand(s string) bool {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	return digits == 3
}

func isLetterOrNumber(r rune) bool { return unicode.In(r, unicode.L, unicode.N) }

func notInToken(r rune) bool { return !unicode.In(r, unicode.L, unicode.N, unicode.M) }

// cutToken gives the first MaxTokenLength bytes of a word, of whole characters.
func cutToken(word string) string {
	if len(word) <= MaxTokenLength {
		return word
	}
	n := MaxTokenLength
	for !utf8.RuneStart(word[n]) {
		n--
	}
	return word[:n]
}

const article = "ال"

// withoutArticle gives what remains of a folded word behind the Arabic article, and
// behind و or ف, and ب, ك or ل, before it; false where it has none, or where fewer
// than 3 letters remain, so that the article is rather a part of the word.
func withoutArticle(word string) (string, bool) {
	rest := word
	if r, ok := cutOne(rest, "و", "ف"); ok {
		rest = r
	}
	if r, ok := strings.CutPrefix(rest, "لل"); ok {
		rest = r
	} else {
		if r, ok := cutOne(rest, "ب", "ك"); ok {
			rest = r
		}
		if rest, ok = strings.CutPrefix(rest, article); !ok {
			return "", false
		}
	}
	return rest, utf8.RuneCountInString(rest) >= 3
}

func cutOne(s string, prefixes ...string) (string, bool) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, true
		}
	}
	return s, false
}

// foldSearch gives the one form of a text that is searched, but for waw and ya as
// carriers of hamza, which it keeps.
func foldSearch(text string) string {
	// Folding what is decomposed, and decomposing what was folded, is that of
	// Unicode's caseless matching (D146).
	s := norm.NFKD.String(cases.Fold().String(norm.NFKD.String(text)))
	var b strings.Builder
	b.Grow(len(s))
	var letter rune
	for _, r := range s {
		if !unicode.Is(unicode.M, r) {
			letter = r
		}
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r)) //nolint:gosec // below RuneSelf
		case r == hamzaAbove && (letter == 'و' || letter == 'ي'):
			b.WriteRune(r)
			letter = 0 // it carries one
		case isFoldedMark(r):
		case unicode.Is(unicode.Cf, r):
			if r == zeroWidthSpace {
				b.WriteByte(' ')
			}
		default:
			if as, ok := searchLetters[r]; ok {
				b.WriteString(as)
			} else {
				b.WriteRune(asciiDigit(r))
			}
		}
	}
	return norm.NFC.String(b.String())
}

const (
	zeroWidthSpace = '\u200B'
	hamzaAbove     = '\u0654'
)

// isFoldedMark tells whether a mark is one that people leave out: an accent, a point,
// tashkeel. Kana and the scripts of India have marks that make another letter.
func isFoldedMark(r rune) bool {
	const voiced, semiVoiced = '\u3099', '\u309A'
	return unicode.Is(unicode.M, r) && r != voiced && r != semiVoiced &&
		unicode.In(r, unicode.Inherited, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Hebrew, unicode.Arabic)
}

// searchLetters are the letters, beside what NFKD and case folding make of them, that
// people write for each other. Those that stand for nothing are signs of prosody and
// transliteration.
var searchLetters = map[rune]string{
	'ٱ': "ا", 'ٲ': "ا", 'ٳ': "ا",
	'ى': "ي", 'ی': "ي", 'ۍ': "ي", 'ێ': "ي",
	'ک': "ك", 'ڪ': "ك",
	'ة': "ه", 'ہ': "ه", 'ۃ': "ه", 'ھ': "ه", 'ە': "ه",
	'ـ': "", 'ٴ': "", 'ۥ': "", 'ۦ': "",

	'ı': "i", 'ȷ': "j", 'ø': "o", 'đ': "d", 'ł': "l", 'ħ': "h", 'ŧ': "t",
	'æ': "ae", 'œ': "oe", 'ð': "d", 'þ': "th",

	'ʹ': "", 'ʺ': "", 'ʻ': "", 'ʼ': "", 'ʽ': "", 'ʾ': "", 'ʿ': "",
}
