package load

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
)

// Place is where a test of load happens: rooms, and people who are in them.
type Place struct {
	Server string
	// Others are the other nodes of its installation, as Server says it: listeners, and
	// who sends, are shared out to all of them.
	Others []string
	Rooms  []Room
	// Publishers are the tokens of people who send.
	Publishers []string
	// Listeners are tokens of a person who is in each of the rooms.
	Listeners []string
}

// server gives the node for one of many.
func (p *Place) server(number int) string {
	if number %= len(p.Others) + 1; number > 0 {
		return p.Others[number-1]
	}
	return p.Server
}

// Room is a room of a place.
type Room struct {
	ID string
	// Publishers are those who are in it, as indexes into the place's.
	Publishers []int
}

// Size is how large a place is.
type Size struct{ Rooms, Publishers, Sessions int }

// Furnish makes a place on a server: it registers people who are of no other use,
// and has them open a building for each room.
func Furnish(ctx context.Context, c *Client, size Size) (*Place, error) {
	p := &Place{Server: c.Server}
	for i := range size.Publishers {
		tokens, err := settle(ctx, c, fmt.Sprintf("Publisher %d", i+1), 1)
		if err != nil {
			return nil, err
		}
		p.Publishers = append(p.Publishers, tokens...)
	}
	tokens, err := settle(ctx, c, "All Ears", max(size.Sessions, 1))
	if err != nil {
		return nil, err
	}
	p.Listeners = tokens
	for i := range size.Rooms {
		room, err := p.open(ctx, c, i, size.Rooms)
		if err != nil {
			return nil, fmt.Errorf("room %d: %w", i+1, err)
		}
		p.Rooms = append(p.Rooms, room)
	}
	return p, nil
}

// settle registers a person, and signs them in so often.
func settle(ctx context.Context, c *Client, name string, sessions int) (tokens []string, err error) {
	number, err := rand.Int(rand.Reader, big.NewInt(1e8))
	if err != nil {
		return nil, err
	}
	login := "load-" + Tag() + "@example.com"
	password := "load " + Tag()
	err = c.Ask(ctx, "", `mutation($input: RegisterInput!) { register(input: $input) { user { id } } }`, map[string]any{
		"input": map[string]any{
			"phone": fmt.Sprintf("+2010%08d", number), "email": login, "name": name,
			"password": password, "confirmPassword": password,
		},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("registering %s: %w", name, err)
	}
	for range sessions {
		var in struct{ LogIn struct{ Token string } }
		err = c.Ask(ctx, "", `mutation($input: LogInInput!) { logIn(input: $input) { token } }`, map[string]any{
			"input": map[string]any{"login": login, "password": password, "device": "loadtest"},
		}, &in)
		if err != nil {
			return nil, fmt.Errorf("signing %s in: %w", name, err)
		}
		tokens = append(tokens, in.LogIn.Token)
	}
	return tokens, nil
}

// open opens a building, and lets those into its COMMUNITY room who belong there:
// where there are as many rooms as publishers, or more, each has one of them.
func (p *Place) open(ctx context.Context, c *Client, number, rooms int) (Room, error) {
	var room Room
	first := number % len(p.Publishers)
	manager := p.Publishers[first]
	var opened struct {
		CreateBuilding struct {
			Building struct {
				ID          string
				ViewerRooms struct{ Nodes []struct{ ID, Kind string } }
			}
		}
	}
	err := c.Ask(ctx, manager, `mutation($input: CreateBuildingInput!) {
		createBuilding(input: $input) { building { id viewerRooms { nodes { id kind } } } } }`, map[string]any{
		"input": map[string]any{"name": fmt.Sprintf("Load %d", number+1)},
	}, &opened)
	if err != nil {
		return room, err
	}
	building := opened.CreateBuilding.Building
	for _, r := range building.ViewerRooms.Nodes {
		if r.Kind == "COMMUNITY" {
			room.ID = r.ID
		}
	}
	var invited struct {
		CreateInvitation struct{ Invitation struct{ Code string } }
	}
	err = c.Ask(ctx, manager, `mutation($input: CreateInvitationInput!) { createInvitation(input: $input) { invitation { code } } }`, map[string]any{
		"input": map[string]any{"building": building.ID, "preapproved": true},
	}, &invited)
	if err != nil {
		return room, err
	}
	room.Publishers = []int{first}
	joining := []string{p.Listeners[0]}
	for i := range p.Publishers {
		if i != first && i%rooms == number {
			room.Publishers = append(room.Publishers, i)
			joining = append(joining, p.Publishers[i])
		}
	}
	for _, token := range joining {
		err := c.Ask(ctx, token, `mutation($input: JoinBuildingInput!) { joinBuilding(input: $input) { membership { status } } }`, map[string]any{
			"input": map[string]any{"code": invited.CreateInvitation.Invitation.Code},
		}, nil)
		if err != nil {
			return room, err
		}
	}
	return room, nil
}

// Tag gives a name that was never used.
func Tag() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
