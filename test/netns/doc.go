// Package netns measures what becomes of the order in real networks: which address a client
// connects to in the end. The server, as it is built, and clients with different resolver libraries
// run in network namespaces with three subnets and a router, over IPv4 and IPv6, also behind a NAT.
// The test compares the result with the table in docs/clients.md.
//
// The test needs Linux, root, and the programs ip, nft and gcc. It is skipped without them. Without
// one of the other programs (dig, musl-gcc, systemd-resolved) only its rows are left out.
//
//	go test -v ./test/netns
//
// prints the table.
package netns
