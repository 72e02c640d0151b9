package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

// An archive is a tar that zstd has compressed, which checks its bytes: what it is, the
// files that people sent, the database as it was after they were listed, those that came
// meanwhile, and how many there are, without which it is not whole.
const (
	archiveFormat   = 1
	archiveManifest = "omarty-chat-backup.json"
	archiveDatabase = "database.sqlite"
	archiveFiles    = "files/"
	archiveEnd      = "end.json"
)

// manifest says what an archive is.
type manifest struct {
	Format  int       `json:"format"`
	Program string    `json:"program"`
	MadeAt  time.Time `json:"madeAt"`
}

// ending says what an archive has to have in it.
type ending struct {
	Files int `json:"files"`
}

// errPostgres says that a command is for SQLite.
var errPostgres = errors.New("the database is PostgreSQL's: copy it with pg_dump or pg_basebackup, and then the files, as docs/operations.md says")

// backupCommand copies the database and the files into an archive, while the program serves.
type backupCommand struct {
	File string `arg:"" help:"The archive to make, such as omarty.tar.zst, which must not be there; - for the standard output."`
}

// run makes the archive: whole, or not at all.
func (b backupCommand) run(ctx context.Context, c config, out io.Writer, _ *slog.Logger) error {
	path, ok := store.PathOf(c.databaseURL)
	if !ok {
		return errPostgres
	}
	contents, err := openFiles(ctx, c)
	if err != nil {
		return err
	}
	defer contents.Close()
	if b.File == "-" {
		folder, err := os.MkdirTemp("", "omarty-backup-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		_, err = writeArchive(ctx, out, path, filepath.Join(folder, archiveDatabase), contents)
		return err
	}
	if _, err := os.Lstat(b.File); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there already", b.File), err)
	}
	unfinished := b.File + ".unfinished"
	file, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // where the operator says
	if err != nil {
		return err
	}
	defer os.Remove(unfinished) // after the end it is not there
	defer file.Close()
	snapshot := b.File + ".database"
	defer os.Remove(snapshot)
	_ = os.Remove(snapshot) // of one that was ended
	told, err := writeArchive(ctx, file, path, snapshot, contents)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, b.File); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(b.File)); err != nil {
		return err
	}
	return tell(out, told, nil)
}

// writeArchive writes an archive, and tells what is in it. The database is copied to the
// snapshot first, which is a file on the way.
func writeArchive(ctx context.Context, to io.Writer, database, snapshot string, contents *blob.Store) (told string, err error) {
	packed, err := zstd.NewWriter(to)
	if err != nil {
		return "", err
	}
	defer packed.Close()
	a := archive{tar.NewWriter(packed), contents, map[string]bool{}}
	made := manifest{archiveFormat, version(), time.Now().UTC().Truncate(time.Second)}
	if err := a.value(archiveManifest, made); err != nil {
		return "", err
	}
	if err := a.files(ctx); err != nil {
		return "", err
	}
	if err := store.Snapshot(ctx, database, snapshot); err != nil {
		return "", err
	}
	size, err := a.database(snapshot)
	if err != nil {
		return "", err
	}
	// What the database names that came after the files were listed.
	if err := a.files(ctx); err != nil {
		return "", err
	}
	if err := a.value(archiveEnd, ending{len(a.has)}); err != nil {
		return "", err
	}
	if err := errors.Join(a.Close(), packed.Close()); err != nil {
		return "", err
	}
	return fmt.Sprintf("copied the database (%d bytes) and %d files, as of %s", size, len(a.has), made.MadeAt.Format(time.RFC3339)), nil
}

// archive is one as it is written.
type archive struct {
	*tar.Writer
	contents *blob.Store
	has      map[string]bool // the files, by key
}

func (a archive) value(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := a.entry(name, int64(len(text))); err != nil {
		return err
	}
	_, err = a.Write(text)
	return err
}

func (a archive) entry(name string, size int64) error {
	return a.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: time.Now(), Typeflag: tar.TypeReg, Format: tar.FormatPAX})
}

// files copies those that are not in it yet.
func (a archive) files(ctx context.Context) error {
	return a.contents.Each(ctx, func(key string, _ time.Time) error {
		if a.has[key] || !isKey(key) {
			return ctx.Err()
		}
		content, size, err := a.contents.Whole(ctx, key)
		if omarty.CodeOf(err) == omarty.CodeNotFound {
			return nil // it went since it was listed
		}
		if err != nil {
			return err
		}
		defer content.Close()
		if err := a.entry(archiveFiles+key, size); err != nil {
			return err
		}
		a.has[key] = true
		_, err = io.Copy(a, content)
		return err
	})
}

func (a archive) database(snapshot string) (size int64, err error) {
	file, err := os.Open(snapshot) //nolint:gosec // it was made by us
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if err := a.entry(archiveDatabase, info.Size()); err != nil {
		return 0, err
	}
	return io.Copy(a, file)
}

// isKey tells whether a file of the storage is one of the program's.
func isKey(key string) bool {
	_, ok := omarty.OwnerOfKey(key)
	return ok
}

// syncFolder has what was renamed in a folder outlive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator's own
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
