// Package docs tests the documentation against the program. Every Corefile in it starts. A Corefile
// that is shown as wrong fails with the message shown after it. Every property of the parser is
// described and has an example. What commands print is tested in cmd/coredns.
package docs
