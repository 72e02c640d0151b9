package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// mustReadPart gives all of a part of what is known of a person, and in how many pages.
func mustReadPart(t *testing.T, s *store.Store, of omarty.ID, part omarty.PersonalPart) (items []any, pages int) {
	t.Helper()
	for after := ""; ; {
		page, next, err := s.Personal(t.Context(), of, part, after)
		must(t, err)
		items, pages = append(items, page...), pages+1
		if after = next; after == "" {
			return items, pages
		}
		if pages > 100 {
			t.Fatalf("%s has no end", part)
		}
	}
}

// All that points at a person is in what is exported of them, once, in pages; and what is
// others' is not.
func TestWhatIsKnownOfAPerson(t *testing.T) {
	eachCrowd(t, 3, 2, func(t *testing.T, c crowd, db testkit.Database) {
		who, other := c.people[1], c.people[2]
		leaveTraces(t, c, db, db.Open(t))
		counts := map[omarty.PersonalPart]int{
			omarty.PartProfile: 1, omarty.PartSessions: 1, omarty.PartCodes: 1, omarty.PartMemberships: 1, omarty.PartRooms: 3,
			omarty.PartMessages: 2101, omarty.PartActivity: 2, omarty.PartMentions: 1, omarty.PartReactions: 1, omarty.PartVotes: 1,
			omarty.PartAcknowledgements: 1, omarty.PartReports: 1, omarty.PartBlocked: 1, omarty.PartExports: 1, omarty.PartAudit: 3, omarty.PartFiles: 2,
		}
		var all strings.Builder
		for _, part := range omarty.PersonalParts {
			items, pages := mustReadPart(t, c.Store, who, part)
			if len(items) != counts[part] {
				t.Errorf("%s has %d items, want %d", part, len(items), counts[part])
			}
			if long := part == omarty.PartMessages || part == omarty.PartActivity; pages > 1 != long {
				t.Errorf("%s has %d pages", part, pages)
			}
			once := map[string]bool{}
			for _, item := range items {
				text, err := json.Marshal(item)
				must(t, err)
				if once[string(text)] {
					t.Errorf("%s has twice %s", part, text)
				}
				once[string(text)] = true
				all.Write(text)
			}
		}
		for _, has := range []string{who.String(), `"p1@example.com"`, `"It says 2099"`, `"a@example.com"`, `"longitude":31.2`, `"me.jpg"`, `"why"`, other.String()} {
			if !strings.Contains(all.String(), has) {
				t.Errorf("it does not have %s", has)
			}
		}
		// What others wrote, who blocked them, and what only the service may know.
		for _, has := range []string{"look", "p2@example.com", `"hash"`, `"mac"`, c.people[0].String()} {
			if strings.Contains(all.String(), has) {
				t.Errorf("it has %s", has)
			}
		}
		if size, err := c.PersonalSize(t.Context(), who); err != nil || size != 2104 {
			t.Errorf("the size is %d, %v", size, err)
		}
	})
}

// An export is made by one at a time, is taken over from who went away, and is nobody's
// once it is over.
func TestExportsAreClaimed(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store) {
		c := newCrowd(t, s, 1, 1)
		who, at := c.people[0], moment
		e := omarty.DataExport{ID: omarty.NewID(omarty.KindDataExport), Owner: who, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
		open := func() (found omarty.DataExport, err error) {
			err = s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
				found, err = tx.OpenExport(ctx, who, at)
				return err
			})
			return found, err
		}
		claim := func(after, until time.Duration) bool {
			err := s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				got, err := tx.ClaimExport(ctx, at.Add(after), at.Add(until))
				if err == nil && got.ID != e.ID {
					t.Errorf("claimed %v", got)
				}
				return err
			})
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
			return err == nil
		}
		keep := func(was, after, until time.Duration) (kept bool) {
			must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
				kept, err = tx.KeepExport(ctx, e.ID, at.Add(was), at.Add(after), at.Add(until), 0.5)
				return err
			}))
			return kept
		}
		finish := func(was, after time.Duration) (finished bool) {
			must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
				finished, err = tx.FinishExport(ctx, e.ID, at.Add(was), at.Add(after), at.Add(2*time.Hour), 3<<30)
				return err
			}))
			return finished
		}
		if _, err := open(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("before there is one: %v", err)
		}
		if claim(0, time.Minute) {
			t.Error("claimed what is not there")
		}
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.CreateExport(ctx, e) }))
		if got, err := open(); err != nil || got != e {
			t.Errorf("got %v, %v; want %v", got, err, e)
		}
		if !claim(0, time.Minute) || claim(time.Second, 2*time.Minute) {
			t.Error("it is not claimed by exactly one")
		}
		if !keep(time.Minute, time.Second, 2*time.Minute) || keep(time.Minute, 2*time.Second, 3*time.Minute) {
			t.Error("it is not kept by exactly the one that has it")
		}
		if got, err := s.Export(t.Context(), e.ID, at); err != nil || got.Progress != 0.5 || got.FinishedAt != nil || got.Size != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if !claim(3*time.Minute, 4*time.Minute) || finish(2*time.Minute, 3*time.Minute) || !finish(4*time.Minute, 3*time.Minute) {
			t.Error("it is not finished by exactly the one that took it over")
		}
		if claim(time.Hour, 2*time.Hour) {
			t.Error("claimed what is finished")
		}
		if _, err := open(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("when it is finished: %v", err)
		}
		all, err := s.Exports(t.Context(), who, at)
		must(t, err)
		if len(all) != 1 || all[0].Progress != 1 || all[0].FinishedAt == nil || *all[0].Size != omarty.MaxExportSize || !all[0].ExpiresAt.Equal(at.Add(2*time.Hour)) {
			t.Errorf("got %v", all)
		}
		for after, want := range map[time.Duration]int{time.Hour: 0, 2 * time.Hour: 1} {
			over, err := s.ExpiredExports(t.Context(), at.Add(after), 10)
			must(t, err)
			if len(over) != want {
				t.Errorf("after %v, %d are over, want %d", after, len(over), want)
			}
		}
		if all, err = s.Exports(t.Context(), who, at.Add(2*time.Hour)); err != nil || len(all) != 0 {
			t.Errorf("when it is over: %v, %v", all, err)
		}
		// One that is over, or was erased with the person, is nobody's to make.
		e.ID = omarty.NewID(omarty.KindDataExport)
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.CreateExport(ctx, e) }))
		if !claim(0, time.Minute) {
			t.Error("not claimed")
		}
		c.erase(t, 0)
		if keep(time.Minute, time.Second, 2*time.Minute) || finish(time.Minute, time.Second) || claim(2*time.Minute, 3*time.Minute) {
			t.Error("it is made for who was erased")
		}
	})
}
