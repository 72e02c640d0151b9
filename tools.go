//go:build tools

// The generators, pinned through go.mod. `make generate` runs them.
package main

import (
	_ "entgo.io/ent/entc"
	_ "github.com/99designs/gqlgen"
)
