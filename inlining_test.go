package ordering

import (
	"os/exec"
	"regexp"
	"testing"
)

// TestCallsBetweenPackagesAreInlined checks what the compiler says of the small functions that one
// package calls in another for each record or query. A call that is not inlined costs more than
// what these functions do.
func TestCallsBetweenPackagesAreInlined(t *testing.T) {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("there is no go command to compile with: %v", err)
	}
	packages := []string{"./internal/ipaddr", "./plugin/topology", "./plugin/ranking", "./plugin/rrset", "."}
	out, err := exec.Command(goCommand, append([]string{"build", "-gcflags=-m"}, packages...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := string(out)
	for file, calls := range map[string][]string{
		"plugin/rrset/runs.go": {
			"ipaddr.From4Bytes", "ipaddr.From16Bytes", "ranking.(*MaskRanking).Tier", "ipaddr.Addr.CommonBits",
			"ranking.(*Ranking).ByMasks", "ranking.(*Ranking).HasTables", "ranking.OneTier", "(*TypeSet).Has",
		},
		"plugin/rrset/types.go":     {"ipaddr.From4Bytes", "ipaddr.From16Bytes"},
		"plugin/rrset/canonical.go": {"ipaddr.Addr.Less"},
		"plugin/rrset/orderer.go":   {"ranking.(*Ranking).Tiers", "ranking.(*Ranking).Client"},
		"plugin/ranking/ranking.go": {
			"ipaddr.Addr.CommonBits", "ipaddr.FromNetip", "topology.(*Table).Depth", "topology.(*Location).Shared",
		},
		"handler.go": {"rrset.Address", "rrset.(*Orderer).Answer", "rrset.(*Orderer).Additional"},
	} {
		for _, call := range calls {
			pattern := `(?m)^(\./)?` + regexp.QuoteMeta(file) + `:\d+:\d+: inlining call to ` + regexp.QuoteMeta(call) + `$`
			if !regexp.MustCompile(pattern).MatchString(said) {
				t.Errorf("%s: the compiler does not inline %s", file, call)
			}
		}
	}
}
