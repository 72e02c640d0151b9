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
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

// restoreCommand puts back what backup copied; or, without a file, does what remains to be
// done when the database was put back by its own tools.
type restoreCommand struct {
	File    string `arg:"" optional:"" help:"The archive that backup made; - for the standard input. Without one, the database was put back by its own tools, as PostgreSQL's is, and each room gets a new logId."`
	Replace bool   `help:"Move a database that is there aside, and keep it."`
}

// run restores while nobody serves: whole, or not at all.
func (r restoreCommand) run(ctx context.Context, c config, out io.Writer, log *slog.Logger) (err error) {
	if r.File == "" {
		if r.Replace {
			return errors.New("--replace is for an archive")
		}
		rooms, err := renewLogs(ctx, c.databaseURL, log)
		return tell(out, fmt.Sprintf("%d rooms have a new logId", rooms), err)
	}
	path, ok := store.PathOf(c.databaseURL)
	if !ok {
		return errPostgres
	}
	if _, err := os.Lstat(path); err == nil && !r.Replace {
		return fmt.Errorf("%s is there already; --replace moves it aside", path)
	}
	from := os.Stdin
	if r.File != "-" {
		if from, err = os.Open(r.File); err != nil {
			return err
		}
		defer from.Close()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Beside its place, so that it comes there at once.
	coming := path + ".restoring"
	clearAway := func() {
		for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".archive"} {
			_ = os.Remove(coming + suffix)
		}
	}
	clearAway() // of one that was ended
	defer clearAway()
	archive, err := again(from, coming+".archive")
	if err != nil {
		return err
	}
	defer archive.Close()
	// Whether it is whole its end says, and files come to where they belong before that.
	if _, _, err := readArchive(archive, unkept{}); err != nil {
		return fmt.Errorf("%s: %w", r.File, err)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	contents, err := openFiles(ctx, c)
	if err != nil {
		return err
	}
	defer contents.Close()
	kept := &restored{ctx: ctx, path: coming, contents: contents}
	defer func() {
		if err != nil {
			kept.undo()
		}
	}()
	made, files, err := readArchive(archive, kept)
	if err != nil {
		return fmt.Errorf("%s: %w", r.File, err)
	}
	if err := store.Check(ctx, coming); err != nil {
		return err
	}
	rooms, err := renewLogs(ctx, "sqlite:"+coming, log)
	if err != nil {
		return err
	}
	if err := store.Retire(ctx, coming); err != nil {
		return err
	}
	if err := setAside(ctx, path, out); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(coming, path), syncFolder(filepath.Dir(path))); err != nil {
		return err
	}
	return tell(out, fmt.Sprintf("restored the database and %d files, as of %s; %d rooms have a new logId", files, made.Format(time.RFC3339), rooms), nil)
}

// again gives what can be read twice: the file itself, or a copy at path of what comes by
// a pipe.
func again(from *os.File, path string) (*os.File, error) {
	if info, err := from.Stat(); err == nil && info.Mode().IsRegular() && from != os.Stdin {
		return from, nil
	}
	if err := writeFile(path, from); err != nil {
		return nil, err
	}
	return os.Open(path) //nolint:gosec // the operator's own file
}

// unpacking is told what an archive has.
type unpacking interface {
	file(key string, content io.Reader) error
	database(content io.Reader) error
}

// unkept reads what an archive has, and keeps none of it.
type unkept struct{}

func (unkept) file(_ string, content io.Reader) error {
	_, err := io.Copy(io.Discard, content)
	return err
}

func (u unkept) database(content io.Reader) error { return u.file("", content) }

// restored puts files into the storage, and the database into a new file.
type restored struct {
	ctx      context.Context //nolint:containedctx // of the command
	path     string
	contents *blob.Store
	fresh    []string // the keys by which nothing was kept before
}

func (r *restored) file(key string, content io.Reader) error {
	if _, err := r.contents.Size(r.ctx, key); omarty.CodeOf(err) == omarty.CodeNotFound {
		r.fresh = append(r.fresh, key)
	}
	return r.contents.Put(r.ctx, key, content)
}

func (r *restored) database(content io.Reader) error { return writeFile(r.path, content) }

// undo removes what was not there before. What it cannot remove the program does, a day later.
func (r *restored) undo() {
	for _, key := range r.fresh {
		_ = r.contents.Delete(context.WithoutCancel(r.ctx), key)
	}
}

// renewLogs opens a database, brings it to today's schema and gives each room a new log.
func renewLogs(ctx context.Context, url string, log *slog.Logger) (rooms int, err error) {
	db, err := store.Open(ctx, url, log)
	if err != nil {
		return 0, err
	}
	rooms, err = db.RenewLogs(ctx)
	return rooms, errors.Join(err, db.Close())
}

// setAside moves the database that is in a place, if one is, and says where it is then.
func setAside(ctx context.Context, path string, out io.Writer) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := store.Retire(ctx, path); err != nil {
		return err
	}
	aside := path + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	return tell(out, "the database that was there is "+aside, nil)
}

// readArchive tells what an archive has. One that is not whole gives an error, by its end
// at the latest.
func readArchive(from io.Reader, to unpacking) (made time.Time, files int, err error) {
	packed, err := zstd.NewReader(from)
	if err != nil {
		return made, 0, err
	}
	defer packed.Close()
	unpacked := tar.NewReader(packed)
	var m manifest
	if err := readValue(unpacked, archiveManifest, &m); err != nil {
		return made, 0, fmt.Errorf("it is no archive of backup: %w", err)
	}
	if m.Format != archiveFormat {
		return made, 0, fmt.Errorf("it was made by %s, in another format", m.Program)
	}
	databases := 0
	for {
		header, err := unpacked.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return made, 0, errors.New("it is not whole")
		case err != nil:
			return made, 0, err
		}
		key, isFile := strings.CutPrefix(header.Name, archiveFiles)
		switch {
		case isFile && isKey(key):
			files++
			err = to.file(key, unpacked)
		case header.Name == archiveDatabase:
			databases++
			err = to.database(unpacked)
		case header.Name == archiveEnd:
			var end ending
			if err := json.NewDecoder(unpacked).Decode(&end); err != nil || end.Files != files || databases != 1 {
				return made, 0, errors.New("it is not whole")
			}
			// The sum of all that it said comes last.
			_, err := io.Copy(io.Discard, packed)
			return m.MadeAt, files, err
		default:
			err = fmt.Errorf("there is %q in it", header.Name)
		}
		if err != nil {
			return made, 0, err
		}
	}
}

func readValue(from *tar.Reader, name string, v any) error {
	header, err := from.Next()
	if err != nil {
		return err
	}
	if header.Name != name {
		return fmt.Errorf("it begins with %q", header.Name)
	}
	return json.NewDecoder(from).Decode(v)
}

// writeFile writes a new file that only who runs the program may read.
func writeFile(path string, from io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's own file
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Sync(), file.Close())
}
