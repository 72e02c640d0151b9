package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/store"
)

// doctorCommand looks whether all is well with an installation. It changes nothing.
type doctorCommand struct {
	Public string `placeholder:"URL" help:"Where people reach it, such as https://chat.example.com: its certificate, its readiness and its clock are looked at, too."`
	JSON   bool   `name:"json" help:"As one JSON object in a line."`
}

// maxFlaws is how many flaws of a kind are told.
const maxFlaws = 10

// doctor looks, and says what it finds.
type doctor struct {
	c       config
	command doctorCommand
	out     io.Writer
	wrong   int
}

// finding is a line.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	What   string `json:"what"`
	Advice string `json:"advice,omitempty"`
}

// run looks at everything that the settings name; an error says how much of it is wrong.
func (command doctorCommand) run(ctx context.Context, c config, out io.Writer, _ *slog.Logger) error {
	d := &doctor{c: c, command: command, out: out}
	d.well("settings", "are good; the database is that of %s", c.databaseSetting)
	d.database(ctx)
	d.nats(ctx)
	d.certificate()
	d.program(ctx)
	d.public(ctx)
	switch {
	case ctx.Err() != nil:
		return errors.New("the doctor was interrupted")
	case d.wrong == 1:
		return errors.New("1 thing is wrong")
	case d.wrong > 1:
		return fmt.Errorf("%d things are wrong", d.wrong)
	}
	if !command.JSON {
		fmt.Fprintln(out, "All is well.")
	}
	return nil
}

func (d *doctor) say(f finding) {
	if !f.OK {
		d.wrong++
	}
	// What others say may have lines.
	f.What, f.Advice = oneLine(f.What), oneLine(f.Advice)
	if d.command.JSON {
		_ = json.NewEncoder(d.out).Encode(f)
		return
	}
	mark := "ok   "
	if !f.OK {
		mark = "WRONG"
	}
	advice := ""
	if f.Advice != "" {
		advice = ". What to do: " + f.Advice
	}
	fmt.Fprintf(d.out, "%s  %-12s %s%s.\n", mark, f.Check, f.What, advice)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (d *doctor) well(check, format string, a ...any) {
	d.say(finding{Check: check, OK: true, What: fmt.Sprintf(format, a...)})
}

func (d *doctor) ill(check, advice, format string, a ...any) {
	d.say(finding{Check: check, What: fmt.Sprintf(format, a...), Advice: advice})
}

// flaws says what was found, as far as that is not too much; and where it is nothing, that all
// is well.
func (d *doctor) flaws(check string, err error, found few, well string, a ...any) {
	for _, f := range found.kept {
		d.ill(check, f.Advice, "%s", f.What)
	}
	if more := found.all - len(found.kept); more > 0 {
		d.ill(check, "mend these first", "there are %d more", more)
	}
	switch {
	case err != nil:
		d.ill(check, "run doctor again; if it stays so, look at the database", "could not be looked at: %v", err)
	case found.all == 0:
		d.well(check, well, a...)
	}
}

// few keeps as many flaws as are told, and counts all.
type few struct {
	kept []omarty.Flaw
	all  int
}

func (f *few) add(flaw omarty.Flaw) {
	if f.all++; f.all <= maxFlaws {
		f.kept = append(f.kept, flaw)
	}
}

// database looks at the database, and at what it says of everything else.
func (d *doctor) database(ctx context.Context) {
	opening, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	e, err := store.Examine(opening, d.c.databaseURL)
	if err != nil {
		d.ill("database", "check that it runs, that this machine and this user reach it, and what "+d.c.databaseSetting+" says", "cannot be reached: %v", err)
		d.disk("")
		return
	}
	defer e.Close()
	version, err := e.Version(opening)
	if err != nil {
		d.ill("database", "check that it runs", "does not answer: %v", err)
		return
	}
	d.well("database", "%s, %s, answers", version, e)
	if e.ReadOnly() {
		d.ill("database", "name the server that is no standby, and reset default_transaction_read_only", "takes no writing")
	}
	if lax, err := e.Lax(ctx); err != nil {
		d.ill("database", "run doctor again", "cannot be asked for its settings: %v", err)
	} else if len(lax) > 0 {
		// Which is good for a trial.
		d.say(finding{
			Check: "database", OK: true, What: "has " + strings.Join(lax, ", ") + " off, so what was acknowledged is lost where its machine dies",
			Advice: "set them on, but for a trial",
		})
	}
	sick, err := e.Sound(ctx)
	for _, f := range sick {
		d.ill("database", f.Advice, "%s", f.What)
	}
	if err != nil {
		d.ill("database", "run doctor again", "cannot be looked at: %v", err)
	}
	steps, whole, found, err := e.Migrations(ctx)
	var flaws few
	if err == nil && len(found) == 0 { // else it is that of another release
		whole, found, err = e.Schema(ctx)
	}
	for _, f := range found {
		flaws.add(f)
	}
	d.flaws("migrations", err, flaws, "all %d steps of this release are applied, and no others", steps)
	d.clock(ctx, e)
	d.disk(e.Path())
	if !whole {
		d.ill("logs", "mend the migrations first", "are not looked at, nor is anything else in the database: its schema is another")
		return
	}
	flaws = few{}
	rooms, err := e.Logs(ctx, flaws.add)
	d.flaws("logs", err, flaws, "the logs of all %d rooms are without a gap, and their messages are counted right", rooms)
	flaws = few{}
	marks, err := e.Marks(ctx, flaws.add)
	d.flaws("unread", err, flaws, "all %d read marks count what a recount does", marks)
	d.files(ctx, e)
}

// maxSkew is by how much clocks may differ before it is told.
const maxSkew = time.Second

func (d *doctor) clock(ctx context.Context, e *store.Examiner) {
	ahead, within, remote, err := e.Ahead(ctx)
	switch {
	case err != nil:
		d.ill("clock", "run doctor again", "of the database cannot be read: %v", err)
	case !remote:
		d.well("clock", "is this machine's alone")
	case max(ahead, -ahead) > maxSkew+within:
		d.ill("clock", "have both machines keep time by NTP", "the database's is %v ahead of this machine's", ahead.Round(time.Millisecond))
	default:
		d.well("clock", "the database's differs from this machine's by %v at the most", max((max(ahead, -ahead)+within).Round(time.Millisecond), time.Millisecond))
	}
}

// orphanAge is how old a content without a file is that a node should have removed: a day, and
// until each of them has looked.
const orphanAge = omarty.FileKept + 8*time.Hour

// files compares what the database says of files with what is kept.
func (d *doctor) files(ctx context.Context, e *store.Examiner) {
	contents, err := d.contents(ctx)
	if err != nil {
		d.ill("files", "check OMARTY_FILES_URL, OMARTY_DATA_DIR and who may read and write there", "their storage cannot be used: %v", err)
		return
	}
	defer contents.Close()
	var flaws few
	missing := func(id omarty.ID, key string, size int64) error {
		kept, err := contents.Size(ctx, key)
		switch {
		case err == nil && (size < 0 || kept == size):
			return nil
		case err != nil && omarty.CodeOf(err) != omarty.CodeNotFound:
			return err
		}
		if needed, failed := e.Needed(ctx, id); failed != nil || !needed {
			return failed // it was removed meanwhile
		}
		what := fmt.Sprintf("the content of %s is not there", key)
		if err == nil {
			what = fmt.Sprintf("the content of %s has %d bytes, and not %d", key, kept, size)
		}
		flaws.add(omarty.Flaw{What: what, Advice: "restore it from a backup of the storage; until then nobody can fetch it"})
		return nil
	}
	files, err := e.Files(ctx, func(f omarty.File) error {
		if err := missing(f.ID, f.Key(), int64(f.Size)); err != nil || !f.Thumbnail {
			return err
		}
		return missing(f.ID, f.ThumbnailKey(), -1)
	})
	exports := 0
	if err == nil {
		exports, err = e.Exports(ctx, func(x omarty.DataExport) error { return missing(x.ID, x.ID.String(), -1) })
	}
	if err == nil {
		err = d.orphans(ctx, e, contents, flaws.add)
	}
	d.flaws("files", err, flaws, "the contents of all %d files and %d exports are there, and no others that should be gone", files, exports)
}

// orphans tells of contents that belong to nothing.
func (d *doctor) orphans(ctx context.Context, e *store.Examiner, contents *blob.Store, found func(omarty.Flaw)) error {
	until := time.Now().Add(-orphanAge)
	return contents.Each(ctx, func(key string, written time.Time) error {
		id, ok := omarty.OwnerOfKey(key)
		if !ok || !written.Before(until) {
			return nil
		}
		known, err := e.Known(ctx, id)
		if err == nil && !known {
			found(omarty.Flaw{
				What:   fmt.Sprintf("%s is kept since %s, and belongs to nothing", key, written.UTC().Format(time.DateOnly)),
				Advice: "a node removes it within six hours of its start; if none does, its log says why",
			})
		}
		return err
	})
}
