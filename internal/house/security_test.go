package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]*`)
	madeTest  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
	row       = regexp.MustCompile(`(?m)^\| (V\d+\.\d+\.\d+) \| [12] \| [^|]+ \| (met|partly|not met|n/a) \| ([^|]+) \|$`)
)

// What docs/security.md promises has a row for each requirement, and the tests that it
// names are there.
func TestSecurityPageNamesTestsThatAre(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	err = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return errOrSkip(err)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, made := range madeTest.FindAllSubmatch(text, -1) {
			tests = append(tests, string(made[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := namedTest.FindAllString(string(page), -1)
	for _, name := range named {
		if !slices.Contains(tests, name) {
			t.Errorf("docs/security.md names %s, which is no test", name)
		}
	}
	rows := map[string]bool{}
	for _, r := range row.FindAllStringSubmatch(string(page), -1) {
		if rows[r[1]] {
			t.Errorf("%s is there twice", r[1])
		}
		rows[r[1]] = true
	}
	// As many as ASVS 5.0 has at these levels.
	if len(rows) != 70+183 || len(named) < 100 {
		t.Errorf("the page has %d rows, and names %d tests", len(rows), len(named))
	}
}

func errOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}
