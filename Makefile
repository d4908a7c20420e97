FUZZ_INPUTS ?= 100000

VERSION ?= $(shell git describe --tags --always --dirty)

.PHONY: build test race fuzz bench compare lint stock release ci

build:
	go build -o coredns ./cmd/coredns

test:
	go test ./...
	go test -C bench ./...
	go test -C release ./...

race:
	go test -race ./...
	go test -C bench -race ./...

fuzz:
	.ci/fuzz $(FUZZ_INPUTS)

bench:
	go test -run '^$$' -bench . -benchmem .

# Measures through sockets, side by side with other servers.
compare:
	go run -C bench .

lint:
	.ci/lint

stock:
	test/stock/run

# Writes the files of a release to dist/: make release VERSION=v0.1.0
# Another toolchain than the one that go.mod names, even a newer one, would make other bytes.
release:
	GOTOOLCHAIN=$$(sed -n 's/^toolchain //p' go.mod) SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		go run -C release . -version "$(VERSION)"

ci:
	.ci/run
