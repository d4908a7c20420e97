FUZZ_INPUTS ?= 100000

.PHONY: build test race fuzz bench compare lint stock ci

build:
	go build -o coredns ./cmd/coredns

test:
	go test ./...
	go test -C bench ./...

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

ci:
	.ci/run
