package graph

import (
	"context"

	"github.com/omarty/chat/graph/generated"
	"github.com/omarty/chat/internal/omarty"
)

func (m mutations) ExportMyData(ctx context.Context) (*generated.ExportMyDataPayload, error) {
	by := asker(ctx)
	export, err := m.verbs.ExportMyData(ctx, by)
	if err != nil {
		return nil, err
	}
	account, err := m.verbs.Account(ctx, by)
	if err != nil {
		return nil, err
	}
	return &generated.ExportMyDataPayload{Export: &export, Viewer: &account}, nil
}

func (v viewers) DataExports(ctx context.Context, of *omarty.Account) ([]omarty.DataExport, error) {
	return v.verbs.Exports(ctx, owner(of))
}

func (r *resolver) DataExport() generated.DataExportResolver { return dataExports{r} }

type dataExports struct{ *resolver }

// URL is stable; who may read it is found out at each download.
func (dataExports) URL(_ context.Context, of *omarty.DataExport) (*string, error) {
	if of.FinishedAt == nil {
		return nil, nil
	}
	url := "/exports/" + of.ID.String()
	return &url, nil
}
