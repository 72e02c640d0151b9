# The race detector needs a C compiler; without one the same tests run without it.
# It does not look at C that a machine wrote in Go, with locks of its own, and at the arithmetic
# of passwords: those would take most of the tests' time.
UNRACED := modernc.org/sqlite/lib modernc.org/libc modernc.org/memory golang.org/x/crypto/argon2
RACE := $(if $(shell command -v gcc || command -v clang || command -v cc),-race $(UNRACED:%=-gcflags=%=-race=false))
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: generate fmt lint test bench build e2e fuzz torture storm hostile cluster proxies alerts scaling

generate: ; go run ./ent/entc.go && go run github.com/99designs/gqlgen generate
fmt: ; $(LINT) fmt
lint: ; $(LINT) run --allow-serial-runners
test: ; $(if $(RACE),CGO_ENABLED=1) go run ./internal/testkit/postgres/withpostgres go test -timeout 20m $(RACE) ./...
bench: ; go run ./internal/testkit/postgres/withpostgres go run ./internal/bench
# The same commit gives the same bytes, in any folder.
build: ; CGO_ENABLED=0 go build -trimpath -ldflags=-buildid= -o $(or $(OUT),bin/omarty-chat) .
e2e: ; .ci/e2e
fuzz: ; .ci/fuzz
torture: ; go run ./cmd/torture -prove && go run ./cmd/torture -for $(or $(FOR),5m)
# What is promised of thousands of listeners, and of a start, at its size and with its figures.
storm: ; CGO_ENABLED=0 go run ./internal/testkit/postgres/withpostgres go test -tags storm -count=1 -v -run TestLarge -timeout 20m ./e2e
cluster: ; go build -o bin/cluster ./cmd/cluster && exec bin/cluster -with-parent $(ARGS)
proxies: ; .ci/proxies
alerts: ; .ci/alerts
scaling: ; go run ./internal/bench/scaling -messages $(or $(MESSAGES),200000)
hostile: ; go run ./cmd/hostile $(if $(FOR),-for $(FOR))
