// Package soak loads a server over UDP, TCP, TLS, HTTPS and QUIC while it reloads every second, its
// zone and topology files are rewritten and its upstream rotates. It checks every answer: all records
// are there, each once, and the nearest come first.
//
// The same load runs twice: with ordering, and without it. What the first run loses or leaks is
// compared with the second, which shows what CoreDNS itself does under such a load.
//
// ORDERING_SOAK says how long each of the two runs takes. For an hour in all:
//
//	ORDERING_SOAK=30m go test ./test/soak -v -timeout 0
package soak
