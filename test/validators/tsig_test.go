package validators

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/coredns-ordering/ordering/test/internal/program"
)

const (
	tsigName   = "key.example.org."
	tsigSecret = "bm90IGEgc2VjcmV0IGF0IGFsbCwgYnV0IGxvbmcgZW5vdWdo"
	otherKey   = "YW5vdGhlciBzZWNyZXQsIHdoaWNoIHRoZSBzZXJ2ZXIgbGFja3M="
)

// requireTSIG makes a server refuse what is not signed with tsigSecret.
const requireTSIG = "tsig {\nsecret " + tsigName + " " + tsigSecret + "\nrequire all\n}\n"

// runDig runs dig against a server and returns what it prints.
func runDig(dig string, addr netip.AddrPort, args ...string) string {
	cmd := exec.Command(dig, "@"+addr.Addr().String(), "-p", fmt.Sprint(addr.Port()), "-b", ownAddress.String(),
		"+tries=1", "+norecurse")
	cmd.Args = append(cmd.Args, args...)
	output, _ := cmd.CombinedOutput() // it says what is wrong
	return string(output)
}

// verifiedByDig returns how many responses dig has printed that have a TSIG which verifies. It
// returns 0 if dig complains about any.
func verifiedByDig(output string) int {
	for _, complaint := range []string{"verify", "WARNING", "NOTAUTH"} {
		if strings.Contains(output, complaint) {
			return 0
		}
	}
	return strings.Count(output, "TSIG PSEUDOSECTION")
}

func TestDigVerifiesTheTSIGOfReorderedAnswers(t *testing.T) {
	dig := program.Find(t, "dig")
	random := newRandom(t)
	z := parseZone(t, apex+"_http._tcp SRV 10 5 80 n0\n"+host(random, "n0", 8, 4)+host(random, "large", 300, 10))
	file := program.WriteFile(t, t.TempDir(), "example.org.zone", z.String())
	questions := []string{"n0.example.org.", "A", "n0.example.org.", "AAAA", "large.example.org.", "A",
		"_http._tcp.example.org.", "SRV", "nobody.example.org.", "TXT", "ns.example.org.", "A"}
	algorithms := []string{"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"}
	for _, properties := range []string{"", "answer_limit 2"} {
		for _, cache := range []string{"", "cache"} {
			t.Run(strings.TrimSpace(properties+" "+cache), func(t *testing.T) {
				addr := freeAddress(t)
				startServer(t, addr, "ordering {\n"+properties+"\n}\n"+cache+"\n"+requireTSIG+"file "+file)
				verified, firsts := 0, map[string]bool{}
				for _, algorithm := range algorithms {
					for _, option := range []string{"+noedns", "+dnssec", "+tcp", "+subnet=10.9.8.0/24"} {
						key := algorithm + ":" + tsigName + ":" + tsigSecret
						output := runDig(dig, addr, append([]string{option, "-y", key}, questions...)...)
						if n := verifiedByDig(output); n != len(questions)/2 {
							t.Fatalf("%s %s: only %d answers verify:\n%s", option, algorithm, n, output)
						}
						verified += len(questions) / 2
						_, answer, _ := strings.Cut(output, "ANSWER SECTION:\n")
						line, _, _ := strings.Cut(answer, "\n")
						firsts[line] = true
					}
				}
				if len(firsts) < 2 {
					t.Errorf("the answers are not reordered: all begin with %v", firsts)
				}
				t.Logf("%d answers, all verified", verified)
				output := runDig(dig, addr, "-y", "hmac-sha256:"+tsigName+":"+otherKey, "n0.example.org.", "A")
				if verifiedByDig(output) != 0 {
					t.Errorf("a TSIG with another key verifies:\n%s", output)
				}
			})
		}
	}
}
