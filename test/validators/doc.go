// Package validators checks the answers of ordering with programs of other authors: validating
// resolvers (unbound, delv), a client that verifies TSIG (dig), a secondary server (named), and
// resolvers between ordering and its clients (unbound with a cache per client network, named). A
// test is skipped if its program is not installed.
//
// The server under test runs in the process of the test. All servers but named listen on an address
// of 127.0.0.0/8 that belongs to this process alone, so tests that run at the same time cannot take
// each other's ports. Random zones and clients come from a seed, which each test logs;
//
//	ORDERING_VALIDATORS_SEED=seed go test ./test/validators
//
// repeats a run, and ORDERING_VALIDATORS_ROUNDS=n asks each question n times instead of three.
package validators
