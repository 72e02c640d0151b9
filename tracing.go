package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/omarty/chat/internal/bus"
	"github.com/omarty/chat/internal/store"
)

// tracing follows what somebody asks for through the program, and to other nodes. Nil, which
// is good too, follows nothing, and nothing is in the way of anything.
//
// A span has names of the program's and of the schema, statements as they are written, with
// places for their arguments, statuses and codes: nothing that people sent.
type tracing struct {
	provider   *sdktrace.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TraceContext
}

// tracesAsked tells whether the environment names where traces go, as OpenTelemetry has it; an
// error says what of it is not to be had.
func tracesAsked(environ []string) (bool, error) {
	set := map[string]string{}
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OTEL_") && value != "" {
			set[name] = value
		}
	}
	if strings.EqualFold(set["OTEL_SDK_DISABLED"], "true") || set["OTEL_TRACES_EXPORTER"] == "none" ||
		set["OTEL_EXPORTER_OTLP_ENDPOINT"] == "" && set["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "" {
		return false, nil
	}
	if exporter := set["OTEL_TRACES_EXPORTER"]; exporter != "" && exporter != "otlp" {
		return false, errors.New("OTEL_TRACES_EXPORTER: is otlp or none")
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := set[name]; protocol != "" {
			if protocol != "http/protobuf" {
				return false, fmt.Errorf("%s: is http/protobuf, which collectors take at port 4318", name)
			}
			break
		}
	}
	return true, nil
}

// openTracing sends traces to where the environment says, where they are asked for.
func openTracing(ctx context.Context, asked bool, log *slog.Logger) (*tracing, error) {
	if !asked {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "omarty-chat"),
			attribute.String("service.version", version()),
			attribute.String("service.instance.id", uuid.NewString())),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(sparing(func(err error) { log.Warn("traces cannot be sent", "error", err) })))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &tracing{provider: provider, tracer: provider.Tracer("github.com/omarty/chat")}, nil
}

// close sends what is left.
func (t *tracing) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // it says itself what cannot be sent
}

// follows tells whether ctx belongs to a trace that is kept.
func follows(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

// served makes a span of each request. Who asks over a proxy of ours is followed on from there;
// a trace that a client claims is not.
func (t *tracing) served(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if _, byProxy := ctx.Value(securedKey{}).(bool); byProxy {
			ctx = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
		}
		method := methodName(r.Method)
		ctx, span := t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("omarty.request", requestID(ctx))))
		seen := &statusWriter{ResponseWriter: w}
		r = r.WithContext(ctx)
		defer func() {
			if r.Pattern != "" {
				span.SetName(method + " " + r.Pattern)
				span.SetAttributes(attribute.String("http.route", r.Pattern))
			}
			span.SetAttributes(attribute.Int("http.response.status_code", seen.status))
			if seen.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}()
		next.ServeHTTP(seen, r)
	})
}

// spans is for the GraphQL API.
func (t *tracing) spans() func(ctx context.Context, name string, root bool) (context.Context, func(code string)) {
	if t == nil {
		return nil
	}
	return func(ctx context.Context, name string, root bool) (context.Context, func(string)) {
		if !root && !follows(ctx) {
			return ctx, func(string) {}
		}
		ctx, span := t.tracer.Start(ctx, name)
		return ctx, func(code string) {
			if code != "" {
				span.SetAttributes(attribute.String("error.type", code))
				span.SetStatus(codes.Error, "")
			}
			span.End()
		}
	}
}

// bus is for what nodes tell each other.
func (t *tracing) bus() *bus.Trace {
	if t == nil {
		return nil
	}
	kindOf := func(kind string) trace.SpanStartEventOption {
		return trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", kind))
	}
	return &bus.Trace{
		Tell: func(ctx context.Context, kind string) map[string]string {
			if !follows(ctx) {
				return nil
			}
			ctx, span := t.tracer.Start(ctx, "tell "+kind, trace.WithSpanKind(trace.SpanKindProducer), kindOf(kind))
			defer span.End()
			carried := propagation.MapCarrier{}
			t.propagator.Inject(ctx, carried)
			return carried
		},
		Hear: func(kind string, carried map[string]string) func() {
			ctx := t.propagator.Extract(context.Background(), propagation.MapCarrier(carried))
			if !trace.SpanContextFromContext(ctx).IsSampled() {
				return func() {}
			}
			_, span := t.tracer.Start(ctx, "hear "+kind, trace.WithSpanKind(trace.SpanKindConsumer), kindOf(kind))
			return func() { span.End() }
		},
	}
}

// watchers are for the store.
func (t *tracing) watchers() []store.Option {
	if t == nil {
		return nil
	}
	wrapped := func(d driver.Driver) driver.Driver {
		return otelsql.WrapDriver(d, otelsql.WithTracerProvider(t.provider),
			otelsql.WithAttributes(attribute.String("db.system.name", "sqlite")),
			otelsql.WithSpanOptions(otelsql.SpanOptions{
				OmitConnResetSession: true, OmitConnPrepare: true, OmitRows: true, OmitConnectorConnect: true,
				RecordError: func(error) bool { return false }, // it may quote what was sent
				SpanFilter:  func(ctx context.Context, _ otelsql.Method, _ string, _ []driver.NamedValue) bool { return follows(ctx) },
			}))
	}
	return []store.Option{store.Watched(wrapped, statements{t.tracer}), store.Joined(t.join)}
}

// join makes a span of a transaction that posts share: in the trace of the first that is
// followed, and with links to the others'.
func (t *tracing) join(ctx context.Context, posts []context.Context) (context.Context, func()) {
	var links []trace.Link
	var first trace.Span
	for _, post := range posts {
		switch span := trace.SpanFromContext(post); {
		case !span.IsRecording():
		case first == nil:
			first = span
		default:
			links = append(links, trace.Link{SpanContext: span.SpanContext()})
		}
	}
	if first == nil {
		return ctx, func() {}
	}
	ctx, span := t.tracer.Start(trace.ContextWithSpan(ctx, first), "post messages", trace.WithLinks(links...),
		trace.WithAttributes(attribute.Int("omarty.batch", len(posts))))
	return ctx, func() { span.End() }
}

// statements makes spans of what goes to PostgreSQL.
type statements struct{ tracer trace.Tracer }

var (
	_ pgx.QueryTracer = statements{}
	_ pgx.BatchTracer = statements{}
)

func (s statements) begin(ctx context.Context, name string, of ...attribute.KeyValue) context.Context {
	if !follows(ctx) {
		return ctx
	}
	ctx, _ = s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(append(of, attribute.String("db.system.name", "postgresql"))...))
	return context.WithValue(ctx, statementKey{}, true)
}

// statementKey marks the context of a statement: another's span is not to be ended.
type statementKey struct{}

func (s statements) end(ctx context.Context, err error) {
	if ctx.Value(statementKey{}) == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	if err != nil {
		span.SetStatus(codes.Error, "")
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok { // whose message may quote
			span.SetAttributes(attribute.String("db.response.status_code", refused.Code))
		}
	}
	span.End()
}

// TraceQueryStart is for pgx.
func (s statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	name, _, _ := strings.Cut(strings.TrimSpace(q.SQL), " ")
	return s.begin(ctx, name, attribute.String("db.query.text", q.SQL))
}

// TraceQueryEnd is for pgx.
func (s statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	s.end(ctx, q.Err)
}

// TraceBatchStart is for pgx.
func (s statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	return s.begin(ctx, "BATCH", attribute.Int("db.operation.batch.size", b.Batch.Len()))
}

// TraceBatchQuery is for pgx.
func (statements) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	if ctx.Value(statementKey{}) != nil {
		trace.SpanFromContext(ctx).AddEvent("statement", trace.WithAttributes(attribute.String("db.query.text", q.SQL)))
	}
}

// TraceBatchEnd is for pgx.
func (s statements) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchEndData) {
	s.end(ctx, b.Err)
}
