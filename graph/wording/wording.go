// Package wording says in other languages what people are told in English: messages of
// errors. In the code a message is an English sentence, which is the key of its
// translation in arabic.go; nothing else names it.
package wording

import (
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

// Language is one that people are told messages in.
type Language int

// The languages. Where nobody says which one they read, it is English.
const (
	English Language = iota
	Arabic
)

// tags are the languages, in the order of their constants.
var tags = []language.Tag{language.English, language.Arabic}

var matcher = language.NewMatcher(tags)

// maxAccepted bounds the Accept-Language headers that are read, in bytes; no browser
// sends more than a tenth of it.
const maxAccepted = 1000

// OfLocale gives the language of who has a BCP 47 locale, such as "ar-EG"; false where
// the locale is of another language, or of none.
func OfLocale(locale string) (Language, bool) {
	tag, err := language.Parse(locale)
	if err != nil {
		return English, false
	}
	return nearest(tag)
}

// Accepted gives the language that an Accept-Language header likes best (RFC 9110,
// 12.5.4); false where it names none of ours, or is not to be understood.
func Accepted(header string) (Language, bool) {
	if len(header) > maxAccepted {
		return English, false
	}
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return English, false
	}
	for _, tag := range wanted { // the one liked best first
		if l, ok := nearest(tag); ok {
			return l, true
		}
	}
	return English, false
}

// nearest gives the language that who reads another one reads, too, as Unicode's CLDR
// has it.
func nearest(tag language.Tag) (Language, bool) {
	_, i, confidence := matcher.Match(tag)
	if confidence < language.High {
		return English, false
	}
	return Language(i), true
}

// Known tells whether a format is said in other languages.
func Known(format string) bool {
	_, ok := arabic[format]
	return ok
}

// Say says what a format of package fmt does with its arguments, where it is Known and
// the language is not English; else false. Numbers are in the language's digits.
func (l Language) Say(format string, args ...any) (string, bool) {
	if l != Arabic || !Known(format) {
		return "", false
	}
	return message.NewPrinter(language.Arabic, message.Catalog(translations)).Sprintf(format, args...), true
}

var translations = build()

func build() catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	for format, said := range arabic {
		if err := b.Set(language.Arabic, format, said); err != nil {
			panic(err) // arabic.go is at fault
		}
	}
	return b
}
