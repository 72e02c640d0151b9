package demo

import (
	"fmt"
	"strings"
)

// Login is somebody to log in as.
type Login struct {
	Login string
	Name  string
	// Is says what they are.
	Is string
}

// Logins gives some people to log in as, each in another position.
func (t *Town) Logins() []Login {
	first, second := t.houses[0], t.houses[1]
	return []Login{
		{cast["mona"].email, cast["mona"].name, "manages " + first.name},
		{cast["sarah"].email, cast["sarah"].name, "manages " + second.name},
		{cast["karim"].phone, cast["karim"].name, "lives in both"},
		{cast["youssef"].email, cast["youssef"].name, "waits to be let into " + first.name},
	}
}

// Subscription gives what to run to hear what is said in the first house.
func (t *Town) Subscription() string {
	return fmt.Sprintf(`subscription Talk {
  messagePosted(room: %q) {
    seq
    at
    actor { name }
    message { text apartment { number } }
  }
}`, t.houses[0].community)
}

// Screen gives what a person reads first, where the program serves at url.
func (t *Town) Screen(url string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `Omarty Chat is listening, with a demo: two buildings, a week of talk, and residents
who keep talking. It is all made up, and gone when the program ends.

  playground   %[1]s/playground
  GraphQL      %[1]s/graphql

Log in as any of these. The password is the same for all: %[2]s

`, url, Password)
	for _, l := range t.Logins() {
		fmt.Fprintf(&b, "  %-20s %s, %s\n", l.Login, l.Name, l.Is)
	}
	fmt.Fprintf(&b, `
See something move:

  1. In the playground, run the tab LogIn as it stands; copy the token of the answer.
  2. Open a new tab, put the token behind "Bearer " in its Headers, paste this
     and run it:

%s

  The community room of %s is %s.
  Anybody new joins it with the invitation %s.

Stop it with Ctrl-C.
`, t.Subscription(), t.houses[1].name, t.houses[1].community, t.invitation.Code)
	return b.String()
}
