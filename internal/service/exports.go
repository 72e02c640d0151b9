package service

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// dataExports bounds how often a person has all of their data put together.
var dataExports = omarty.Rate{Name: "exportMyData", Burst: 3, Every: 8 * time.Hour}

const (
	// exportLook is how often it is looked for exports that are to be made, such as those
	// of a node that went down, and swept what is over.
	exportLook = 5 * time.Second
	// exportLease is for how long a node says that it makes an export; it says so again
	// each exportBeat, with how far it is.
	exportLease = time.Minute
	exportBeat  = time.Second
	// exportGivesUp is how old an export is that is not tried again when it fails.
	exportGivesUp = time.Hour
	// expiredAtOnce is how many exports are looked up that are over.
	expiredAtOnce = 100
)

// ExportMyData has all that is known of the asker put together, in the background: one at
// a time, and the same while it is being made. RATE_LIMITED.
func (s *Service) ExportMyData(ctx context.Context, by Asker) (omarty.DataExport, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.DataExport{}, err
	}
	var e omarty.DataExport
	open := func(ctx context.Context, tx Tx) (err error) {
		e, err = tx.OpenExport(ctx, by.User, s.now())
		return err
	}
	// Who asks again, be it a hundred times, is not counted for it.
	if err := s.writeAs(ctx, by, open); omarty.CodeOf(err) != omarty.CodeNotFound {
		return e, err
	}
	giveBack, err := s.count(ctx, dataExports, by.User.String())
	if err != nil {
		return omarty.DataExport{}, err
	}
	isNew := false
	err = s.writeAs(ctx, by, func(ctx context.Context, tx Tx) error {
		if err := open(ctx, tx); omarty.CodeOf(err) != omarty.CodeNotFound {
			return err
		}
		now := s.now()
		e = omarty.DataExport{ID: omarty.NewID(omarty.KindDataExport), Owner: by.User, CreatedAt: now, ExpiresAt: now.Add(omarty.ExportLifetime)}
		isNew = true
		if err := tx.CreateExport(ctx, e); err != nil {
			return err
		}
		return tx.Record(ctx, omarty.AuditRecord{
			ID: omarty.NewID(omarty.KindAuditEntry), At: now, Action: omarty.ActionExportMyData, Actor: by.User, Subject: e.ID,
		})
	})
	if err != nil || !isNew {
		giveBack()
		return e, err
	}
	s.exports.wake()
	return e, nil
}

// Exports gives the asker's exports, the newest first.
func (s *Service) Exports(ctx context.Context, by Asker) ([]omarty.DataExport, error) {
	if err := by.SignedIn(); err != nil {
		return nil, err
	}
	return s.Store.Exports(ctx, by.User, s.now())
}

// Export gives an export of the asker's: NOT_FOUND for others'.
func (s *Service) Export(ctx context.Context, by Asker, id omarty.ID) (omarty.DataExport, error) {
	if err := by.SignedIn(); err != nil {
		return omarty.DataExport{}, err
	}
	e, err := s.Store.Export(ctx, ofKind(id, omarty.KindDataExport), s.now())
	if err == nil && e.Owner != by.User {
		return omarty.DataExport{}, notThere()
	}
	return e, err
}

// ReadExport gives the content of an export from an offset on: who may read it, the caller
// has found out.
func (s *Service) ReadExport(ctx context.Context, id omarty.ID, offset int64) (io.ReadCloser, error) {
	return s.Files.Get(ctx, id.String(), offset, -1)
}

// exports says that there may be one to make.
type exports struct {
	due chan struct{}
	// made and failed count what this node made, and bytes how much that is.
	made, failed, bytes atomic.Uint64
}

func (e *exports) wake() {
	select {
	case e.due <- struct{}{}:
	default:
	}
}

// WatchExports makes exports, one after the other, and removes those that are over, until
// ctx ends. What keeps it from that goes to failed, and it goes on.
func (s *Service) WatchExports(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(exportLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.exports.due:
		case <-tick.C:
		}
		for _, do := range []func(context.Context) error{s.makeExports, s.sweepExports} {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// makeExports makes those that nobody makes.
func (s *Service) makeExports(ctx context.Context) error {
	for {
		var e omarty.DataExport
		claim := s.now().Add(exportLease)
		err := s.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			e, err = tx.ClaimExport(ctx, s.now(), claim)
			return err
		})
		if omarty.CodeOf(err) == omarty.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.makeExport(ctx, e, claim); err != nil {
			return err
		}
	}
}

// makeExport makes one that was claimed until a moment.
func (s *Service) makeExport(ctx context.Context, e omarty.DataExport, claim time.Time) error {
	total, err := s.Store.PersonalSize(ctx, e.Owner)
	if err != nil {
		return err // it is tried again when the claim has ended
	}
	m := &exporter{service: s, export: e, claim: claim, total: total}
	err = m.put(ctx)
	if err == nil {
		err = m.finish(ctx)
	}
	switch {
	case err == nil:
		s.exports.made.Add(1)
		s.exports.bytes.Add(uint64(m.written)) //nolint:gosec // never negative
		s.viewerChanged(e.Owner, false)
		return nil
	case errors.Is(err, errLost):
		// Who erased their account has none. That of another node is as good.
		if _, err := s.Store.Export(ctx, e.ID, s.now()); omarty.CodeOf(err) == omarty.CodeNotFound {
			return s.Files.Delete(ctx, e.ID.String())
		}
		return nil
	case ctx.Err() != nil, omarty.CodeOf(err) == omarty.CodeUnavailable, s.now().Sub(e.CreatedAt) < exportGivesUp:
		return err
	}
	// Whatever it is, it will be the same the next time.
	s.exports.failed.Add(1)
	_ = s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.FailExport(ctx, e.ID, s.now()) })
	return err
}

// sweepExports removes some of those that are over.
func (s *Service) sweepExports(ctx context.Context) error {
	over, err := s.Store.ExpiredExports(ctx, s.now(), expiredAtOnce)
	if err != nil {
		return err
	}
	for _, id := range over {
		if err := s.Files.Delete(ctx, id.String()); err != nil {
			return err
		}
		if err := s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.DropExport(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}
