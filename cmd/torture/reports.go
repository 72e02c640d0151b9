package main

import "context"

// reportedIn has b report what a said in a group, which a is not told.
func (h *house) reportedIn(ctx context.Context, group string) error {
	id, _, err := h.send(ctx, h.a, group, "Between us", nil)
	if err != nil {
		return err
	}
	return h.done(ctx, h.b, reportDocument, variables{"message": id})
}

// report is what managers are told of one.
type report struct {
	ID, Text   string
	ResolvedAt *string
	Reporter   *idJSON
	Message    *idJSON
}

// reported has b report what a said, twice: a is told once, as it read then, and not by whom.
func (h *house) reported(ctx context.Context) error {
	id, seq, err := h.send(ctx, h.a, h.community, "As it was", nil)
	if err != nil {
		return err
	}
	other, _, err := h.send(ctx, h.a, h.community, "Soon gone", nil)
	if err != nil {
		return err
	}
	told := variables{"message": id}
	err = every(
		func() error { return h.done(ctx, h.b, reportDocument, told) },
		func() error {
			return h.done(ctx, h.a, editDocument, variables{"message": id, "text": "As it is", "textSeq": seq})
		},
		func() error { return h.done(ctx, h.b, reportDocument, told) },
		func() error { return h.refused(ctx, h.a, "report themselves", "INVALID_INPUT", reportDocument, told) },
		func() error { return h.done(ctx, h.a, deleteDocument, variables{"message": other}) },
		func() error {
			return h.refused(ctx, h.b, "report what is deleted", "CONFLICT", reportDocument, variables{"message": other})
		},
		func() error {
			return h.refused(ctx, h.manager, "report what is said elsewhere", "NOT_FOUND", reportDocument, told)
		},
	)
	if err != nil {
		return err
	}
	reports, err := h.reports(ctx)
	if err != nil {
		return err
	}
	if len(reports) != 1 || reports[0].Text != "As it was" || reports[0].Message == nil || reports[0].Message.ID != id ||
		reports[0].Reporter != nil || reports[0].ResolvedAt != nil {
		h.blame("report: not as it was made", "a message was reported by one person, and its author's building has %+v", reports)
		return nil
	}
	seen := variables{"report": reports[0].ID}
	err = every(
		func() error { return h.refused(ctx, h.b, "see to a report", "NOT_FOUND", resolveDocument, seen) },
		func() error { return h.done(ctx, h.a, resolveDocument, seen) },
		func() error { return h.done(ctx, h.a, resolveDocument, seen) },
	)
	if err != nil {
		return err
	}
	if reports, err = h.reports(ctx); err == nil && (len(reports) != 1 || reports[0].ResolvedAt == nil) {
		h.blame("report: not as it was made", "a report was seen to, and reads %+v", reports)
	}
	return err
}

// reports are those that a is told of.
func (h *house) reports(ctx context.Context) ([]report, error) {
	var got struct {
		Building struct {
			ViewerManaged struct{ Reports struct{ Nodes []report } }
		}
	}
	err := h.call(ctx, h.a, reportsDocument, variables{"building": h.id}, &got)
	return got.Building.ViewerManaged.Reports.Nodes, err
}
