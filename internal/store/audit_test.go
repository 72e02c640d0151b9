package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// Nothing of the audit log is changed, removed or replaced, whatever statement tries to,
// but that the person and the place are cleared.
func TestTheAuditLogStays(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db testkit.Database) {
		s := open(t, db)
		line := omarty.AuditRecord{
			ID: omarty.NewID(omarty.KindAuditEntry), At: moment, Action: omarty.ActionLogIn,
			Actor: omarty.NewID(omarty.KindUser), Building: omarty.NewID(omarty.KindBuilding),
			Subject: omarty.NewID(omarty.KindUser), Place: &omarty.Coordinates{Longitude: 31, Latitude: 30},
		}
		other := line
		other.ID = omarty.NewID(omarty.KindAuditEntry)
		must(t, s.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			must(t, tx.Record(ctx, line))
			return tx.Record(ctx, other)
		}))
		raw := db.Open(t)
		attacks := []string{
			`UPDATE audit_entries SET at = '2020-01-01'`,
			`UPDATE audit_entries SET action = 'nothing'`,
			`UPDATE audit_entries SET building_id = NULL`,
			`UPDATE audit_entries SET subject = 'user_x'`,
			`UPDATE audit_entries SET actor_id = building_id`,
			`UPDATE audit_entries SET id = building_id`,
			`UPDATE audit_entries SET longitude = 1`,
			`UPDATE audit_entries SET latitude = 1`,
			`DELETE FROM audit_entries`,
		}
		if strings.HasPrefix(s.String(), "SQLite") {
			attacks = append(attacks,
				`INSERT OR REPLACE INTO audit_entries (id, at, action) SELECT id, at, 'nothing' FROM audit_entries LIMIT 1`,
				`REPLACE INTO audit_entries (rowid, id, at, action) SELECT rowid, building_id, at, 'nothing' FROM audit_entries LIMIT 1`,
				`UPDATE OR REPLACE audit_entries SET rowid = 2 WHERE rowid = 1`,
				`UPDATE OR REPLACE audit_entries SET id = (SELECT max(id) FROM audit_entries)`,
				`INSERT INTO audit_entries (id, at, action) SELECT id, at, action FROM audit_entries WHERE true ON CONFLICT (id) DO UPDATE SET action = 'nothing'`,
			)
		} else {
			attacks = append(attacks, `TRUNCATE audit_entries`,
				`INSERT INTO audit_entries (id, at, action) SELECT id, at, action FROM audit_entries ON CONFLICT (id) DO UPDATE SET action = 'nothing'`)
		}
		for _, attack := range attacks {
			if _, err := raw.ExecContext(t.Context(), attack); err == nil {
				t.Errorf("%s succeeds", attack)
			}
		}
		got, err := s.AuditLines(t.Context(), omarty.AuditFilter{Building: line.Building, Since: moment}, omarty.Page{First: 10})
		must(t, err)
		if len(got.Items) != 2 || got.Items[0].Action != omarty.ActionLogIn || got.Items[0].Place == nil || *got.Items[0].Place != *line.Place || got.Items[0].Actor != line.Actor {
			t.Fatalf("what is left: %v", got.Items)
		}
		if _, err := raw.ExecContext(t.Context(), `UPDATE audit_entries SET actor_id = NULL, subject = NULL, longitude = NULL, latitude = NULL`); err != nil {
			t.Errorf("a person cannot be cleared: %v", err)
		}
	})
}
