FUZZTIME ?= 10s

.PHONY: build test race fuzz bench lint stock ci

build:
	go build -o coredns ./cmd/coredns

test:
	go test ./...

race:
	go test -race ./...

fuzz:
	.ci/fuzz $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchmem .

lint:
	.ci/lint

stock:
	test/stock/run

ci:
	.ci/run
