package main

import (
	"strings"
	"testing"
)

// Traces are sent where OpenTelemetry's own variables name an endpoint, and not where they
// switch it off; what is not to be had is told by the variable that asks for it.
func TestTracesThatAreAskedFor(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"
	for _, c := range []struct {
		environ []string
		asked   bool
		wrong   string // the variable
	}{
		{nil, false, ""},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_SERVICE_NAME=x", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, false, ""},
		{[]string{endpoint}, true, ""},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces"}, true, ""},
		{[]string{endpoint, "OTEL_SDK_DISABLED=true"}, false, ""},
		{[]string{endpoint, "OTEL_TRACES_EXPORTER=none"}, false, ""},
		{[]string{endpoint, "OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}, true, ""},
		{[]string{endpoint, "OTEL_TRACES_EXPORTER=zipkin"}, false, "OTEL_TRACES_EXPORTER"},
		{[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, false, "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{[]string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"}, true, ""},
	} {
		asked, err := tracesAsked(c.environ)
		if asked != c.asked || (err != nil) != (c.wrong != "") || err != nil && !strings.HasPrefix(err.Error(), c.wrong+": ") {
			t.Errorf("%v: %v, %v", c.environ, asked, err)
		}
	}
}

// Without traces there is nothing in anybody's way.
func TestNoTracesAreNothing(t *testing.T) {
	t.Parallel()
	none, err := openTracing(t.Context(), false, nil)
	if err != nil || none.spans() != nil || none.bus() != nil || none.watchers() != nil {
		t.Errorf("there is something: %v", err)
	}
	none.close()
}
