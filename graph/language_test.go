package graph

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// The locale is read where there is something to say in it, once, and never while
// whoever waits for it would wait in vain.
// leaving are verbs of who leaves rooms.
type leaving struct {
	Verbs
	err error
}

func (l leaving) LeaveRoom(context.Context, service.Asker, omarty.ID) error { return l.err }

func TestWhenTheLocaleIsRead(t *testing.T) {
	t.Parallel()
	register := func(times int) string {
		var b strings.Builder
		b.WriteString(`{"query":"mutation{`)
		for i := range times {
			b.WriteString(string(rune('a'+i)) + `:register(input:{phone:\"1\",email:\"2\",password:\"3\",confirmPassword:\"3\",name:\"4\"}){user{id}}`)
		}
		return b.String() + `}"}`
	}
	arabic := func() (omarty.Account, error) {
		a, err := monasAccount()
		a.Locale = "ar-EG"
		return a, err
	}
	notFound := omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	for _, c := range []struct {
		name    string
		err     error
		account func() (omarty.Account, error)
		body    string
		token   string
		accept  string
		want    string
		reads   int
	}{
		{"nothing is wrong", nil, arabic, register(1), "good", "ar", "", 0},
		{"nobody asks", notFound, arabic, register(1), "", "ar", "غير موجود.", 0},
		{"one error", notFound, arabic, register(1), "good", "en", "غير موجود.", 1},
		{"three errors", notFound, arabic, `{"query":"mutation{a:leaveRoom(room:\"x\"){roomId} b:leaveRoom(room:\"x\"){roomId} c:leaveRoom(room:\"x\"){roomId}}"}`, "good", "en", "غير موجود.", 1},
		{"an error for developers", nil, arabic, `{"query":"{nothing}"}`, "good", "ar", `Cannot query field "…" on type "Query".`, 0},
		{"words that nobody translated", omarty.Errorf(omarty.CodeConflict, "It is so."), arabic, register(1), "good", "ar", "It is so.", 0},
		{
			"the database is away", &omarty.Error{Code: omarty.CodeUnavailable, Message: "The service cannot answer now; try again."},
			arabic, register(1), "good", "fr, ar;q=0.8", "الخدمة غير متاحة الآن، يُرجى المحاولة مرة أخرى.", 0,
		},
		{"a fault", errors.New(secret), arabic, register(1), "good", "ar", "حدث خطأ في الخادم.", 0},
		{"the locale cannot be read", notFound, func() (omarty.Account, error) { return omarty.Account{}, errors.New(secret) }, register(1), "good", "ar", "غير موجود.", 1},
		{"reading the locale panics", notFound, func() (omarty.Account, error) { panic(secret) }, register(1), "good", "ar", "غير موجود.", 1},
		{"a locale of another language", notFound, monasAccount, register(1), "good", "en", "It does not exist.", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reads := 0
			a := newAPI(t, &fakeVerbs{
				Verbs: leaving{err: c.err},
				register: func(context.Context, service.Asker, service.Registration) (omarty.User, error) {
					return omarty.User{ID: mona}, c.err
				},
				account: func(context.Context, service.Asker) (omarty.Account, error) {
					reads++
					return c.account()
				},
			})
			got := a.post(t, c.body, "Authorization", "Bearer "+c.token, "Accept-Language", c.accept)
			if c.want == "" {
				if strings.Contains(got.body, "errors") {
					t.Errorf("got %s", got.body)
				}
			} else if e := got.errorOf(t); e.Message != c.want {
				t.Errorf("got %q, want %q", e.Message, c.want)
			}
			if reads != c.reads {
				t.Errorf("the account was read %d times, not %d", reads, c.reads)
			}
		})
	}
}

// A slow database does not change the language of an answer; the last words of a connection
// do not wait for it.
func TestSlowLocales(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := languages{verbs: &fakeVerbs{account: func(ctx context.Context, _ service.Asker) (omarty.Account, error) {
			select {
			case <-time.After(time.Second):
				return omarty.Account{Locale: "ar-EG"}, nil
			case <-ctx.Done():
				return omarty.Account{}, ctx.Err()
			}
		}}}
		errs := gqlerror.List{{Message: "It does not exist."}}
		ctx := service.WithAsker(t.Context(), service.Asker{User: mona, Session: device})
		if got := l.Translate(ctx, errs)[0].Message; got != "غير موجود." {
			t.Errorf("an answer says %q", got)
		}
		begun := time.Now()
		if got := l.TranslateLast(ctx, errs)[0].Message; got != errs[0].Message || time.Since(begun) > 400*time.Millisecond {
			t.Errorf("last words are %q, after %v", got, time.Since(begun))
		}
		if got := l.TranslateLast(context.WithValue(ctx, acceptedKey{}, "ar"), errs)[0].Message; got != "غير موجود." {
			t.Errorf("last words to who accepts Arabic are %q", got)
		}
	})
}

// Who runs operations in this process gets them in one language.
func TestTheExecutorSpeaksEnglish(t *testing.T) {
	t.Parallel()
	verbs := withAccount(func() (omarty.Account, error) {
		t.Error("the account was read")
		return monasAccount()
	})
	a := newAPI(t, verbs)
	ctx := service.WithAsker(context.WithValue(t.Context(), acceptedKey{}, "ar"), service.Asker{User: mona, Session: device})
	err := omarty.Errorf(omarty.CodeNotFound, "It does not exist.")
	if got := a.presentError(ctx, err).Message; got != "It does not exist." {
		t.Errorf("got %q", got)
	}
}
