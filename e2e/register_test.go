package e2e

import (
	"maps"
	"strings"
	"sync"
	"testing"
)

// fault is one thing that can be wrong with a registration.
type fault struct {
	name        string
	code, field string
	// spoil changes an input that is good otherwise. taken is an account that the
	// server has.
	spoil func(input variables, taken person)
	// inputs are those that spoil sets: two faults of one input cannot be at once.
	inputs string
}

// set is a fault's spoil that sets an input to a value.
func set(input string, value any) func(variables, person) {
	return func(v variables, _ person) { v[input] = value }
}

// faults are what can be wrong, in the contract's order of checks. Those from
// rest on are "the rest", which have no order among themselves.
var faults = []fault{
	{"no phone", "REQUIRED", "input.phone", set("phone", ""), "phone"},
	{"blank phone", "REQUIRED", "input.phone", set("phone", " \t"), "phone"},
	{"no e-mail", "REQUIRED", "input.email", set("email", ""), "email"},
	{"blank e-mail", "REQUIRED", "input.email", set("email", " \u00a0"), "email"},
	{"no password", "REQUIRED", "input.password", set("password", ""), "password"},
	{"no confirmation", "REQUIRED", "input.confirmPassword", set("confirmPassword", ""), "confirmPassword"},
	{"no name", "REQUIRED", "input.name", set("name", ""), "name"},
	{"blank name", "REQUIRED", "input.name", set("name", "  "), "name"},
	{"passwords differ", "PASSWORD_MISMATCH", "", set("confirmPassword", "another password"), "confirmPassword"},
	{"malformed e-mail", "INVALID_INPUT", "input.email", set("email", "nobody at example.com"), "email"},
	{"taken e-mail", "EMAIL_TAKEN", "input.email", func(v variables, taken person) { v["email"] = taken.email }, "email"},
	{"malformed phone", "INVALID_INPUT", "input.phone", set("phone", "12345"), "phone"},
	{"taken phone", "PHONE_TAKEN", "input.phone", func(v variables, taken person) { v["phone"] = taken.phone }, "phone"},
	{"weak password", "PASSWORD_TOO_WEAK", "input.password", func(v variables, _ person) {
		v["password"], v["confirmPassword"] = "short", "short"
	}, "password confirmPassword"},
	{"long password", "INVALID_INPUT", "input.password", func(v variables, _ person) {
		v["password"], v["confirmPassword"] = longText(1025), longText(1025)
	}, "password confirmPassword"},
	{"name with a control character", "INVALID_INPUT", "input.name", set("name", "Nour\u0007Hassan"), "name"},
	{"longitude off the globe", "INVALID_INPUT", "input.longitude", set("longitude", 180.5), "longitude"},
	{"latitude off the globe", "INVALID_INPUT", "input.latitude", set("latitude", -90.5), "latitude"},
}

// rest is the index of the first fault that is among "the rest".
const rest = 14

// bothPossible tells whether two faults can be wrong at once. A password that
// differs from its confirmation can still be missing or weak.
func bothPossible(a, b fault) bool {
	for input := range strings.FieldsSeq(a.inputs) {
		if strings.Contains(" "+b.inputs+" ", " "+input+" ") {
			return a.name == "passwords differ" && b.inputs == "password confirmPassword"
		}
	}
	return true
}

func TestRegisterNamesEachFault(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		taken := s.mustRegister(t)
		for _, f := range faults {
			input := stranger().input()
			f.spoil(input, taken)
			r := s.register(t, input)
			if r.code() != f.code || f.field != "" && r.field() != f.field {
				t.Errorf("%s: got %v", f.name, r)
			}
			if r.data != nil {
				t.Errorf("%s: there is data beside the error: %v", f.name, r)
			}
		}
	})
}

// Where two things are wrong, the earlier in the order of checks is the answer.
func TestRegisterChecksInOrder(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		taken := s.mustRegister(t)
		pairs := 0
		for i, first := range faults {
			for j, second := range faults[i+1:] {
				if !bothPossible(first, second) {
					continue
				}
				pairs++
				input := stranger().input()
				second.spoil(input, taken)
				first.spoil(input, taken)
				r := s.register(t, input)
				wantField := first.field
				if i >= rest && i+1+j >= rest {
					wantField = "" // either may be named
				}
				if r.code() != first.code || wantField != "" && r.field() != wantField {
					t.Errorf("%s, then %s: got %v", first.name, second.name, r)
				}
			}
		}
		if pairs < 100 {
			t.Errorf("only %d pairs were tried", pairs)
		}
	})
}

// All at once, as much as can be, peeled off from the first to the last.
func TestRegisterChecksInOrderWhenAllIsWrong(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		taken := s.mustRegister(t)
		for from := range faults {
			input := stranger().input()
			for i := len(faults) - 1; i >= from; i-- {
				faults[i].spoil(input, taken)
			}
			r := s.register(t, input)
			if r.code() != faults[from].code {
				t.Errorf("from %s on: got %v", faults[from].name, r)
			}
		}
	})
}

// An account has one e-mail address and one phone number, however they are
// written.
func TestRegisterKnowsWhatIsTaken(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		taken := stranger()
		taken.email = "Zoë." + taken.email
		s.register(t, taken.input()).mustSucceed(t)
		for _, email := range spellingsOfEmail(taken.email) {
			s.register(t, stranger().input().with(variables{"email": email})).
				expectCode(t, "EMAIL_TAKEN", "input.email")
		}
		for _, phone := range spellingsOfPhone(taken.phone) {
			r := s.register(t, stranger().input().with(variables{"phone": phone}))
			if r.code() != "PHONE_TAKEN" {
				t.Errorf("%q: got %v", phone, r)
			}
		}
	})
}

// spellingsOfEmail gives ways of writing an address that differ in case alone, or
// in white space around it.
func spellingsOfEmail(email string) []string {
	return []string{
		email,
		strings.ToUpper(email),
		strings.ToLower(email),
		strings.Title(email), //nolint:staticcheck // an odd mix of cases is what is wanted
		"  " + email + "\n",
	}
}

// spellingsOfPhone gives ways of writing an Egyptian mobile number, such as
// 01012345678.
func spellingsOfPhone(phone string) []string {
	significant := phone[1:]
	shifted := func(text string, zero rune) string {
		return strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return zero + r - '0'
			}
			return r
		}, text)
	}
	return []string{
		phone,
		"+20" + significant,
		"0020" + significant,
		"+20 " + significant[:3] + " " + significant[3:],
		"(" + phone[:3] + ") " + phone[3:7] + "-" + phone[7:],
		phone[:3] + "." + phone[3:7] + "." + phone[7:],
		"  " + phone + " ",
		shifted(phone, '٠'), // Arabic-Indic
		shifted(phone, '۰'), // as in Persian and Urdu
		shifted(phone, '０'), // full width
		"＋" + shifted("20"+significant, '０'),
		shifted("+20 "+significant, '٠'),
		"\u200e" + phone + "\u200f", // marks of direction, as phones copy them
		"\u202a+20\u00a0" + significant + "\u202c",
	}
}

// Of those who register the same at once, one gets the account and everybody else
// the answer that the order of checks gives.
func TestRegisterInARace(t *testing.T) {
	t.Parallel()
	// What goes wrong in a race goes wrong now and then: several small ones find
	// more than one that is large.
	const racers, rounds = 24, 3
	for _, race := range []struct {
		name string
		// mine gives what a racer changes of the common input.
		mine func(racer int, common variables) variables
		want string
	}{
		{"all equal", func(int, variables) variables { return nil }, "EMAIL_TAKEN"},
		{"equal in other spellings", func(i int, common variables) variables {
			emails := spellingsOfEmail(common["email"].(string))
			phones := spellingsOfPhone(common["phone"].(string))
			return variables{"email": emails[i%len(emails)], "phone": phones[i%len(phones)]}
		}, "EMAIL_TAKEN"},
		{"equal e-mail", func(int, variables) variables { return variables{"phone": stranger().phone} }, "EMAIL_TAKEN"},
		{"equal phone", func(int, variables) variables { return variables{"email": stranger().email} }, "PHONE_TAKEN"},
	} {
		t.Run(race.name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, e engine) {
				s := sharedServer(t, e)
				for range rounds {
					common := stranger().input()
					codes := make([]string, racers)
					var all sync.WaitGroup
					for i := range codes {
						input := common.with(race.mine(i, common))
						all.Go(func() {
							// A busy machine has no turn for a hash now and then.
							r, err := s.insist("", registerDocument, variables{"input": input})
							codes[i] = r.code()
							if err != nil {
								codes[i] = err.Error()
							}
						})
					}
					all.Wait()
					expectTally(t, codes, map[string]int{"": 1, race.want: racers - 1})
				}
			})
		})
	}
}

// expectTally demands how often each text is among those given.
func expectTally(t *testing.T, got []string, want map[string]int) {
	t.Helper()
	counts := map[string]int{}
	for _, text := range got {
		counts[text]++
	}
	if !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
}
