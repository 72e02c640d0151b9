package e2e

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const formPath = "/omartyapis/Auth/Register/"

// The documented answers, to the letter.
const (
	formRegistered   = `{"status":200,"data":"A new record added"}`
	formEmailTaken   = `{"status":403,"message":"email already exist."}`
	formPhoneTaken   = `{"status":403,"message":"Phone number already exist."}`
	formDiffer       = `{"status":401,"message":"password dosn't match confirm password."}`
	formTooShort     = `{"status":401,"message":"password is too short."}`
	formEnterData    = `{"status":400,"message":"Please enter your data (pnum / email / password / confirmPassword)."}`
	formEnterName    = `{"status":400,"message":"Please enter your name."}`
	formPostRequired = `{"status":405,"message":"Please send a POST request."}`
)

func formInvalidEmail(email string) string {
	return `{"status":403,"message":"` + email + ` is not a valid email address"}`
}

func formInvalidPhone(phone string) string {
	return `{"status":403,"message":"` + phone + ` is not a valid Phone Number"}`
}

// form gives a person as the form has them.
func (p person) form() url.Values {
	return url.Values{
		"pnum": {p.phone}, "email": {p.email}, "name": {p.name},
		"password": {p.password}, "confirmPassword": {p.password},
	}
}

// postForm posts a form that is encoded already.
func (s *server) postForm(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return s.do(t, http.MethodPost, formPath, strings.NewReader(body), headers...)
}

var formShape = regexp.MustCompile(`^\{"status":(\d+),"message":"([^"\\]|\\.)+"\}$`)

// expectForm demands the form's answer, byte for byte, and the status that it
// tells.
func (a answer) expectForm(t *testing.T, what, want string) {
	t.Helper()
	if string(a.body) != want || !strings.HasPrefix(want, fmt.Sprintf(`{"status":%d,`, a.status)) {
		t.Errorf("%s: got %v, want %s", clip(what, 200), a, want)
	}
	a.expectFormType(t, what)
}

// expectFormStatus demands an answer whose words are not documented.
func (a answer) expectFormStatus(t *testing.T, what string, want int) {
	t.Helper()
	shape := formShape.FindSubmatch(a.body)
	if a.status != want || shape == nil || string(shape[1]) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %d", clip(what, 200), a, want)
	}
	a.expectFormType(t, what)
}

func (a answer) expectFormType(t *testing.T, what string) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("%s: the content type is %q", clip(what, 200), got)
	}
}

// The example of the documentation works on an empty system, and the person it
// registers logs in with the e-mail address as well as with the number.
func TestFormExample(t *testing.T) {
	t.Parallel()
	const example = "pnum=01011223344&email=test@test.com&password=test&confirmPassword=test&name=TestName&latitude=29.9453866&longitude=31.2900529"
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		s.postForm(t, example, "Accept-Encoding", "identity").expectForm(t, "the example", formRegistered)
		byEmail, byPhone := s.logIn(t, "test@test.com", "test"), s.logIn(t, "01011223344", "test")
		byEmail.expectData(t, "logIn.viewer.user.id", `"`+at[string](t, byPhone, "logIn.viewer.user.id")+`"`)
		token := at[string](t, byPhone, "logIn.token")
		s.run(t, token, `{ viewer { email phone user { name } } }`, nil).
			expectData(t, "viewer", `{"email": "test@test.com", "phone": "+201011223344", "user": {"name": "TestName"}}`)

		s.postForm(t, example).expectForm(t, "the example again", formEmailTaken)
		s.postForm(t, strings.ReplaceAll(example, "test@test.com", "TEST@Test.com")).
			expectForm(t, "the address in capitals", formEmailTaken)
		for _, phone := range spellingsOfPhone("01011223344") {
			body := strings.NewReplacer("test@test.com", "other@test.com", "01011223344", url.QueryEscape(phone)).Replace(example)
			s.postForm(t, body).expectForm(t, body, formPhoneTaken)
		}
		// A + that was not escaped arrives as a space.
		for _, phone := range []string{"+201011223344", "+20+10+1122+3344", "00201011223344"} {
			body := strings.NewReplacer("test@test.com", "other@test.com", "01011223344", phone).Replace(example)
			s.postForm(t, body).expectForm(t, body, formPhoneTaken)
		}
	})
}

// A + that was not escaped is a country code, for registering too.
func TestFormReadsAnUnescapedPlus(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		p.phone = "01012345679"
		body := p.form()
		body.Del("pnum")
		s.postForm(t, body.Encode()+"&pnum=+44+20+7946+0018").expectForm(t, "a number of London", formRegistered)
		s.mustLogIn(t, "+442079460018", p.password)
		q := stranger()
		q.name = "placeholder"
		s.postForm(t, strings.Replace(q.form().Encode(), "placeholder", "Nour+%2B+Omar", 1)).
			expectForm(t, "a + in a name", formRegistered)
		token := s.mustLogIn(t, q.email, q.password).token
		s.run(t, token, `{ viewer { user { name } } }`, nil).expectData(t, "viewer.user.name", `"Nour + Omar"`)
	})
}

func TestFormPaths(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, path := range []string{formPath, strings.TrimSuffix(formPath, "/")} {
			body := stranger().form().Encode()
			s.do(t, http.MethodPost, path, strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded").
				expectForm(t, path, formRegistered)
		}
		if a := s.do(t, http.MethodPost, formPath+"more", strings.NewReader("")); a.status != http.StatusNotFound {
			t.Errorf("below the form's path: %v", a)
		}
	})
}

// The two that are invalid are quoted as they came, and no more escaped than JSON
// needs.
func TestFormQuotesWhatIsInvalid(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		for _, email := range []string{"nobody", "<b>&'@x", "a b@example.com", "نور", "+@"} {
			form := stranger().form()
			form.Set("email", email)
			s.postForm(t, form.Encode()).expectForm(t, email, formInvalidEmail(email))
		}
		for _, phone := range []string{"12345", "<b>&'", "٠١٢", "010 1122 33445566", "call me"} {
			form := stranger().form()
			form.Set("pnum", phone)
			s.postForm(t, form.Encode()).expectForm(t, phone, formInvalidPhone(phone))
		}
		form := stranger().form()
		form.Set("email", `"\`+"\t"+`x`)
		s.postForm(t, form.Encode()).expectForm(t, "what JSON escapes", formInvalidEmail(`\"\\\tx`))
	})
}

// multipartForm gives a form as browsers send those with files.
func multipartForm(t *testing.T, form url.Values) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for name, values := range form {
		for _, value := range values {
			if err := w.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func TestFormAsMultipart(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p := stranger()
		post := func(change func(url.Values), want string) {
			t.Helper()
			form := p.form()
			change(form)
			body, contentType := multipartForm(t, form)
			s.do(t, http.MethodPost, formPath, body, "Content-Type", contentType).expectForm(t, fmt.Sprint(form), want)
		}
		post(func(f url.Values) { f.Del("name") }, formEnterName)
		post(func(f url.Values) { f.Set("pnum", "") }, formEnterData)
		post(func(f url.Values) { f.Set("confirmPassword", "x") }, formDiffer)
		post(func(f url.Values) { f.Set("email", "x") }, formInvalidEmail("x"))
		post(func(f url.Values) { f.Set("pnum", "1") }, formInvalidPhone("1"))
		post(func(f url.Values) { f.Set("latitude", "29.9"); f.Set("longitude", "31.2") }, formRegistered)
		post(func(url.Values) {}, formEmailTaken)
		post(func(f url.Values) { f.Set("email", stranger().email) }, formPhoneTaken)
		s.mustLogIn(t, p.phone, p.password)

		for name, body := range map[string]string{
			"no parts":      "nothing of the kind",
			"broken off":    "--b\r\nContent-Disposition: form-data; name=\"pnum\"\r\n\r\n010",
			"given twice":   part("pnum", "01011223344") + part("pnum", "01011223344") + "--b--\r\n",
			"no UTF-8":      part("name", "\xff\xfe") + "--b--\r\n",
			"a NUL":         part("name", "a\x00b") + "--b--\r\n",
			"a broken head": "--b\r\nnonsense\r\n\r\n010\r\n--b--\r\n",
		} {
			s.do(t, http.MethodPost, formPath, strings.NewReader(body), "Content-Type", "multipart/form-data; boundary=b").
				expectFormStatus(t, name, http.StatusBadRequest)
		}
	})
}

func part(name, content string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n"
}

// Of 150 equal forms at once one registers, and the others hear what is
// documented. Rate limits are on: the phones of a town may share an address. Who waited
// too long for a hash, on a busy machine, sends the form again.
func TestFormInARace(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		p := stranger()
		body := p.form().Encode()
		got := make([]string, 150)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				var a answer
				var err error
				for a.status = http.StatusServiceUnavailable; err == nil && a.status == http.StatusServiceUnavailable; {
					a, err = s.try(http.MethodPost, formPath, strings.NewReader(body),
						"Content-Type", "application/x-www-form-urlencoded", "Accept-Encoding", "identity")
				}
				got[i] = string(a.body)
				if err != nil {
					got[i] = err.Error()
				}
			})
		}
		all.Wait()
		expectTally(t, got, map[string]int{formRegistered: 1, formEmailTaken: len(got) - 1})
		s.mustLogIn(t, p.phone, p.password)
	})
}
