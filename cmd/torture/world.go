package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// person is somebody who plays, on one device.
type person struct {
	name   string
	id     string
	login  string
	client *client
	// password is theirs where it is not the one that all have.
	password string
	// membership is in the first building, of those of whom it matters.
	membership string
	// devices counts those who write as this person at the same time.
	devices int
}

// world is the people and rooms of a run.
type world struct {
	// manager manages both buildings and is in all rooms.
	manager *person
	// residents are in both buildings' rooms.
	residents []*person
	// guest leaves the first building now and then, and joins again; talker is there, and
	// muted by turns.
	guest, talker *guest
	// visitor is in the first building, and there now and then.
	visitor *person
	// companion is in it, and mourned are those who die with a node, one for each, where there
	// are several; typist and leaver are of the signals.
	companion, typist, leaver *person
	mourned                   []*person
	// homes are the apartments of the first building in which residents live, by their ids;
	// two share one.
	homes map[string][]string
	// community and notices are the rooms of the first building, neighbours the
	// community room of the second.
	community, notices, neighbours *room
	// building is the first one.
	building *building
	// hall is a room where nobody comes and goes, so that nobody's coming wakes who is there.
	hall *room
	// flooded are rooms of which only the log is read.
	flooded []*room
}

// guest is a member who comes and goes.
type guest struct {
	person
	code string
}

// rooms are all rooms; played are those in which people do things.
func (w *world) rooms() []*room { return append(append(w.played(), w.hall), w.flooded...) }

func (w *world) played() []*room { return []*room{w.community, w.notices, w.neighbours} }

const password = "correct-horse-battery-staple-7"

// newWorld makes people and buildings on a server that has nothing yet.
func newWorld(ctx context.Context, to *balance, h *history, random *rand.Rand) (*world, error) {
	w := &world{}
	run := random.IntN(1e6)
	names := []string{"Manager", "Resident One", "Resident Two", "Resident Three", "Guest", "Talker", "Visitor", "Companion", "Typist", "Leaver"}
	if nodes := len(to.urls); nodes > 1 {
		for i := range nodes {
			names = append(names, fmt.Sprintf("Mourned %d", i+1))
		}
	}
	people := make([]*person, len(names))
	for i, name := range names {
		p, err := newPerson(ctx, to, h, name, run*20+i)
		if err != nil {
			return nil, fmt.Errorf("registering people: %w", err)
		}
		people[i] = p
	}
	w.manager, w.residents, w.guest, w.visitor = people[0], people[1:4], &guest{person: *people[4]}, people[6]
	w.companion, w.typist, w.leaver, w.mourned = people[7], people[8], people[9], people[10:]
	w.talker = &guest{person: *people[5]}

	first, err := w.newBuilding(ctx, h, "first", "1", "2", "3", "4")
	if err != nil {
		return nil, err
	}
	second, err := w.newBuilding(ctx, h, "second")
	if err != nil {
		return nil, err
	}
	w.community, w.notices, w.neighbours = first.rooms["COMMUNITY"], first.rooms["ANNOUNCEMENTS"], second.rooms["COMMUNITY"]
	third, err := w.newBuilding(ctx, h, "third")
	if err != nil {
		return nil, err
	}
	w.hall = third.rooms["COMMUNITY"]
	w.hall.flooded = true
	w.building = first
	w.homes = map[string][]string{}
	for i, p := range w.residents {
		if _, err := p.join(ctx, second.code); err != nil {
			return nil, err
		}
		membership, err := p.join(ctx, first.code)
		if err != nil {
			return nil, err
		}
		homes := [][]string{first.apartments[:1], first.apartments[:2], first.apartments[2:3]}[i]
		var none struct{}
		if err := w.manager.client.insist(ctx, settleDocument, variables{"membership": membership, "apartments": homes}, &none); err != nil {
			return nil, fmt.Errorf("settling people: %w", err)
		}
		w.homes[p.id] = homes
	}
	h.homes = w.homes
	for _, p := range people[6:] {
		if p.membership, err = p.join(ctx, first.code); err != nil {
			return nil, err
		}
	}
	if w.talker.membership, err = w.talker.join(ctx, first.code); err != nil {
		return nil, err
	}
	w.guest.code = first.code
	w.guest.membership, err = w.guest.join(ctx, first.code)
	return w, err
}

// newPerson registers somebody and logs them in.
func newPerson(ctx context.Context, to *balance, h *history, name string, number int) (*person, error) {
	email := fmt.Sprintf("torture.%08d@example.com", number)
	p := &person{name: name, login: email, client: newClientTo(to)}
	p.client.history = h
	var registered struct{ Register struct{ User idJSON } }
	err := p.client.call(ctx, registerDocument, variables{"input": variables{
		"phone": fmt.Sprintf("+2010%08d", number), "email": email, "name": name + " Torture",
		"password": password, "confirmPassword": password,
	}}, &registered)
	if err != nil {
		return nil, err
	}
	p.id = registered.Register.User.ID
	var in struct{ LogIn struct{ Token string } }
	err = p.client.insist(ctx, logInDocument, variables{"input": variables{"login": email, "password": password}}, &in)
	p.client = p.client.as(in.LogIn.Token)
	return p, err
}

// building is a building that was made for the run.
type building struct {
	id, code   string // of an invitation that lets everybody in
	rooms      map[string]*room
	apartments []string
}

// steady are those who are in all rooms all the time.
func (w *world) steady() []*person { return append([]*person{w.manager}, w.residents...) }

func peopleIDs(people []*person) []string {
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = p.id
	}
	return ids
}

func (w *world) newBuilding(ctx context.Context, h *history, name string, apartments ...string) (*building, error) {
	b := &building{rooms: map[string]*room{}}
	var created struct {
		CreateBuilding struct {
			Building struct {
				ID          string
				ViewerRooms struct {
					Nodes []struct{ ID, Kind, LogID string }
				}
				Apartments struct{ Nodes []idJSON }
			}
		}
	}
	doors := []variables{}
	for _, number := range apartments {
		doors = append(doors, variables{"number": number})
	}
	if err := w.manager.client.call(ctx, createBuildingDocument, variables{"name": "The " + name, "apartments": doors}, &created); err != nil {
		return nil, fmt.Errorf("making a building: %w", err)
	}
	b.id = created.CreateBuilding.Building.ID
	for _, a := range created.CreateBuilding.Building.Apartments.Nodes {
		b.apartments = append(b.apartments, a.ID)
	}
	for _, r := range created.CreateBuilding.Building.ViewerRooms.Nodes {
		b.rooms[r.Kind] = h.addRoom(r.ID, r.LogID, name+"'s "+r.Kind)
	}
	if b.rooms["COMMUNITY"] == nil || b.rooms["ANNOUNCEMENTS"] == nil {
		return nil, errors.New("a new building has no COMMUNITY or no ANNOUNCEMENTS")
	}
	var invited struct {
		CreateInvitation struct{ Invitation struct{ Code string } }
	}
	err := w.manager.client.call(ctx, inviteDocument, variables{"building": created.CreateBuilding.Building.ID}, &invited)
	b.code = invited.CreateInvitation.Invitation.Code
	return b, err
}

// addFlooded makes a room for a flood, in a building of its own.
func (w *world) addFlooded(ctx context.Context, h *history, n int) error {
	b, err := w.newBuilding(ctx, h, fmt.Sprintf("flooded %d", n+1))
	if err != nil {
		return err
	}
	r := b.rooms["COMMUNITY"]
	r.flooded = true
	w.flooded = append(w.flooded, r)
	return nil
}

// join joins a building, and gives the membership's id.
func (p *person) join(ctx context.Context, code string) (string, error) {
	for {
		id, err := p.tryJoin(ctx, code)
		if err == nil || !passes(err) || ctx.Err() != nil {
			return id, err
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// tryJoin is join with one call.
func (p *person) tryJoin(ctx context.Context, code string) (string, error) {
	var joined struct {
		JoinBuilding struct{ Membership struct{ ID, Status string } }
	}
	if err := p.client.call(ctx, joinDocument, variables{"code": code}, &joined); err != nil {
		return "", fmt.Errorf("joining a building: %w", err)
	}
	m := joined.JoinBuilding.Membership
	if m.Status != "ACTIVE" {
		return "", &failure{code: "NOT_ACTIVE", message: "a preapproved code gave a membership that is " + m.Status}
	}
	return m.ID, nil
}
