package graph

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/omarty/chat/graph/wording"
	"github.com/omarty/chat/internal/omarty"
)

const (
	// localeTime bounds how long an answer waits for the locale of who asks, so that on a
	// machine that is slow, too, it reads as any other.
	localeTime = 2 * time.Second
	// lastLocaleTime is for the last words of a connection: far less than what a stream may
	// take that ends with its session.
	lastLocaleTime = 300 * time.Millisecond
)

type acceptedKey struct{}

// withAccepted gives a context that knows which languages a request accepts.
func withAccepted(ctx context.Context, h http.Header) context.Context {
	lines := h.Values("Accept-Language")
	if len(lines) == 0 {
		return ctx
	}
	return context.WithValue(ctx, acceptedKey{}, strings.Join(lines, ","))
}

// languages tells who asks of errors in the language that they read. Codes, and all
// else that programs read, stay.
type languages struct {
	verbs Verbs
	log   *slog.Logger
}

// Translate gives errors in the language of the locale of who asks, else of their
// Accept-Language, else as they are. Nothing is read where there is nothing to
// translate.
func (l languages) Translate(ctx context.Context, errs gqlerror.List) gqlerror.List {
	return l.translate(ctx, errs, localeTime)
}

// TranslateLast is Translate for the last words of a connection, which have less time.
func (l languages) TranslateLast(ctx context.Context, errs gqlerror.List) gqlerror.List {
	return l.translate(ctx, errs, lastLocaleTime)
}

func (l languages) translate(ctx context.Context, errs gqlerror.List, within time.Duration) gqlerror.List {
	worth, broken := false, false
	for _, e := range errs {
		worth = worth || wording.Known(format(e))
		switch e.Extensions["code"] {
		case string(omarty.CodeUnavailable), string(omarty.CodeInternal):
			broken = true
		}
	}
	if !worth {
		return errs
	}
	if !broken { // else who waited for the database would wait for it once more
		if language, ok := l.ofAsker(ctx, within); ok {
			return said(language, errs)
		}
	}
	return l.TranslateNow(ctx, errs)
}

// TranslateNow is Translate for who may not wait: by Accept-Language alone.
func (languages) TranslateNow(ctx context.Context, errs gqlerror.List) gqlerror.List {
	if len(errs) == 0 {
		return errs
	}
	header, _ := ctx.Value(acceptedKey{}).(string)
	language, _ := wording.Accepted(header)
	return said(language, errs)
}

// ofAsker gives the language of the locale of who asks; false where nobody does, or it
// is neither of ours, or cannot be read in time.
func (l languages) ofAsker(ctx context.Context, within time.Duration) (language wording.Language, ok bool) {
	defer func() {
		// What there is to tell is worth more than in which language.
		if v := recover(); v != nil {
			l.log.ErrorContext(ctx, "fault", "error", recovered(ctx, v))
			ok = false
		}
	}()
	by := asker(ctx)
	if by.SignedIn() != nil {
		return wording.English, false
	}
	// An operation whose time is up is told so, too.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	account, err := l.verbs.Account(bounded, by)
	if err != nil {
		return wording.English, false
	}
	return wording.OfLocale(account.Locale)
}

// said gives errors in a language; those that are given stay, as they may be others',
// too.
func said(in wording.Language, errs gqlerror.List) gqlerror.List {
	if in == wording.English {
		return errs
	}
	told := make(gqlerror.List, len(errs))
	for i, e := range errs {
		var args []any
		if known, ok := errors.AsType[*omarty.Error](e.Err); ok {
			args = known.Args
		}
		told[i] = e
		if message, ok := in.Say(format(e), args...); ok {
			c := *e
			c.Message = message
			told[i] = &c
		}
	}
	return told
}

// format gives what an error's message was made of.
func format(e *gqlerror.Error) string {
	if known, ok := errors.AsType[*omarty.Error](e.Err); ok && known.Format != "" && e.Message == known.Message {
		return known.Format
	}
	return e.Message
}
