package main

import (
	"runtime/debug"
	"testing"
)

func TestOrderingVersion(t *testing.T) {
	recorded := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}}
	}
	tests := []struct {
		name    string
		stamped string
		build   *debug.BuildInfo
		want    string
	}{
		{"of a release", "v0.1.0", recorded("(devel)"), "0.1.0"},
		{"of go install", "", recorded("v0.1.0"), "0.1.0"},
		{"of a commit after a release", "", recorded("v0.1.1-0.20261121155059-1b750d8f0123+dirty"),
			"0.1.1-0.20261121155059-1b750d8f0123+dirty"},
		{"of a build without version control", "", recorded("(devel)"), "(devel)"},
		{"of a build that records nothing", "", nil, "(devel)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := orderingVersion(tt.stamped, tt.build); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
