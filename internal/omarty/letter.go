package omarty

import (
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Letter is a mail to one person, or a message to one phone.
type Letter struct {
	// ID names it, so that who gets it twice can tell.
	ID string
	// To is an e-mail address, or a phone number in E.164.
	To string
	// Locale is the BCP 47 tag of the language that it is in.
	Locale string
	// Subject is empty for phones.
	Subject string
	// Text is in lines that end in line feeds.
	Text string
}

// Task is something that is to be done outside of the database.
type Task struct {
	ID   ID
	Kind TaskKind
	// Sealed is what it takes to do it; see Secrets.
	Sealed    []byte
	Attempts  int
	CreatedAt time.Time
	// DueAt is when it is tried next, and ExpiresAt from when on it is of no use.
	DueAt     time.Time
	ExpiresAt time.Time
}

// TaskKind is what is to be done.
type TaskKind string

// The kinds of tasks.
const (
	// TaskReset sends a code to who has a login, if anybody has.
	TaskReset TaskKind = "RESET"
	TaskMail  TaskKind = "MAIL"
	TaskPhone TaskKind = "PHONE"
)

// TaskKinds are all of them.
var TaskKinds = []TaskKind{TaskReset, TaskMail, TaskPhone}

// inArabic tells whether who has a locale reads Arabic.
func inArabic(locale string) bool {
	tag, err := language.Parse(locale)
	base, _ := tag.Base()
	return err == nil && base.String() == "ar"
}

// CodeLetter gives what brings a code. The code stands alone in a line, and there is no
// other number of six digits.
func CodeLetter(to, locale, code string, reset bool) Letter {
	l := Letter{To: to, Locale: locale}
	var lines []string
	switch arabic := inArabic(locale); {
	case arabic && reset:
		l.Subject = "رمز إعادة تعيين كلمة المرور"
		lines = []string{"رمزك لإعادة تعيين كلمة المرور في عمارتي:", code, "الرمز صالح لمدة عشر دقائق. إن لم تطلبه فتجاهل هذه الرسالة، ولا تعطِ الرمز لأحد."}
	case arabic:
		l.Subject = "رمز التحقق"
		lines = []string{"رمز التحقق الخاص بك في عمارتي:", code, "الرمز صالح لمدة عشر دقائق. إن لم تطلبه فتجاهل هذه الرسالة، ولا تعطِ الرمز لأحد."}
	case reset:
		l.Subject = "Your code for a new password"
		lines = []string{"Your code to set a new password at Omarty:", code, "It is good for ten minutes. If you did not ask for it, ignore this message; give the code to nobody."}
	default:
		l.Subject = "Your verification code"
		lines = []string{"Your verification code at Omarty:", code, "It is good for ten minutes. If you did not ask for it, ignore this message; give the code to nobody."}
	}
	l.Text = strings.Join(lines, "\n\n") + "\n"
	return l
}

// ChangedLetter tells the former contact that it is no longer the account's.
func ChangedLetter(to, locale string) Letter {
	l := Letter{To: to, Locale: locale}
	if inArabic(locale) {
		l.Subject = "تم تغيير بيانات الاتصال"
		l.Text = "لم تعد هذه وسيلة الاتصال بحسابك في عمارتي. إن لم تكن أنت من غيّرها فتواصل مع إدارة العمارة.\n"
		return l
	}
	l.Subject = "Your contact was changed"
	l.Text = "Your account at Omarty is no longer reached here. If it was not you who changed that, talk to your building's managers.\n"
	return l
}

// Backlog is what waits of something that is to be done.
type Backlog struct {
	Waiting int
	// Oldest is since when; zero where nothing waits.
	Oldest time.Time
}

// Backlogs are those of an installation.
type Backlogs struct {
	// Tasks are by their kind, each of which is there.
	Tasks map[TaskKind]Backlog
	// Exports are those that are to be made, or are being made.
	Exports int
}
