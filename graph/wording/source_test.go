package wording

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Who writes a new message is told here to say it in Arabic, too.
func TestEveryMessageIsSaidInArabic(t *testing.T) {
	found := messagesOf(t, "../../internal", "../../graph")
	if len(found) < 60 {
		t.Fatalf("%d messages were found in the source: the check sees nothing", len(found))
	}
	used := map[string]bool{}
	for _, m := range found {
		used[m.text] = true
		switch {
		case m.text == "":
			t.Errorf("%s: the message is no constant. People read it in Arabic, too, so it has to be a sentence that graph/wording/arabic.go can have.", m.at)
		case !Known(m.text):
			t.Errorf("%s: %q is not said in Arabic. Add it to graph/wording/arabic.go.", m.at, m.text)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(arabic)) {
		if !used[text] {
			t.Errorf("nobody says %q any more. Take it out of graph/wording/arabic.go.", text)
		}
	}
}

// The check itself is checked: these are the ways in which messages are made.
func TestMessagesAreFound(t *testing.T) {
	for source, want := range map[string][]string{
		`var e = omarty.Errorf(omarty.CodeNotFound, "It is gone.").At("x")`:                                       {"It is gone."},
		`var e = Errorf(CodeTooLarge, "At most %d.", 3)`:                                                          {"At most %d."},
		`var e = failure(codeTooSlow, "Be quick.")`:                                                               {"Be quick."},
		`var e = &omarty.Error{Code: omarty.CodeConflict, Message: "It is so."}`:                                  {"It is so."},
		`var e = &gqlerror.Error{Message: "It is so."}`:                                                           {"It is so."},
		`var e = &problem{413, omarty.CodeTooLarge, "It is too large."}`:                                          {"It is too large."},
		`func f() (omarty.Code, string) { return omarty.CodeTooLarge, "It is too large." }`:                       {"It is too large."},
		`var e = omarty.Errorf(omarty.CodeNotFound, "It is " + what)`:                                             {""},
		`var e = omarty.Errorf(omarty.CodeNotFound, message)`:                                                     {""},
		`var e = &omarty.Error{Code: omarty.CodeNotFound, Message: fmt.Sprint(1)}`:                                {""},
		`func a(m string) error { return &omarty.Error{Message: m, Code: omarty.CodeConflict} }; var e = a("A.")`: {"A."},
		`func a(m string) error { return b("x", m) }; func b(x, m string) error { return omarty.Errorf(omarty.CodeConflict, m) }; var e, g = a("A."), b("", "B.")`: {"A.", "B."},
		`func refuse(code omarty.Code, message string) *gqlerror.Error { return &gqlerror.Error{Message: message} }; var e = refuse(omarty.CodeTooLarge, "A.")`:    {"A."},
		`func a(code omarty.Code) error { return omarty.Errorf(code, "A.") }`:                                                                                      {"A."},
		// Developers read these.
		`var e = refuse(omarty.CodeBadRequest, "Send " + what)`:                                             nil,
		`func bad(m string) *problem { return &problem{400, omarty.CodeBadRequest, m} }; var e = bad("A.")`: nil,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		var got []string
		for _, m := range (&reader{files: token.NewFileSet(), helpers: map[string]int{}}).read([]*ast.File{file}) {
			got = append(got, m.text)
		}
		slices.Sort(got)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("%s:\n%q, want %q", source, got, want)
		}
	}
}

// sentence is a message that the source makes.
type sentence struct {
	at   string
	text string // its format; "" where that is no constant
}

// messagesOf finds the messages for people that the packages below some folders make.
func messagesOf(t *testing.T, roots ...string) []sentence {
	t.Helper()
	var found []sentence
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			switch d.Name() {
			case "generated", "testkit", "bench", "load", "house", "demo", "testdata":
				return fs.SkipDir
			}
			files := token.NewFileSet()
			var parsed []*ast.File
			names, err := filepath.Glob(filepath.Join(path, "*.go"))
			if err != nil {
				return err
			}
			for _, name := range names {
				if strings.HasSuffix(name, "_test.go") {
					continue
				}
				file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
				if err != nil {
					return err
				}
				parsed = append(parsed, file)
			}
			found = append(found, (&reader{files: files, helpers: map[string]int{}}).read(parsed)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// reader finds the messages of a package. By its syntax: a message is a string beside a
// code, or that of an error; or it is given to a function that makes one of it.
type reader struct {
	files *token.FileSet
	// helpers are the functions that make a message of a parameter, and which that is.
	helpers map[string]int
	found   []sentence
}

func (r *reader) read(files []*ast.File) []sentence {
	for known := -1; known < len(r.helpers); { // until no more helpers are found
		known, r.found = len(r.helpers), nil
		for _, f := range files {
			for _, d := range f.Decls {
				r.declaration(d)
			}
		}
	}
	return r.found
}

func (r *reader) declaration(d ast.Decl) {
	function, _ := d.(*ast.FuncDecl)
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			r.call(n, function)
		case *ast.ReturnStmt:
			r.beside(n.Results, function)
		case *ast.CompositeLit:
			r.literal(n, function)
		}
		return true
	})
}

// maker are the functions of other packages that make an error of a code and a message.
var maker = regexp.MustCompile(`^(Errorf|failure|refuse)$`)

func (r *reader) call(c *ast.CallExpr, in *ast.FuncDecl) {
	name := nameOf(c.Fun)
	i, helper := r.helpers[name]
	switch {
	case maker.MatchString(name) && len(c.Args) >= 2 && isCode(c.Args[0]):
		if !forDevelopers(c.Args[0]) {
			r.message(c.Args[1], in)
		}
	case maker.MatchString(name) && len(c.Args) >= 2 && isLiteral(c.Args[1]):
		r.message(c.Args[1], in) // of a code that a variable has
	case helper && i < len(c.Args):
		r.message(c.Args[i], in)
	default:
		r.beside(c.Args, in)
	}
}

func (r *reader) literal(l *ast.CompositeLit, in *ast.FuncDecl) {
	members := map[string]ast.Expr{}
	for _, e := range l.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			members[nameOf(kv.Key)] = kv.Value
		}
	}
	code, message := members["Code"], members["Message"]
	switch name := nameOf(l.Type); {
	case message == nil:
		r.beside(l.Elts, in)
	case name == "Error" && isCode(code) && !forDevelopers(code):
		r.message(message, in)
	case name == "Error" && code == nil && isLiteral(message):
		r.message(message, in)
	}
}

// beside finds a message beside a code.
func (r *reader) beside(list []ast.Expr, in *ast.FuncDecl) {
	for i, e := range list {
		if !isCode(e) || forDevelopers(e) {
			continue
		}
		for _, other := range list[i+1:] {
			if text, ok := textOf(other); ok && strings.HasSuffix(text, ".") {
				r.message(other, in)
			}
		}
	}
}

// message notes an expression as a message: as one that is no constant, unless the
// function has it from its caller.
func (r *reader) message(e ast.Expr, in *ast.FuncDecl) {
	text, constant := textOf(e)
	if text == "%s" {
		text = "" // the message is an argument; where it is a parameter, Error{Message: …} is found
	}
	if name := nameOf(e); !constant && in != nil {
		if i := slices.Index(parameters(in), name); i >= 0 {
			r.helpers[in.Name.Name] = i
			return
		}
	}
	r.found = append(r.found, sentence{at: fmt.Sprint(r.files.Position(e.Pos())), text: text})
}

func parameters(f *ast.FuncDecl) []string {
	var names []string
	for _, field := range f.Type.Params.List {
		for _, n := range field.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

var codeName = regexp.MustCompile(`^[cC]ode[A-Z]`)

func isCode(e ast.Expr) bool { return codeName.MatchString(nameOf(e)) }

// forDevelopers tells whether a code says that the client is wrong, not the person.
func forDevelopers(e ast.Expr) bool {
	name := nameOf(e)
	return name == "CodeBadRequest" || name == "codePersistedQueryNotFound"
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func isLiteral(e ast.Expr) bool {
	_, ok := textOf(e)
	return ok
}

func textOf(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}
