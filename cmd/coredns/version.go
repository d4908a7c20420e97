package main

import (
	"cmp"
	"runtime/debug"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/coremain"
)

// version is the version of ordering. A release sets it: -ldflags '-X main.version=v0.1.0'.
var version string

// setVersion adds the version of ordering to what -version, the first line of the log and the
// plugin chaos call the version of CoreDNS.
func setVersion() {
	build, _ := debug.ReadBuildInfo()
	caddy.AppVersion = coremain.CoreVersion + " ordering-" + orderingVersion(version, build)
}

// orderingVersion returns stamped if it is not empty. Otherwise it returns the version that the go
// command recorded in the program: a tag, or a commit if the program was built in a checkout, or
// "(devel)" if that is not known either.
func orderingVersion(stamped string, build *debug.BuildInfo) string {
	recorded := ""
	if build != nil {
		recorded = build.Main.Version
	}
	return strings.TrimPrefix(cmp.Or(stamped, recorded, "(devel)"), "v")
}
