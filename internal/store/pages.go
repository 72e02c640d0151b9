package store

import (
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/omarty/chat/internal/omarty"
)

// afterRow keeps the rows behind a cursor's row, in the order of their ids.
func afterRow(after *omarty.Cursor, desc bool) func(*sql.Selector) {
	return func(s *sql.Selector) {
		switch {
		case after == nil:
		case desc:
			s.Where(sql.LT(s.C("id"), after.Row))
		default:
			s.Where(sql.GT(s.C("id"), after.Row))
		}
	}
}

// sliceBy cuts what was read of a list, one row more than was asked for, to a
// page.
func sliceBy[R, T any](rows []R, first int, item func(R) T, place func(R) omarty.Cursor) omarty.Slice[T] {
	s := omarty.Slice[T]{More: len(rows) > first}
	if s.More {
		rows = rows[:first]
	}
	if len(rows) > 0 {
		s.Items, s.Cursors = make([]T, 0, len(rows)), make([]omarty.Cursor, 0, len(rows))
	}
	for _, row := range rows {
		s.Items = append(s.Items, item(row))
		s.Cursors = append(s.Cursors, place(row))
	}
	return s
}

// slice is sliceBy for a list that is sorted by its rows' ids.
func slice[R, T any](rows []R, first int, item func(R) T, id func(R) uuid.UUID) omarty.Slice[T] {
	return sliceBy(rows, first, item, func(r R) omarty.Cursor { return omarty.Cursor{Row: id(r)} })
}

// byID gives what rows say, by one of the ids in it.
func byID[R, T any](rows []R, item func(R) T, id func(T) omarty.ID) map[omarty.ID]T {
	found := make(map[omarty.ID]T, len(rows))
	for _, row := range rows {
		one := item(row)
		found[id(one)] = one
	}
	return found
}

// listsBy gives what rows say in lists, in their order, each by one of the ids in it.
func listsBy[R, T any](rows []R, item func(R) T, id func(T) omarty.ID) map[omarty.ID][]T {
	found := map[omarty.ID][]T{}
	for _, row := range rows {
		one := item(row)
		found[id(one)] = append(found[id(one)], one)
	}
	return found
}

// rows gives the rows that ids of one kind name; others name none here.
func rows(ids []omarty.ID, kind omarty.Kind) []uuid.UUID {
	found := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if id.Kind == kind {
			found = append(found, id.Row)
		}
	}
	return found
}

// idOf gives a row's id as a kind's; zero for none.
func idOf(kind omarty.Kind, row *uuid.UUID) omarty.ID {
	if row == nil {
		return omarty.ID{}
	}
	return omarty.ID{Kind: kind, Row: *row}
}

// rowOf gives an id's row; nil for the zero id.
func rowOf(id omarty.ID) *uuid.UUID {
	if id.IsZero() {
		return nil
	}
	return &id.Row
}
