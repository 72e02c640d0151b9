package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Below the roof nothing asks the environment: what an operator decides is
// handed down.
func TestEnvironmentIsReadUnderTheRoofAlone(t *testing.T) {
	checked := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		if entry.IsDir() {
			switch {
			case entry.Name() == "node_modules", entry.Name() == "generated", strings.HasPrefix(entry.Name(), ".") && entry.Name() != "..",
				name == "internal/testkit", name == "internal/house", name == "e2e", name == "cmd/torture", name == "cmd/hostile", name == "cmd/cluster", name == "internal/bench", name == "ent/migrations/draft":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || !strings.Contains(name, "/") {
			return nil
		}
		checked++
		return readsEnvironment(t, path, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Fatalf("%d files were looked at; the check sees nothing", checked)
	}
}

func readsEnvironment(t *testing.T, path, name string) error {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "os" {
			switch selector.Sel.Name {
			case "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Args":
				t.Errorf("%s uses os.%s: settings are read under the roof alone", name, selector.Sel.Name)
			}
		}
		return true
	})
	return nil
}
