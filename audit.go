package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
)

// auditCommand prints the audit log, with where devices were, which is for the operator
// alone.
type auditCommand struct {
	Building string    `placeholder:"ID" help:"Only what a building's managers read; all of it where there is none."`
	Since    time.Time `placeholder:"TIME" help:"Only from this moment on, such as 2026-01-31T00:00:00Z."`
	JSON     bool      `name:"json" help:"As one JSON object in a line."`
}

// auditLine is a line as JSON.
type auditLine struct {
	ID        string   `json:"id"`
	At        string   `json:"at"`
	Action    string   `json:"action"`
	Actor     string   `json:"actor,omitempty"`
	Building  string   `json:"building,omitempty"`
	Subject   string   `json:"subject,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Latitude  *float64 `json:"latitude,omitempty"`
}

// print writes the log, the oldest first, a page at a time.
func (c auditCommand) print(ctx context.Context, verbs *service.Service, out io.Writer) error {
	in := omarty.AuditFilter{Since: c.Since}
	if c.Building != "" {
		id, ok := omarty.ParseID(c.Building)
		if !ok || id.Kind != omarty.KindBuilding {
			return fmt.Errorf("--building: %q is no id of a building", c.Building)
		}
		in.Building = id
	}
	page := omarty.Page{First: 500}
	for {
		found, err := verbs.AuditLines(ctx, in, page)
		if err != nil {
			return err
		}
		for _, r := range found.Items {
			if err := c.write(out, r); err != nil {
				return err
			}
		}
		if !found.More {
			return nil
		}
		page.After = &found.Cursors[len(found.Cursors)-1]
	}
}

func (c auditCommand) write(out io.Writer, r omarty.AuditRecord) error {
	line := auditLine{
		ID: r.ID.String(), At: r.At.Format("2006-01-02T15:04:05.000000Z"), Action: string(r.Action),
		Actor: r.Actor.String(), Building: r.Building.String(), Subject: r.Subject.String(),
	}
	if r.Place != nil {
		line.Longitude, line.Latitude = &r.Place.Longitude, &r.Place.Latitude
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(line)
	}
	place := "-"
	if r.Place != nil {
		place = fmt.Sprintf("%g,%g", r.Place.Longitude, r.Place.Latitude)
	}
	_, err := fmt.Fprintf(out, "%s %s by %s in %s to %s at %s\n", line.At, line.Action,
		orDash(line.Actor), orDash(line.Building), orDash(line.Subject), place)
	return err
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
