package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// leftOut, as a choice of a form's value, leaves the field out.
const leftOut = "\x00left out"

// Everything that can be wrong, in all combinations: of each field every way to
// be, 864 forms in all. The first fault in the documented order is the answer.
func TestFormFaultsInAllCombinations(t *testing.T) {
	t.Parallel()
	type choice struct{ value, is string }
	missing := []choice{{leftOut, "missing"}, {"", "missing"}, {" \t ", "missing"}}
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		taken, free := s.mustRegister(t), stranger()
		// The good choice of each comes last, and so the form that registers.
		phones := slices.Concat(missing, []choice{{"12345", "malformed"}, {taken.phone, "taken"}, {free.phone, ""}})
		emails := slices.Concat(missing, []choice{{"nobody", "malformed"}, {taken.email, "taken"}, {free.email, ""}})
		names := slices.Concat(missing, []choice{{free.name, ""}})
		passwords := []struct{ password, confirmation, is string }{
			{leftOut, free.password, "missing"},
			{"", free.password, "missing"},
			{free.password, leftOut, "missing"},
			{free.password, "", "missing"},
			{free.password, free.password + "x", "differ"},
			{free.password, free.password, ""},
		}
		tried := 0
		for _, phone := range phones {
			for _, email := range emails {
				for _, name := range names {
					for _, p := range passwords {
						form := url.Values{}
						for field, value := range map[string]string{
							"pnum": phone.value, "email": email.value, "name": name.value,
							"password": p.password, "confirmPassword": p.confirmation,
						} {
							if value != leftOut {
								form.Set(field, value)
							}
						}
						var want string
						switch {
						case phone.is == "missing", email.is == "missing", p.is == "missing":
							want = formEnterData
						case name.is == "missing":
							want = formEnterName
						case p.is == "differ":
							want = formDiffer
						case email.is == "malformed":
							want = formInvalidEmail(email.value)
						case email.is == "taken":
							want = formEmailTaken
						case phone.is == "malformed":
							want = formInvalidPhone(phone.value)
						case phone.is == "taken":
							want = formPhoneTaken
						default:
							want = formRegistered
						}
						s.postForm(t, form.Encode()).expectForm(t, form.Encode(), want)
						tried++
					}
				}
			}
		}
		if tried != 864 {
			t.Errorf("%d forms were tried", tried)
		}
		// Of all these, only the one without a fault was stored.
		s.mustLogIn(t, free.email, free.password)
	})
}

// Passwords are taken as they are: white space is a password.
func TestFormPasswords(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, password := range []string{" ", "  two words  ", "x", "test", "123456", "ن", "p+l&u=s%", longText(1024)} {
			p := stranger()
			p.password = password
			s.postForm(t, p.form().Encode()).expectForm(t, password, formRegistered)
			s.mustLogIn(t, p.email, password)
		}
		p := stranger()
		form := p.form()
		form.Set("confirmPassword", p.password+" ")
		s.postForm(t, form.Encode()).expectForm(t, "a space more", formDiffer)
	})
}

// What is broken stores nothing: afterwards the same person can register.
func TestFormThatIsBroken(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		good := p.form().Encode()
		replaced := func(field, raw string) string {
			form := p.form()
			form.Del(field)
			return form.Encode() + "&" + field + "=" + raw
		}
		broken := map[string]string{
			"a long name":                     replaced("name", url.QueryEscape(longText(101))),
			"a long address":                  replaced("email", strings.Repeat("n", 300)+"%40example.com"),
			"a long password":                 strings.ReplaceAll(good, p.password, url.QueryEscape(longText(1025))),
			"a control character in a name":   replaced("name", "Nour%07Hassan"),
			"a broken escape":                 replaced("name", "Nour%zz"),
			"half an escape":                  replaced("name", "Nour%4"),
			"an escape at the end":            replaced("name", "Nour%"),
			"a broken escape in a field name": good + "&na%zzme=x",
		}
		for _, field := range []string{"pnum", "email", "password", "confirmPassword", "name"} {
			broken[field+" is no UTF-8"] = replaced(field, "%ff%fe")
			broken[field+" is no UTF-8, not escaped"] = replaced(field, "\xff\xfe")
			broken[field+" has half a character"] = replaced(field, "%d8")
			broken[field+" has a surrogate"] = replaced(field, "%ed%a0%80")
			broken[field+" has a NUL"] = replaced(field, "a%00b")
			broken[field+" is given twice"] = good + "&" + field + "=" + url.QueryEscape(p.form().Get(field))
		}
		for name, body := range broken {
			s.postForm(t, body).expectFormStatus(t, name, http.StatusBadRequest)
		}
		s.postForm(t, good).expectForm(t, "the same, whole", formRegistered)
	})
}

// Phones without the permission send all sorts of things for coordinates.
func TestFormCoordinatesNeverStopARegistration(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, c := range []string{
			"29.9453866", "", " ", "null", "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "999", "-180.1",
			"0x1p-2", "1_000", "٢٩٫٩", "29,945", "29.9°N", "--", "<b>", strings.Repeat("9", 5000),
		} {
			form := stranger().form()
			form.Set("longitude", c)
			form.Set("latitude", c)
			s.postForm(t, form.Encode()).expectForm(t, c, formRegistered)
		}
		for _, name := range []string{"longitude", "latitude"} {
			form := stranger().form()
			form.Set(name, "12.5")
			s.postForm(t, form.Encode()).expectForm(t, name+" alone", formRegistered)
		}
	})
}

func TestFormIgnoresUnknownFields(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		s.postForm(t, p.form().Encode()+"&device=x&device=y&role=MANAGER&minPassword=1&Name=Other&=&empty").
			expectForm(t, "unknown fields", formRegistered)
		token := s.mustLogIn(t, p.phone, p.password).token
		s.run(t, token, `{ viewer { user { name } } }`, nil).expectData(t, "viewer.user.name", `"`+p.name+`"`)
		// Fields are known by their exact names.
		form := stranger().form()
		form.Set("Pnum", form.Get("pnum"))
		form.Del("pnum")
		s.postForm(t, form.Encode()).expectForm(t, "a field in other case", formEnterData)
	})
}

// An operator may ask the form for longer passwords.
func TestFormMinPassword(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_COMPAT_MIN_PASSWORD=6", "OMARTY_RATE_LIMITS=off")
		p := stranger()
		p.password = "12345"
		s.postForm(t, p.form().Encode()).expectForm(t, "5 characters", formTooShort)
		p.password = "🐪🌴🏺🐫🌅"
		s.postForm(t, p.form().Encode()).expectForm(t, "5 characters of 4 bytes", formTooShort)
		// What is documented comes first.
		form := p.form()
		form.Set("pnum", "1")
		s.postForm(t, form.Encode()).expectForm(t, "and no phone number", formInvalidPhone("1"))
		form = p.form()
		form.Set("confirmPassword", "x")
		s.postForm(t, form.Encode()).expectForm(t, "and two that differ", formDiffer)
		p.password = "123456"
		s.postForm(t, p.form().Encode()).expectForm(t, "6 characters, though common", formRegistered)
		// The mutation asks for more, and cannot be asked for less.
		if got := s.registering(t, variables{"password": "123456", "confirmPassword": "123456"}); got != "PASSWORD_TOO_WEAK input.password" {
			t.Errorf("by the mutation: %q", got)
		}
	})
}
