package service

import (
	"context"
	"errors"
	"maps"
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
// have no file, or are of no export, and those that never became whole. By then no upload is
// under way.
func (s *Service) SweepLost(ctx context.Context) error {
	old := map[string]omarty.ID{}
	sweep := func() error {
		err := s.sweepUnknown(ctx, old)
		clear(old)
		return err
	}
	until := s.now().Add(-omarty.FileKept)
	err := s.Files.Each(ctx, func(key string, written time.Time) error {
		if id, ok := omarty.OwnerOfKey(key); ok && written.Before(until) {
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
	// The rest of a shared bucket is others'.
	return errors.Join(err, s.Files.Abandon(ctx, func(key string, written time.Time) bool {
		_, ours := omarty.OwnerOfKey(key)
		return ours && written.Before(until)
	}))
}

// sweepUnknown removes those of contents of which nobody knows what they are for.
func (s *Service) sweepUnknown(ctx context.Context, contents map[string]omarty.ID) error {
	var files []omarty.ID
	known := map[omarty.ID]bool{}
	for _, id := range contents {
		if id.Kind == omarty.KindFile {
			files = append(files, id)
			continue
		}
		_, err := s.Store.Export(ctx, id, s.now())
		if err != nil && omarty.CodeOf(err) != omarty.CodeNotFound {
			return err
		}
		known[id] = err == nil
	}
	found, err := s.Store.KnownFiles(ctx, files)
	if err != nil {
		return err
	}
	maps.Copy(known, found)
	for key, id := range contents {
		if known[id] {
			continue
		}
		if err := s.Files.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
