package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const newPasswordDocument = `mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { done } }`

// outboxes are where nodes put letters, for nobody sends them. They are read once.
type outboxes struct {
	nodes []*node
	// to are the letters, by whom they are to.
	to   map[string][]string
	read map[string]bool
}

// lettersTo gives the letters that came to an address, in some order.
func (o *outboxes) lettersTo(address string) []string {
	if o.read == nil {
		o.read, o.to = map[string]bool{}, map[string][]string{}
	}
	for _, one := range o.nodes {
		found, _ := filepath.Glob(filepath.Join(one.data, "outbox", "*.eml")) // the pattern is good
		for _, path := range found {
			if o.read[path] {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			o.read[path] = true
			for _, line := range strings.Split(string(text), "\r\n") {
				if to, ok := strings.CutPrefix(line, "To: "); ok {
					to = strings.Trim(to, "<>")
					o.to[to] = append(o.to[to], string(text))
					break
				}
			}
		}
	}
	return o.to[address]
}

// codeAlone is a code in a line of its own.
var codeAlone = regexp.MustCompile(`(?m)^(\d{6})\r?$`)

// forget has b forget their password: by the code of a letter they have another one, once, and
// are signed out everywhere.
func (n *newcomers) forget(ctx context.Context) error {
	if n.letters == nil {
		return nil
	}
	var none struct{}
	c := n.manager.client.as("")
	if err := n.sure(ctx, c, resetDocument, variables{"login": n.b.login}, &none); err != nil {
		return err
	}
	var letters []string
	for began := time.Now(); len(letters) == 0; letters = n.letters.lettersTo(n.b.login) {
		if ctx.Err() != nil || time.Since(began) > letterTime {
			return errNotKnown // whether it came, the forgetful judge
		}
		sleep(ctx, 50*time.Millisecond)
	}
	found := codeAlone.FindStringSubmatch(letters[0])
	if found == nil {
		n.blame("letters: no code", "a letter to who forgot their password has none: %q", letters[0])
		return nil
	}
	other := password + "-3"
	v := variables{"input": variables{"login": n.b.login, "code": found[1], "newPassword": other}}
	node := n.random.IntN(len(c.to.urls))
	if err := n.sure(ctx, c.at(node), newPasswordDocument, v, &none); err != nil {
		return err
	}
	g := &guard{history: n.history, room: &room{}}
	at := n.history.since()
	for i := range c.to.urls {
		g.ask(ctx, n.b.client.at(i), i, at, i == node)
	}
	again := variables{"input": variables{"login": n.b.login, "code": found[1], "newPassword": password + "-4"}}
	if err := n.sure(ctx, c, newPasswordDocument, again, &none); codeOf(err) != "INVALID_CODE" && !errors.Is(err, errNotKnown) {
		n.blame("password: a code twice", "a code was used once, and again, which is answered %v", err)
	}
	if _, err := n.logIn(ctx, c, n.b.login, password); codeOf(err) != "INVALID_CREDENTIALS" && !errors.Is(err, errNotKnown) {
		n.blame("password: the old one", "it was reset, and the old one is answered %v", err)
	}
	var err error
	if n.b.client, err = n.logIn(ctx, c, n.b.login, other); err == nil {
		n.b.password = other
	}
	return err
}
