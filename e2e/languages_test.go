package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// expectMessage demands what the first error says to people.
func (h heard) expectMessage(t *testing.T, want string) {
	t.Helper()
	h.result().expectMessage(t, want)
}

func (r result) expectMessage(t *testing.T, want string) {
	t.Helper()
	if len(r.errors) == 0 || r.errors[0].Message != want {
		t.Errorf("want %q: %v", want, r)
	}
}

// doors are the ways to run an operation, each with headers of its own.
var doors = map[string]func(s *server, t *testing.T, token, document string, v variables, headers ...string) result{
	"http": (*server).run,
	"socket": func(s *server, t *testing.T, token, document string, v variables, headers ...string) result {
		t.Helper()
		return s.openSocketAs(t, token, false, headers...).ask(t, document, v)
	},
	"events": func(s *server, t *testing.T, token, document string, v variables, headers ...string) result {
		t.Helper()
		return s.openEventsAs(t, token, document, v, false, headers...).hear(t).result()
	},
}

// What people are told is in the language of their locale, else in that which their
// device asks for; what programs read is the same in all.
func TestErrorsInTwoLanguages(t *testing.T) {
	t.Parallel()
	const english, arabic = "It is no valid phone number.", "رقم الهاتف غير صحيح."
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		in := map[string]string{"nobody's": ""}
		for _, locale := range []string{"ar-EG", "ar", "en-GB", "fr"} {
			_, as := s.mustSignIn(t)
			s.run(t, as.token, profileDocument, variables{"input": variables{"locale": locale}}).mustSucceed(t)
			in[locale] = as.token
		}
		const document = `mutation($input: RegisterInput!) { one: register(input: $input) { user { id } } }`
		input := variables{"input": stranger().input().with(variables{"phone": "12"})}
		for _, c := range []struct{ locale, accepts, want string }{
			{"nobody's", "", english},
			{"nobody's", "ar", arabic},
			{"nobody's", "en", english},
			{"nobody's", "fr, ar;q=0.8", arabic},
			{"nobody's", "ar;q=0.3, en;q=0.8", english},
			{"nobody's", "de", english},
			{"nobody's", "*", english},
			{"nobody's", "nonsense!;q=ar", english},
			{"nobody's", strings.Repeat("ar,", 1000), english},
			{"ar-EG", "", arabic},
			{"ar-EG", "en", arabic},
			{"ar", "nonsense!", arabic},
			{"en-GB", "ar", english},
			{"fr", "ar-EG,ar;q=0.9", arabic},
			{"fr", "", english},
		} {
			for name, ask := range doors {
				t.Run(fmt.Sprint(c.locale, " locale, accepts ", clip(c.accepts, 40), ", ", name), func(t *testing.T) {
					t.Parallel()
					var headers []string
					if c.accepts != "" {
						headers = []string{"Accept-Language", c.accepts}
					}
					r := ask(s, t, in[c.locale], document, input, headers...)
					r.expectMessage(t, c.want)
					if len(r.errors) != 1 {
						t.Fatalf("got %v", r)
					}
					r.errors[0].Message = ""
					rest, err := json.Marshal(r.errors)
					if err != nil {
						t.Fatal(err)
					}
					if want := `[{"message":"","path":["one"],"extensions":{"code":"INVALID_INPUT","field":"input.phone"}}]`; string(rest) != want {
						t.Errorf("beside the message it is %s, want %s", rest, want)
					}
				})
			}
		}
	})
}

// Numbers are counted as the language counts them.
func TestNumbersInMessages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		input := stranger().input().with(variables{"name": strings.Repeat("ن", 1000)})
		r := s.register(t, input)
		r.expectCode(t, "INVALID_INPUT", "input.name")
		r.expectMessage(t, "It has more than 100 characters.")
		const document = `mutation($input: RegisterInput!) { register(input: $input) { user { id } } }`
		r = s.run(t, "", document, variables{"input": input}, "Accept-Language", "ar")
		r.expectCode(t, "INVALID_INPUT", "input.name")
		r.expectMessage(t, "لا يُسمح هنا بأكثر من ١٠٠ حرف.")
		if r.errors[0].Extensions["maxLength"] != 100.0 {
			t.Errorf("got %v", r.errors)
		}
	})
}

// Whoever changes their language is told the next thing in it, on what is open, too.
func TestLanguageChangesOnAnOpenSocket(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		_, mine := s.mustSignIn(t)
		c := s.openSocketAs(t, mine.token, false, "Accept-Language", "fr")
		const document = `mutation { revokeSession(session: "session_none") { __typename } }`
		for _, step := range []struct{ locale, want string }{
			{"ar-EG", "هذه الجلسة غير موجودة."}, {"en-US", "There is no such session."}, {"ar", "هذه الجلسة غير موجودة."},
		} {
			s.run(t, mine.token, profileDocument, variables{"input": variables{"locale": step.locale}}).mustSucceed(t)
			c.ask(t, document, nil).expectMessage(t, step.want)
		}
	})
}

// What says that a client is wrong is for who writes it.
func TestMessagesForDevelopersStayEnglish(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		_, mine := s.mustSignIn(t)
		for name, ask := range doors {
			r := ask(s, t, mine.token, `{ viewer { nothing } }`, nil, "Accept-Language", "ar")
			r.expectCode(t, "BAD_REQUEST", "")
			if len(r.errors) == 0 || !strings.HasPrefix(r.errors[0].Message, "Cannot query field") {
				t.Errorf("%s: got %v", name, r)
			}
		}
	})
}

// Before anybody knows who asks, the request says in which language.
func TestRequestsThatAreTooLargeAreToldSo(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		body := strings.NewReader(`{"query":"` + strings.Repeat(" ", 2<<20) + `"}`)
		a := s.do(t, http.MethodPost, "/graphql", body, "Content-Type", "application/json", "Accept-Language", "ar")
		if a.mustResult(t).expectMessage(t, "الطلب أكبر من المسموح به."); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("got %v", a)
		}
	})
}

// The form is in English to the letter, whatever a device asks for.
func TestFormIsInOneLanguage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		known, p := s.mustRegister(t), stranger()
		for want, changes := range map[string]map[string]string{
			formEmailTaken:             {"email": known.email},
			formPhoneTaken:             {"pnum": known.phone},
			formDiffer:                 {"confirmPassword": "another"},
			formEnterData:              {"email": ""},
			formEnterName:              {"name": ""},
			formInvalidEmail("nobody"): {"email": "nobody"},
			formInvalidPhone("12"):     {"pnum": "12"},
		} {
			form := p.form()
			for name, value := range changes {
				form.Set(name, value)
			}
			s.postForm(t, form.Encode(), "Accept-Language", "ar").expectForm(t, want, want)
		}
		s.postForm(t, p.form().Encode(), "Accept-Language", "ar").expectForm(t, "a registration", formRegistered)
	})
}
