package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	exportDocument  = `mutation { exportMyData { export { ...export } viewer { dataExports { id } } } } ` + exportFragment
	exportsDocument = `{ viewer { dataExports { ...export } } } ` + exportFragment
	exportFragment  = `fragment export on DataExport { id createdAt progress finishedAt expiresAt size url }`
)

// mustExport has somebody's data put together, and gives where it is.
func (s *server) mustExport(t *testing.T, token string) (id, url string) {
	t.Helper()
	id = at[string](t, s.run(t, token, exportDocument, nil).mustSucceed(t), "exportMyData.export.id")
	eventually(t, taskTime, "the export is finished", func() bool {
		url, _ = s.run(t, token, exportsDocument, nil).mustSucceed(t).lookup("viewer.dataExports.0.url").(string)
		return url != ""
	})
	return id, url
}

// mustUnzip gives the files of a zip.
func mustUnzip(t *testing.T, content []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		opened, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(opened)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

// All that is known of somebody is in their export, with what they said to whomever, and
// nothing of what others said.
func TestExportOfAllThatIsKnown(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		d := mustLeaveTraces(t, s)
		s.mustChatWith(t, d.dweller, d.group, 450, "again and again")
		r := s.run(t, d.token, exportDocument, nil).mustSucceed(t)
		first := at[string](t, r, "exportMyData.export.id")
		r.expectData(t, "exportMyData.viewer.dataExports", `[{"id": "`+first+`"}]`)
		id, url := s.mustExport(t, d.token) // the same while it is being made; else another one
		r = s.run(t, d.token, exportsDocument, nil).mustSucceed(t)
		for _, one := range objects(r.lookup("viewer.dataExports")) {
			if one["progress"].(float64) == 1 && (one["finishedAt"] == nil || one["size"].(float64) < 1000) {
				t.Errorf("%v", one)
			}
		}
		s.run(t, d.token, `query($id: ID!) { node(id: $id) { id ... on DataExport { url } } }`, variables{"id": id}).
			expectData(t, "node", `{"id": "`+id+`", "url": "`+url+`"}`)

		a := s.get(t, url, "Authorization", "Bearer "+d.token)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/zip" || a.header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment; filename=") || !strings.HasPrefix(a.header.Get("Cache-Control"), "private") {
			t.Fatalf("%v %v", a, a.header)
		}
		if size := at[float64](t, r, "viewer.dataExports.0.size"); size != float64(len(a.body)) {
			t.Errorf("it has %d bytes, and says %v", len(a.body), size)
		}
		files := mustUnzip(t, a.body)
		counts := map[string]int{
			"profile": 1, "sessions": 1, "codes": -1, "memberships": 2, "rooms": 6, "messages": 455, "activity": -1, "mentions": 1,
			"reactions": 1, "votes": 1, "acknowledgements": 0, "reports": 0, "blocked": 0, "exports": -1, "audit": -1, "files": 0,
		}
		for part, want := range counts {
			var items []map[string]any
			if err := json.Unmarshal([]byte(files[part+".json"]), &items); err != nil || want >= 0 && len(items) != want {
				t.Errorf("%s has %d items, want %d; %v", part, len(items), want, err)
			}
		}
		all := strings.Builder{}
		for _, text := range files {
			all.WriteString(text)
		}
		for _, has := range []string{d.name, d.email, "+2" + d.phone, d.id, "the lift is broken", "between us", "in the group", "from before", "Nile View", `"register"`, `"MEMBER_JOINED"`, `"yes"`} {
			if !strings.Contains(all.String(), has) {
				t.Errorf("it does not have %q", has)
			}
		}
		for _, has := range []string{"thanks", "indeed", d.witness.email, d.witness.phone, d.h.manager.email, d.token, "argon2"} {
			if strings.Contains(all.String(), has) {
				t.Errorf("it has %q", has)
			}
		}
	})
}

// An export is for whose it is, while their session lasts; for all others it is not there.
func TestWhoMayDownloadAnExport(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := sharedServer(t, e)
		p, mine := s.mustSignIn(t)
		_, theirs := s.mustSignIn(t)
		id, url := s.mustExport(t, mine.token)
		for _, c := range []struct {
			token, url string
			want       int
		}{
			{mine.token, url, http.StatusOK},
			{"", url, http.StatusUnauthorized},
			{"no token", url, http.StatusUnauthorized},
			{theirs.token, url, http.StatusNotFound},
			{theirs.token, url + "x", http.StatusNotFound},
			{mine.token, url + "/", http.StatusNotFound},
			{mine.token, strings.Replace(url, "export_", "user_", 1), http.StatusNotFound},
		} {
			headers := []string{}
			if c.token != "" {
				headers = append(headers, "Authorization", "Bearer "+c.token)
			}
			if a := s.get(t, c.url, headers...); a.status != c.want {
				t.Errorf("%s, token %q: got %v, want %d", c.url, clip(c.token, 10), a, c.want)
			}
		}
		never, other := s.get(t, url[:len(url)-26]+"00000000000000000000000000", "Authorization", "Bearer "+theirs.token), s.get(t, url, "Authorization", "Bearer "+theirs.token)
		if never.String() != other.String() {
			t.Errorf("what never was reads %v, another's %v", never, other)
		}
		s.run(t, theirs.token, `query($id: ID!) { node(id: $id) { id } }`, variables{"id": id}).expectData(t, "node", `null`)
		// A part of it, and that it has not changed.
		whole := s.get(t, url, "Authorization", "Bearer "+mine.token)
		part := s.get(t, url, "Authorization", "Bearer "+mine.token, "Range", "bytes=10-19")
		if part.status != http.StatusPartialContent || !bytes.Equal(part.body, whole.body[10:20]) {
			t.Errorf("a part: %v", part)
		}
		s.run(t, mine.token, `mutation { logOut { sessionId } }`, nil).mustSucceed(t)
		if a := s.get(t, url, "Authorization", "Bearer "+mine.token); a.status != http.StatusUnauthorized {
			t.Errorf("after logging out: %v", a)
		}
		again := s.mustLogIn(t, p.email, p.password)
		if a := s.get(t, url, "Authorization", "Bearer "+again.token); a.status != http.StatusOK {
			t.Errorf("with another session: %v", a)
		}
	})
}

// One at a time, whoever asks how often; not too often; and it is gone with its owner.
func TestExportsAreFew(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e)
		p, mine := s.mustSignIn(t)
		other, theirs := s.mustSignIn(t)
		_ = other
		refused := false
		for range 8 {
			ids, asking := make([]string, 8), sync.WaitGroup{}
			for i := range ids {
				asking.Go(func() {
					r, _ := s.tryRun(mine.token, exportDocument, nil)
					ids[i], _ = r.lookup("exportMyData.export.id").(string)
					if r.code() == "RATE_LIMITED" {
						ids[i] = "refused"
					}
				})
			}
			asking.Wait()
			unfinished := 0
			all := objects(s.run(t, mine.token, exportsDocument, nil).mustSucceed(t).lookup("viewer.dataExports"))
			for _, one := range all {
				if one["finishedAt"] == nil {
					unfinished++
				}
			}
			if unfinished > 1 || len(all) > 3 {
				t.Fatalf("there are %d, %d of them unfinished: %v", len(all), unfinished, ids)
			}
			for _, id := range ids {
				refused = refused || id == "refused"
			}
			if refused {
				break
			}
			eventually(t, taskTime, "it is finished", func() bool {
				return s.run(t, mine.token, exportsDocument, nil).mustSucceed(t).lookup("viewer.dataExports.0.finishedAt") != nil
			})
		}
		if !refused {
			t.Error("there is no end to it")
		}
		_, url := s.mustExport(t, theirs.token)
		if a := s.get(t, url, "Authorization", "Bearer "+theirs.token); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
		if e == sqlite && !hasExports(t, s.dataDir) {
			t.Error("the test looks in the wrong place")
		}
		s.run(t, mine.token, eraseDocument, variables{"password": p.password}).mustSucceed(t)
		s.run(t, theirs.token, eraseDocument, variables{"password": other.password}).mustSucceed(t)
		eventually(t, taskTime, "the exports of who was erased are gone", func() bool { return !hasExports(t, s.dataDir) })
	})
}

// hasExports tells whether there is the content of an export below a folder.
func hasExports(t *testing.T, folder string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		found = found || strings.HasPrefix(filepath.Base(path), "export_")
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}
