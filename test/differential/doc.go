// Package differential asks ordering and other servers that know sort lists the same questions, for the same clients with the
// same sort lists, and compares the answers. All of them run on the loopback interface, where a client can have any address in
// 127.0.0.0/8. The sort lists, the zones and the clients are random; a failure tells the seed, and
//
//	DIFFERENTIAL_SEED=seed go test ./test/differential
//
// does it again.
package differential
