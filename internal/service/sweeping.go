package service

import (
	"context"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

const (
	// sweepEach is how often it is looked which files are to be removed, where nobody says
	// that there are any; lostEach, which contents have no file.
	sweepEach = time.Minute
	lostEach  = 6 * time.Hour
	// sweptAtOnce is how many files are removed between two looks.
	sweptAtOnce = 100
)

// dropped says that files were dropped: their contents are removed at once.
func (s *Service) dropped() {
	select {
	case s.sweep <- struct{}{}:
	default:
	}
}

// WatchFiles removes the contents of files that were dropped, those of files that nobody
// used for a day, and those that have no file since their upload broke off, until ctx ends.
// Any node may, and several at once. What keeps it from that goes to failed, and it tries
// again: a file is forgotten after its content is gone.
func (s *Service) WatchFiles(ctx context.Context, failed func(error)) {
	sweep, lost := time.NewTicker(sweepEach), time.NewTicker(lostEach)
	defer sweep.Stop()
	defer lost.Stop()
	look := func(sweep func(context.Context) error) {
		if err := sweep(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
	look(s.SweepFiles)
	look(s.SweepLost)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.sweep:
			look(s.SweepFiles)
		case <-sweep.C:
			look(s.SweepFiles)
		case <-lost.C:
			look(s.SweepLost)
		}
	}
}

// SweepFiles is one look of WatchFiles at files.
func (s *Service) SweepFiles(ctx context.Context) error {
	now := s.now()
	err := s.Write(ctx, func(ctx context.Context, tx Tx) error {
		return tx.DropUnused(ctx, now.Add(-omarty.FileKept), now)
	})
	if err != nil {
		return err
	}
	for {
		files, err := s.Store.DroppedFiles(ctx, sweptAtOnce)
		if err != nil || len(files) == 0 {
			return err
		}
		ids := make([]omarty.ID, 0, len(files))
		for _, f := range files {
			if err := s.removeContent(ctx, f); err != nil {
				return err
			}
			ids = append(ids, f.ID)
		}
		if err := s.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.RemoveFiles(ctx, ids) }); err != nil {
			return err
		}
	}
}

// removeContent removes what the storage has of a file.
func (s *Service) removeContent(ctx context.Context, f omarty.File) error {
	if err := s.Files.Delete(ctx, f.ThumbnailKey()); err != nil {
		return err
	}
	return s.Files.Delete(ctx, f.Key())
}

// SweepLost is one look of WatchFiles at contents: those that were written a day ago and
// have no file. By then no upload is under way.
func (s *Service) SweepLost(ctx context.Context) error {
	old := map[string]omarty.ID{}
	sweep := func() error {
		ids := make([]omarty.ID, 0, len(old))
		for _, id := range old {
			ids = append(ids, id)
		}
		known, err := s.Store.KnownFiles(ctx, ids)
		for key, id := range old {
			if err == nil && !known[id] {
				err = s.Files.Delete(ctx, key)
			}
		}
		clear(old)
		return err
	}
	until := s.now().Add(-omarty.FileKept)
	err := s.Files.Each(ctx, func(key string, written time.Time) error {
		if id, ok := omarty.FileOfKey(key); ok && written.Before(until) {
			old[key] = id
		}
		if len(old) < sweptAtOnce {
			return nil
		}
		return sweep()
	})
	if err == nil {
		err = sweep()
	}
	return err
}
