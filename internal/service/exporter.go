package service

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/omarty/chat/internal/omarty"
)

// exporter writes an export. It reads pages and holds one of them.
type exporter struct {
	service *Service
	export  omarty.DataExport
	// claim is until when it is this node's to make, and beat when that was said last.
	claim, beat time.Time
	// done of the total has been written; written is how many bytes.
	done, total int
	written     int64
}

// errLost says that an export is not this node's to make any more, or nobody's.
var errLost = errors.New("the export is made by others, or over")

// count counts what is written, and keeps the claim meanwhile.
func (m *exporter) count(ctx context.Context, to io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		if err := m.keep(ctx); err != nil {
			return 0, err
		}
		n, err := to.Write(b)
		m.written += int64(n)
		return n, err
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// put makes the export, and keeps it.
func (m *exporter) put(ctx context.Context) error {
	content, to := io.Pipe()
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() {
		failed = m.write(ctx, to)
		_ = to.CloseWithError(failed)
	})
	err := m.service.Files.Put(ctx, m.export.ID.String(), content)
	_ = content.CloseWithError(err)
	writing.Wait()
	// What kept it from being written is why it was not kept, and not the other way round.
	if failed != nil && !errors.Is(failed, err) {
		return failed
	}
	return err
}

func (m *exporter) write(ctx context.Context, to io.Writer) error {
	m.written = 0
	archive := zip.NewWriter(m.count(ctx, to))
	if err := m.introduce(archive); err != nil {
		return err
	}
	for _, part := range omarty.PersonalParts {
		if err := m.writePart(ctx, archive, part); err != nil {
			return err
		}
	}
	if err := m.eachFile(ctx, func(f omarty.PersonalFile) error { return m.writeFile(ctx, archive, f) }); err != nil {
		return err
	}
	return archive.Close()
}

// introduce says what the export is.
func (m *exporter) introduce(archive *zip.Writer) error {
	w, err := m.create(archive, "about.json", zip.Deflate, m.export.CreatedAt)
	if err != nil {
		return err
	}
	parts := make([]string, len(omarty.PersonalParts))
	for i, p := range omarty.PersonalParts {
		parts[i] = string(p) + ".json"
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{
		"service": "Omarty Chat", "person": m.export.Owner.String(), "export": m.export.ID.String(), "askedForAt": m.export.CreatedAt,
		"files": append(parts, "files/"),
		"notes": []string{
			"Times are in UTC. Positions are those of a room's log; mentions are counted in UTF-16 units.",
			"What others wrote, and who they are, is theirs: they are named by their ids alone.",
			"Of passwords, tokens, codes and addresses of devices nothing but hashes is kept, and none of these is here.",
		},
	})
}

// create begins a file of the archive.
func (m *exporter) create(archive *zip.Writer, name string, method uint16, at time.Time) (io.Writer, error) {
	return archive.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: at})
}

// writePart writes a part as a list.
func (m *exporter) writePart(ctx context.Context, archive *zip.Writer, part omarty.PersonalPart) error {
	w, err := m.create(archive, string(part)+".json", zip.Deflate, m.export.CreatedAt)
	if err != nil {
		return err
	}
	before := "[\n"
	err = m.eachPage(ctx, part, func(items []any) error {
		var page bytes.Buffer
		for _, item := range items {
			if f, ok := item.(omarty.PersonalFile); ok {
				f.Path = pathOf(f)
				item = f
			}
			text, err := json.Marshal(item)
			if err != nil {
				return err
			}
			page.WriteString(before)
			page.Write(text)
			before = ",\n"
		}
		_, err := w.Write(page.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	after := "\n]\n"
	if before == "[\n" {
		after = "[]\n"
	}
	_, err = io.WriteString(w, after)
	return err
}

// eachPage goes through the pages of a part, and says how far it is.
func (m *exporter) eachPage(ctx context.Context, part omarty.PersonalPart, take func([]any) error) error {
	for after := ""; ; {
		items, next, err := m.service.Store.Personal(ctx, m.export.Owner, part, after)
		if err != nil {
			return err
		}
		if err := take(items); err != nil {
			return err
		}
		if part == omarty.PartMessages || part == omarty.PartReactions {
			m.done += len(items)
		}
		if err := m.keep(ctx); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (m *exporter) eachFile(ctx context.Context, take func(omarty.PersonalFile) error) error {
	return m.eachPage(ctx, omarty.PartFiles, func(items []any) error {
		for _, item := range items {
			if f, ok := item.(omarty.PersonalFile); ok {
				if err := take(f); err != nil {
					return err
				}
				m.done++
			}
		}
		return nil
	})
}

// writeFile copies what the person uploaded; what was removed meanwhile is not there.
func (m *exporter) writeFile(ctx context.Context, archive *zip.Writer, f omarty.PersonalFile) error {
	id, _ := omarty.ParseID(f.ID)
	content, err := m.service.Files.Get(ctx, id.String(), 0, -1)
	if omarty.CodeOf(err) == omarty.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer content.Close()
	// Pictures and the like are compressed already.
	w, err := m.create(archive, pathOf(f), zip.Store, f.CreatedAt)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return err
}

// ending is what a name may end with to be the ending of a path.
var ending = regexp.MustCompile(`^\.[a-z0-9]{1,8}$`)

// pathOf gives where a file is in the archive: by its id, as names are for people.
func pathOf(f omarty.PersonalFile) string {
	p := "files/" + f.ID
	if e := strings.ToLower(path.Ext(f.Name)); ending.MatchString(e) {
		p += e
	}
	return p
}

// keep keeps the claim from time to time, and says how far it is. It fails where the
// export is not this node's any more: the person may have been erased.
func (m *exporter) keep(ctx context.Context) error {
	s := m.service
	now := s.now()
	if now.Sub(m.beat) < exportBeat {
		return nil
	}
	until, kept := now.Add(exportLease), false
	progress := min(float64(m.done)/float64(m.total+1), 0.99)
	err := s.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		kept, err = tx.KeepExport(ctx, m.export.ID, m.claim, now, until, progress)
		return err
	})
	if err == nil && !kept {
		err = errLost
	}
	if err == nil {
		m.claim, m.beat = until, now
	}
	return err
}

// finish says that it is made.
func (m *exporter) finish(ctx context.Context) error {
	s := m.service
	now, finished := s.now(), false
	err := s.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		finished, err = tx.FinishExport(ctx, m.export.ID, m.claim, now, now.Add(omarty.ExportLifetime), m.written)
		return err
	})
	if err == nil && !finished {
		err = errLost
	}
	return err
}
