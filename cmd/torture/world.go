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
	// devices counts those who write as this person at the same time.
	devices int
}

// world is the people and rooms of a run.
type world struct {
	// manager manages both buildings and is in all rooms.
	manager *person
	// residents are in both buildings' rooms.
	residents []*person
	// guest leaves the first building now and then, and joins again.
	guest *guest
	// visitor is in the first building, and there now and then.
	visitor *person
	// community and notices are the rooms of the first building, neighbours the
	// community room of the second.
	community, notices, neighbours *room
	// flooded are rooms of which only the log is read.
	flooded []*room
}

// guest is a member who comes and goes.
type guest struct {
	person
	code       string
	membership string
}

// rooms are all rooms; played are those in which people do things.
func (w *world) rooms() []*room { return append(w.played(), w.flooded...) }

func (w *world) played() []*room { return []*room{w.community, w.notices, w.neighbours} }

const password = "correct-horse-battery-staple-7"

// newWorld makes people and buildings on a server that has nothing yet.
func newWorld(ctx context.Context, to *balance, h *history, random *rand.Rand) (*world, error) {
	w := &world{}
	run := random.IntN(1e6)
	people := make([]*person, 6)
	for i, name := range []string{"Manager", "Resident One", "Resident Two", "Resident Three", "Guest", "Visitor"} {
		p, err := newPerson(ctx, to, name, run*10+i)
		if err != nil {
			return nil, fmt.Errorf("registering people: %w", err)
		}
		people[i] = p
	}
	w.manager, w.residents, w.guest, w.visitor = people[0], people[1:4], &guest{person: *people[4]}, people[5]

	first, err := w.newBuilding(ctx, h, "first")
	if err != nil {
		return nil, err
	}
	second, err := w.newBuilding(ctx, h, "second")
	if err != nil {
		return nil, err
	}
	w.community, w.notices, w.neighbours = first.rooms["COMMUNITY"], first.rooms["ANNOUNCEMENTS"], second.rooms["COMMUNITY"]
	for _, p := range w.residents {
		for _, b := range []*building{first, second} {
			if _, err := p.join(ctx, b.code); err != nil {
				return nil, err
			}
		}
	}
	if _, err := w.visitor.join(ctx, first.code); err != nil {
		return nil, err
	}
	w.guest.code = first.code
	w.guest.membership, err = w.guest.join(ctx, first.code)
	return w, err
}

// newPerson registers somebody and logs them in.
func newPerson(ctx context.Context, to *balance, name string, number int) (*person, error) {
	email := fmt.Sprintf("torture.%08d@example.com", number)
	p := &person{name: name, login: email, client: newClientTo(to)}
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
	code  string // of an invitation that lets everybody in
	rooms map[string]*room
}

func (w *world) newBuilding(ctx context.Context, h *history, name string) (*building, error) {
	b := &building{rooms: map[string]*room{}}
	var created struct {
		CreateBuilding struct {
			Building struct {
				ID          string
				ViewerRooms struct {
					Nodes []struct{ ID, Kind, LogID string }
				}
			}
		}
	}
	if err := w.manager.client.call(ctx, createBuildingDocument, variables{"name": "The " + name}, &created); err != nil {
		return nil, fmt.Errorf("making a building: %w", err)
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
