// Package differential compares ordering with other servers that have sort lists. It sends the same
// queries to both, from the same clients and with the same sort lists, and compares the answers.
// All servers run on the loopback interface, where a client can have any address in 127.0.0.0/8.
// The sort lists, the zones and the clients are random. Each test logs its seed, and
//
//	DIFFERENTIAL_SEED=seed go test ./test/differential
//
// repeats a run.
package differential
