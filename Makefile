FUZZTIME ?= 10s

.PHONY: build test race fuzz bench compare lint stock ci

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

# Through sockets, beside other servers.
compare:
	go run ./bench

lint:
	.ci/lint

stock:
	test/stock/run

ci:
	.ci/run
