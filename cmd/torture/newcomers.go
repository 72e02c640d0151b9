package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// newcomers are people who do at once what only one of them can: open an account with the
// same number, use the last use of an invitation, open their direct room, leave a building
// as its last managers. Each round has two of them, and judges itself; where it is not known
// what came of a call, it ends.
type newcomers struct {
	manager  *person
	building *building // of their own, once there is one
	abroad   *room     // one that they are not in
	letters  *outboxes
	random   *rand.Rand
	history  *history
	counts   *counts

	number int
	a, b   *person
	// more is a second device of a's, and stays who stayed as their building's manager.
	more, stays *person
}

const (
	newcomersPace = 2500 * time.Millisecond
	// mostNewcomers is how many rounds there are.
	mostNewcomers = 60
)

// errNotKnown ends a round.
var errNotKnown = errors.New("it is not known what came of a call")

func (n *newcomers) run(ctx context.Context, quiet <-chan struct{}) {
	hurry, cancel := until(ctx, quiet)
	defer cancel()
	for round := range mostNewcomers {
		if round > 0 {
			sleep(hurry, time.Duration(n.random.ExpFloat64()*float64(newcomersPace)))
		}
		const forgets, changes = 2, 10
		long := []int{forgets, changes}[n.random.IntN(2)]
		for i, step := range []func(context.Context) error{n.build, n.register, n.forget, n.house, n.pry, n.join, n.meet, n.quarrel, n.manage, n.attach, n.change, n.erase} {
			if hurry.Err() != nil {
				return
			}
			if i == forgets && long != forgets || i == changes && long != changes {
				continue // each of the two takes a while
			}
			err := step(hurry)
			if err != nil && !errors.Is(err, errNotKnown) && hurry.Err() == nil {
				n.blame("newcomers: refused", "%v", err)
			}
			if err != nil {
				break
			}
		}
		n.counts.newcomers.Add(1)
	}
}

func (n *newcomers) blame(kind, format string, a ...any) {
	n.history.blame(violation{kind, fmt.Sprintf(format, a...)})
}

// atOnce makes calls at the same time, and gives their codes, "" for success: errNotKnown
// where one of them has none.
func (n *newcomers) atOnce(calls ...func() error) ([]string, error) {
	codes := make([]string, len(calls))
	errs := make([]error, len(calls))
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() { errs[i] = call() })
	}
	all.Wait()
	for i, err := range errs {
		if err == nil {
			continue
		}
		if codes[i] = codeOf(err); codes[i] == "INTERNAL" {
			n.blame("newcomers: INTERNAL", "%v", err)
		}
		if passes(err) {
			return nil, errNotKnown
		}
	}
	return codes, nil
}

// one demands that one call of two did it, and the other got a code; it gives the one.
func (n *newcomers) one(what, code string, calls ...func() error) (int, error) {
	codes, err := n.atOnce(calls...)
	if err != nil {
		return 0, err
	}
	for i := range codes {
		if codes[i] == "" && codes[1-i] == code {
			return i, nil
		}
	}
	n.blame("at once: not one", "two people %s at once, of whom one can, and were answered %q", what, codes)
	return 0, errNotKnown
}

// sure makes a call whose outcome has to be known.
func (n *newcomers) sure(ctx context.Context, c *client, document string, v variables, into any) error {
	err := c.call(ctx, document, v, into)
	if err != nil && passes(err) {
		return errNotKnown
	}
	return err
}

// build makes the building of all newcomers.
func (n *newcomers) build(ctx context.Context) (err error) {
	if n.building == nil {
		if n.building, err = (&world{manager: n.manager}).newBuilding(ctx, newHistory(), "newcomers"); err != nil {
			n.building, err = nil, errNotKnown
		}
	}
	return err
}

// register opens two accounts, each twice: with one number, and with one address.
func (n *newcomers) register(ctx context.Context) error {
	c := n.manager.client.as("")
	var made [2]struct{ Register struct{ User idJSON } }
	account := func(i, phone, email int) func() error {
		return func() error {
			return c.call(ctx, registerDocument, variables{"input": variables{
				"phone": fmt.Sprintf("+20112%07d", phone), "email": newcomer(email), "name": "New Comer",
				"password": password, "confirmPassword": password,
			}}, &made[i])
		}
	}
	if n.number == 0 {
		n.number = n.random.IntN(1e6) * 8
	}
	n.number += 4
	k := n.number
	first, err := n.one("registered with one number", "PHONE_TAKEN", account(0, k, k), account(1, k, k+1))
	if err != nil {
		return err
	}
	n.a = &person{name: "New Comer", id: made[first].Register.User.ID, login: newcomer(k + first)}
	second, err := n.one("registered with one address", "EMAIL_TAKEN", account(0, k+1, k+2), account(1, k+2, k+2))
	if err != nil {
		return err
	}
	n.b = &person{name: "New Comer", id: made[second].Register.User.ID, login: newcomer(k + 2)}
	n.more = &person{login: n.a.login, id: n.a.id}
	for _, p := range []*person{n.a, n.b, n.more} {
		if p.client, err = n.logIn(ctx, c, p.login, password); err != nil {
			return err
		}
	}
	return nil
}

func newcomer(n int) string { return fmt.Sprintf("newcomer.%09d@example.com", n) }

func (n *newcomers) logIn(ctx context.Context, c *client, login, password string) (*client, error) {
	var in struct{ LogIn struct{ Token string } }
	err := n.sure(ctx, c, logInDocument, variables{"input": variables{"login": login, "password": password}}, &in)
	return c.as(in.LogIn.Token), err
}

// join uses an invitation that is for one.
func (n *newcomers) join(ctx context.Context) error {
	var invited struct {
		CreateInvitation struct{ Invitation struct{ Code string } }
	}
	if err := n.sure(ctx, n.manager.client, onceDocument, variables{"building": n.building.id}, &invited); err != nil {
		return err
	}
	enter := func(p *person) func() error {
		return func() error {
			var none struct{}
			return p.client.call(ctx, joinDocument, variables{"code": invited.CreateInvitation.Invitation.Code}, &none)
		}
	}
	entered, err := n.one("used the last use of an invitation", "INVALID_CODE", enter(n.a), enter(n.b))
	if err != nil {
		return err
	}
	_, err = []*person{n.b, n.a}[entered].join(ctx, n.building.code)
	return err
}

// meet opens the direct room of the two, from all their devices.
func (n *newcomers) meet(ctx context.Context) error {
	var opened [4]struct{ OpenDirectRoom struct{ Room idJSON } }
	var calls []func() error
	for i, who := range []*person{n.a, n.b, n.more, n.b} {
		with := []*person{n.b, n.a}[i%2]
		calls = append(calls, func() error {
			return who.client.call(ctx, directDocument, variables{"user": with.id}, &opened[i])
		})
	}
	codes, err := n.atOnce(calls...)
	if err != nil {
		return err
	}
	room := opened[0].OpenDirectRoom.Room.ID
	for i := range opened {
		if other := opened[i].OpenDirectRoom.Room.ID; codes[i] != "" || other != room {
			n.blame("at once: not one", "two people opened their direct room, and got %q, %s and %s", codes[i], room, other)
		}
	}
	var mine struct {
		Viewer struct {
			Rooms struct{ Nodes []struct{ ID, Kind string } }
		}
	}
	if err := n.sure(ctx, n.a.client, ownRoomsDocument, nil, &mine); err != nil {
		return err
	}
	direct := 0
	for _, r := range mine.Viewer.Rooms.Nodes {
		if r.Kind == "DIRECT" {
			direct++
		}
	}
	if direct != 1 {
		n.blame("at once: not one", "two people opened their direct room, and there are %d", direct)
	}
	return nil
}

// quarrel blocks one of the two: none may write to the other, until it ends.
func (n *newcomers) quarrel(ctx context.Context) error {
	var opened struct{ OpenDirectRoom struct{ Room idJSON } }
	if err := n.sure(ctx, n.a.client, directDocument, variables{"user": n.b.id}, &opened); err != nil {
		return err
	}
	said := 0
	expect := func(code string) error {
		for _, p := range []*person{n.a, n.b} {
			said++
			k := sendKey{room: opened.OpenDirectRoom.Room.ID, key: fmt.Sprintf("quarrel-%d", said)}
			var none struct{}
			err := p.client.call(ctx, sendDocument, variables{"input": k.input("Hello", nil)}, &none)
			if err != nil && passes(err) {
				return errNotKnown
			}
			if got := codeOf(err); got != code {
				n.blame("blocked: writes", "of two one of whom had blocked the other, or no more, one wrote and got %q, not %q", got, code)
			}
		}
		return nil
	}
	var none struct{}
	if err := expect(""); err != nil {
		return err
	}
	if err := n.sure(ctx, n.b.client, blockDocument, variables{"user": n.a.id}, &none); err != nil {
		return err
	}
	if err := expect("FORBIDDEN"); err != nil {
		return err
	}
	if err := n.sure(ctx, n.b.client, unblockDocument, variables{"user": n.a.id}, &none); err != nil {
		return err
	}
	return expect("")
}

// change changes a password: the other device is signed out, on the node that answered at
// once, and on all others a second later.
func (n *newcomers) change(ctx context.Context) error {
	other := password + "-2"
	node := n.random.IntN(len(n.a.client.to.urls))
	var none struct{}
	v := variables{"input": variables{"currentPassword": password, "newPassword": other}}
	if err := n.sure(ctx, n.a.client.at(node), passwordDocument, v, &none); err != nil {
		return err
	}
	g := &guard{history: n.history, room: &room{id: n.building.rooms["COMMUNITY"].id}}
	at := n.history.since()
	for i := range n.a.client.to.urls {
		g.ask(ctx, n.more.client.at(i), i, at, i == node)
	}
	if _, err := n.logIn(ctx, n.a.client, n.a.login, password); codeOf(err) != "INVALID_CREDENTIALS" && !errors.Is(err, errNotKnown) {
		n.blame("password: the old one", "it was changed, and the old one is answered %v", err)
	}
	_, err := n.logIn(ctx, n.a.client, n.a.login, other)
	return err
}

// manage makes a building that both manage, which both leave at once, and whose book tells
// of all of it.
func (n *newcomers) manage(ctx context.Context) error {
	b, err := (&world{manager: n.a}).newBuilding(ctx, newHistory(), "house of newcomers")
	if err != nil {
		return errNotKnown
	}
	theirs, err := n.b.tryJoin(ctx, b.code)
	if err != nil {
		return errNotKnown
	}
	var none struct{}
	if err := n.sure(ctx, n.a.client, roleDocument, variables{"membership": theirs, "role": "MANAGER"}, &none); err != nil {
		return err
	}
	door := func() error {
		var none struct{}
		v := variables{"building": b.id, "apartments": []variables{{"number": "9"}}}
		return n.a.client.call(ctx, apartmentsDocument, v, &none)
	}
	if _, err := n.one("added the same apartment", "INVALID_INPUT", door, door); err != nil {
		return err
	}
	var own struct {
		Building struct{ ViewerMembership idJSON }
	}
	if err := n.sure(ctx, n.a.client, membershipDocument, variables{"building": b.id}, &own); err != nil {
		return err
	}
	leave := func(p *person, membership string) func() error {
		return func() error {
			var none struct{}
			return p.client.call(ctx, leaveDocument, variables{"membership": membership}, &none)
		}
	}
	left, err := n.one("left as the last managers", "CONFLICT", leave(n.a, own.Building.ViewerMembership.ID), leave(n.b, theirs))
	if err != nil {
		return err
	}
	n.stays = []*person{n.b, n.a}[left]
	return n.audit(ctx, n.stays.client, b.id, "createBuilding", "createInvitation", "joinBuilding", "setMemberRole", "addApartments", "endMembership")
}

// audit demands that a building's book tells its manager of each of some actions once.
func (n *newcomers) audit(ctx context.Context, c *client, building string, actions ...string) error {
	var got struct {
		Building struct {
			ViewerManaged *struct {
				AuditLog struct{ Nodes []struct{ Action string } }
			}
		}
	}
	if err := n.sure(ctx, c, auditDocument, variables{"building": building}, &got); err != nil {
		return err
	}
	if got.Building.ViewerManaged == nil {
		n.blame("at once: not one", "who stayed as a building's manager is none")
		return nil
	}
	lines := map[string]int{}
	for _, line := range got.Building.ViewerManaged.AuditLog.Nodes {
		lines[line.Action]++
	}
	for _, action := range actions {
		if lines[action] != 1 {
			n.blame("audit: not once", "%s was done once, and a building's book has %v", action, lines)
			break
		}
	}
	return nil
}
