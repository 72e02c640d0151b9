package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	exportDocument  = `mutation { exportMyData { export { id createdAt } } }`
	exportsDocument = `query($id: ID!) { node(id: $id) { ... on DataExport { finishedAt url } } }`
	// exportTime is how long an export may take when nothing is broken any more: a node that
	// died may have begun one, and has it for a minute.
	exportTime = 20 * time.Second
)

// export is what somebody was given of their data, in the end.
type export struct {
	person string
	// messages are theirs, by their ids.
	messages map[string]exported
}

// exported is a message as an export has it.
type exported struct {
	ID, Room, Key, Text string
	Seq                 int
	Revisions           []struct{ Text string }
	DeletedAt           *string
}

// errNoExport says that an export was not made in its time.
var errNoExport = errors.New("it was not made in its time")

// surveyExport has all that is known of somebody put together, and reads what they said, which
// nobody else can.
func surveyExport(ctx context.Context, p, other *person) (export, error) {
	one := export{person: p.id, messages: map[string]exported{}}
	archive, path, err := fetchExport(ctx, p)
	if err != nil {
		return one, err
	}
	if theirs, err := other.client.fetch(ctx, path); err == nil && theirs != "" {
		return one, fmt.Errorf("somebody else was given %d bytes of it", len(theirs))
	}
	files, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		return one, fmt.Errorf("it is %d bytes: %w", len(archive), err)
	}
	said, err := files.Open("messages.json")
	if err != nil {
		return one, err
	}
	defer said.Close()
	var all []exported
	if err := json.NewDecoder(said).Decode(&all); err != nil {
		return one, err
	}
	for _, m := range all {
		if _, twice := one.messages[m.ID]; twice {
			return one, fmt.Errorf("it has %s twice", m.ID)
		}
		one.messages[m.ID] = m
	}
	return one, nil
}

// begunExport is one that was asked for.
type begunExport struct {
	ID        string
	CreatedAt time.Time
}

// fetchExport asks for an export twice at once, which is one, waits for it and fetches it. Who
// comes so late with the second time that the first is made already gets another.
func fetchExport(ctx context.Context, p *person) (archive, path string, err error) {
	begun := make(chan begunExport, 2)
	ask := func() {
		var got struct{ ExportMyData struct{ Export begunExport } }
		_ = p.client.insist(ctx, exportDocument, nil, &got)
		begun <- got.ExportMyData.Export
	}
	go ask()
	ask()
	first, second := <-begun, <-begun
	if second.CreatedAt.Before(first.CreatedAt) {
		first, second = second, first
	}
	if first.ID == "" || second.ID == "" {
		return "", "", errors.New("it was asked for twice at once, and not begun both times")
	}
	if first.ID != second.ID {
		var got struct {
			Node *struct{ FinishedAt *time.Time }
		}
		if err := p.client.insist(ctx, exportsDocument, variables{"id": first.ID}, &got); err != nil {
			return "", "", err
		}
		if got.Node == nil || got.Node.FinishedAt == nil || got.Node.FinishedAt.After(second.CreatedAt) {
			return "", "", fmt.Errorf("it was asked for twice at once, and is %q and %q", first.ID, second.ID)
		}
	}
	id := second.ID
	for began := time.Now(); time.Since(began) < exportTime && ctx.Err() == nil; sleep(ctx, 50*time.Millisecond) {
		var got struct {
			Node *struct{ FinishedAt, URL *string }
		}
		if err := p.client.insist(ctx, exportsDocument, variables{"id": id}, &got); err != nil {
			return "", "", err
		}
		if got.Node == nil {
			return "", "", errors.New("it is not there to whose it is")
		}
		if got.Node.FinishedAt != nil && got.Node.URL != nil {
			archive, err = p.client.fetch(ctx, *got.Node.URL)
			return archive, *got.Node.URL, err
		}
	}
	return "", "", errNoExport
}

// checkExports demands that an export has all that somebody said in the rooms that were read,
// as it was said, and nothing of others.
func (c *checker) checkExports() {
	for _, one := range c.history.exports {
		missing := 0
		for _, id := range sortedKeys(c.history.logs) {
			l := c.history.logs[id]
			for _, e := range l.entries {
				if e.kind != messagePosted || e.author != one.person || l.room.flooded {
					continue
				}
				m, there := one.messages[e.message]
				var texts []string
				for _, r := range m.Revisions {
					texts = append(texts, r.Text)
				}
				kept := l.details[e.message].texts
				switch {
				case !there:
					missing++
				case m.Room != l.room.id || m.Seq != e.seq || m.Key != e.key || m.Text != e.text || (m.DeletedAt != nil) != e.deleted:
					c.blame("export: another message", "%s: %v is exported as %+v", l.room.name, e.entry, m)
				case len(kept) < 50 && !slices.Equal(texts, kept):
					c.blame("export: another message", "%s: %s said %q before, and is exported with %q", l.room.name, e.message, kept, texts)
				}
			}
		}
		if missing > 0 {
			c.blame("export: short", "of what %s said %d messages are not in their export of %d", one.person, missing, len(one.messages))
		}
		for id, m := range one.messages {
			l := c.history.logs[m.Room]
			if of := c.lives[id]; of != nil && of.entries[0].author != one.person {
				c.blame("export: of others", "%s: the export of %s has %s, by %s", of.log.room.name, one.person, id, of.entries[0].author)
			} else if of == nil && l != nil {
				c.blame("export: of others", "%s: the export of %s has %s, which is not in the log", l.room.name, one.person, id)
			}
		}
	}
}
