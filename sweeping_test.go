package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omarty/chat/graph"
	"github.com/omarty/chat/internal/blob"
	"github.com/omarty/chat/internal/omarty"
	"github.com/omarty/chat/internal/service"
	"github.com/omarty/chat/internal/store"
	"github.com/omarty/chat/internal/testkit"
)

// kept is the program with a folder of files, whose clock the test moves.
type kept struct {
	served
	verbs    *service.Service
	contents *blob.Store
	folder   string
}

func mustKeep(t *testing.T, on testkit.Database) kept {
	t.Helper()
	db, err := store.Open(t.Context(), on.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	k := kept{folder: filepath.Join(t.TempDir(), "files")}
	if k.contents, err = blob.OpenFolder(k.folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.contents.Close() })
	k.ahead = &atomic.Int64{}
	now := func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load())) }
	c := config{region: "EG", dataDir: t.TempDir(), maxUpload: 1 << 20}
	if k.verbs, err = newVerbs(t.Context(), c, db, k.contents, &nodes{}, now); err != nil {
		t.Fatal(err)
	}
	k.Handler = graph.New(k.verbs, graph.Options{Log: slog.New(slog.DiscardHandler), RequestID: requestID})
	return k
}

// mustUpload uploads a file.
func (k kept) mustUpload(t *testing.T, by service.Asker) omarty.File {
	t.Helper()
	f, err := k.verbs.Upload(t.Context(), by, "a.txt", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// has tells whether the folder has something by a name.
func (k kept) has(name string) bool {
	_, err := os.Stat(filepath.Join(k.folder, name))
	return err == nil
}

// What nobody used for a day is gone, with its content; what is used stays, and so does what
// is younger.
func TestUploadsThatNobodyUses(t *testing.T) {
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, on testkit.Database) {
		k := mustKeep(t, on)
		token := k.mustEnter(t)
		by, err := k.verbs.Authenticate(t.Context(), omarty.Token(token))
		if err != nil {
			t.Fatal(err)
		}
		used, unused := k.mustUpload(t, by), k.mustUpload(t, by)
		var made struct {
			Building struct {
				ViewerRooms struct{ Nodes []struct{ ID string } }
			}
		}
		as(t, k.mustDo(t, token, `mutation { createBuilding(input: {name: "Nile View"}) { building { viewerRooms { nodes { id } } } } }`, nil)["createBuilding"], &made)
		k.mustDo(t, token, `mutation($room: ID!, $file: ID!) { sendMessage(input: {room: $room, key: "first", text: "", attachments: [$file]}) { message { id } } }`,
			map[string]any{"room": made.Building.ViewerRooms.Nodes[0].ID, "file": used.ID.String()})
		expect := func(when string, f omarty.File, want bool) {
			t.Helper()
			_, err := k.verbs.File(t.Context(), by, f.ID)
			if there := err == nil; there != want || k.has(f.Key()) != want {
				t.Errorf("%s, %s: it is there: %v, its content: %v, want %v", when, f.ID, there, k.has(f.Key()), want)
			}
		}
		k.ahead.Store(int64(23*time.Hour + 59*time.Minute))
		younger := k.mustUpload(t, by)
		if err := k.verbs.SweepFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("before a day", unused, true)
		k.ahead.Store(int64(24*time.Hour + time.Minute))
		if err := k.verbs.SweepFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("after a day", unused, false)
		expect("after a day", used, true)
		expect("after a day", younger, true)
		if err := k.verbs.SweepLost(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("at the look for lost ones", used, true)
	})
}

// Contents that belong to nothing are gone after a day, whole or not; what is somebody else's
// in the same place is not touched.
func TestContentsThatBelongToNothing(t *testing.T) {
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, on testkit.Database) {
		k := mustKeep(t, on)
		by, err := k.verbs.Authenticate(t.Context(), omarty.Token(k.mustEnter(t)))
		if err != nil {
			t.Fatal(err)
		}
		file := k.mustUpload(t, by)
		export, err := k.verbs.ExportMyData(t.Context(), by)
		if err != nil {
			t.Fatal(err)
		}
		lostFile, lostExport := omarty.NewID(omarty.KindFile).String(), omarty.NewID(omarty.KindDataExport).String()
		lost := []string{lostFile, lostFile + ".thumbnail", lostExport, lostFile + ".18ab3f.tmp", lostExport + ".18ab3f.tmp", file.Key() + ".18ab3f.tmp"}
		stays := []string{export.ID.String(), "photo.jpg", "photo.jpg.18ab3f.tmp", "file_x.18ab3f.tmp", omarty.NewID(omarty.KindUser).String()}
		for _, name := range append(lost, stays...) {
			if err := os.WriteFile(filepath.Join(k.folder, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		stays = append(stays, file.Key())
		sweep := func(after time.Duration) {
			t.Helper()
			k.ahead.Store(int64(after))
			if err := k.verbs.SweepLost(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, name := range stays {
				if !k.has(name) {
					t.Errorf("after %v, %s is gone", after, name)
				}
			}
		}
		sweep(23 * time.Hour)
		for _, name := range lost {
			if !k.has(name) {
				t.Errorf("%s is gone: somebody may be writing it", name)
			}
		}
		sweep(25 * time.Hour)
		for _, name := range lost {
			if k.has(name) {
				t.Errorf("after a day, %s is there", name)
			}
		}
	})
}
