package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/omarty/chat/ent/generated"
	"github.com/omarty/chat/ent/generated/dataexport"
	"github.com/omarty/chat/ent/generated/user"
	"github.com/omarty/chat/internal/omarty"
)

// maxExports bounds how many exports of a person are read.
const maxExports = 100

// Exports gives a person's exports at a moment, the newest first: 100 at the most.
func (s *Store) Exports(ctx context.Context, of omarty.ID, now time.Time) ([]omarty.DataExport, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.DataExport, error) {
		rows, err := db.DataExport.Query().Where(dataexport.UserID(of.Row), dataexport.FailedAtIsNil(), dataexport.ExpiresAtGT(now)).
			Order(dataexport.ByID(sql.OrderDesc())).Limit(maxExports).All(ctx)
		return each(rows, export), err
	})
}

// Export gives an export that is there at a moment.
func (s *Store) Export(ctx context.Context, id omarty.ID, now time.Time) (omarty.DataExport, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) (omarty.DataExport, error) {
		row, err := db.DataExport.Query().
			Where(dataexport.ID(id.Row), dataexport.FailedAtIsNil(), dataexport.ExpiresAtGT(now)).Only(ctx)
		if err != nil {
			return omarty.DataExport{}, err
		}
		return export(row), nil
	})
}

// ExpiredExports gives some of the exports that are over at a moment.
func (s *Store) ExpiredExports(ctx context.Context, now time.Time, most int) ([]omarty.ID, error) {
	return read(ctx, s, func(ctx context.Context, db *generated.Client) ([]omarty.ID, error) {
		rows, err := db.DataExport.Query().Where(dataexport.ExpiresAtLTE(now)).Limit(most).All(ctx)
		return each(rows, func(row *generated.DataExport) omarty.ID { return export(row).ID }), err
	})
}

// OpenExport gives the export of a person that is being made, and lets nobody else begin
// one until the transaction ends: ErrNotFound where there is none.
func (tx *Tx) OpenExport(ctx context.Context, of omarty.ID, now time.Time) (omarty.DataExport, error) {
	if _, err := tx.tx.User.Query().Where(user.ID(of.Row), forUpdate).Only(ctx); err != nil {
		return omarty.DataExport{}, absent(err)
	}
	row, err := tx.tx.DataExport.Query().
		Where(dataexport.UserID(of.Row), dataexport.FinishedAtIsNil(), dataexport.FailedAtIsNil(), dataexport.ExpiresAtGT(now)).First(ctx)
	if err != nil {
		return omarty.DataExport{}, absent(err)
	}
	return export(row), nil
}

// CreateExport stores an export that is to be made.
func (tx *Tx) CreateExport(ctx context.Context, e omarty.DataExport) error {
	return tx.tx.DataExport.Create().SetID(e.ID.Row).SetUserID(e.Owner.Row).SetCreatedAt(e.CreatedAt).SetExpiresAt(e.ExpiresAt).Exec(ctx)
}

// ClaimExport gives an export that nobody makes at a moment, the one that has waited longest,
// to who will make it until another: ErrNotFound where there is none.
func (tx *Tx) ClaimExport(ctx context.Context, now, until time.Time) (omarty.DataExport, error) {
	row, err := tx.tx.DataExport.Query().
		Where(dataexport.FinishedAtIsNil(), dataexport.FailedAtIsNil(), dataexport.ExpiresAtGT(now),
			dataexport.Or(dataexport.ClaimedUntilIsNil(), dataexport.ClaimedUntilLTE(now)), forUpdate).
		Order(dataexport.ByID()).First(ctx)
	if err != nil {
		return omarty.DataExport{}, absent(err)
	}
	return export(row), row.Update().SetClaimedUntil(until).Exec(ctx)
}

// KeepExport keeps a claim on an export at a moment until a later one, and says how far it
// is; false where the claim was lost, or the export is over.
func (tx *Tx) KeepExport(ctx context.Context, id omarty.ID, claim, now, until time.Time, progress float64) (bool, error) {
	n, err := tx.claimed(id, claim, now).SetClaimedUntil(until).SetProgress(progress).Save(ctx)
	return n == 1, err
}

// FinishExport says that an export is made; false as KeepExport.
func (tx *Tx) FinishExport(ctx context.Context, id omarty.ID, claim, at, expires time.Time, size int64) (bool, error) {
	n, err := tx.claimed(id, claim, at).ClearClaimedUntil().SetProgress(1).SetFinishedAt(at).SetExpiresAt(expires).SetSize(size).Save(ctx)
	return n == 1, err
}

// FailExport says that an export will not be made.
func (tx *Tx) FailExport(ctx context.Context, id omarty.ID, at time.Time) error {
	return tx.tx.DataExport.Update().Where(dataexport.ID(id.Row), dataexport.FinishedAtIsNil()).SetFailedAt(at).SetExpiresAt(at).Exec(ctx)
}

func (tx *Tx) claimed(id omarty.ID, claim, now time.Time) *generated.DataExportUpdate {
	return tx.tx.DataExport.Update().
		Where(dataexport.ID(id.Row), dataexport.ClaimedUntil(claim), dataexport.FinishedAtIsNil(), dataexport.ExpiresAtGT(now))
}

// DropExport removes an export.
func (tx *Tx) DropExport(ctx context.Context, id omarty.ID) error {
	_, err := tx.tx.DataExport.Delete().Where(dataexport.ID(id.Row)).Exec(ctx)
	return err
}

func export(row *generated.DataExport) omarty.DataExport {
	e := omarty.DataExport{
		ID: omarty.ID{Kind: omarty.KindDataExport, Row: row.ID}, Owner: omarty.ID{Kind: omarty.KindUser, Row: row.UserID},
		CreatedAt: row.CreatedAt.UTC(), Progress: row.Progress, FinishedAt: inUTC(row.FinishedAt), ExpiresAt: row.ExpiresAt.UTC(),
	}
	if row.Size != nil {
		size := int(min(*row.Size, omarty.MaxExportSize))
		e.Size, e.Bytes = &size, *row.Size
	}
	return e
}
