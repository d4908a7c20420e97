package monitoring

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the PrometheusRule from deploy/prometheus/rules.yaml")

// The rules for the Prometheus operator are those in deploy/prometheus. After a change there, write
// them again:
//
//	go test -C test/monitoring -run TestPrometheusRule -update
func TestPrometheusRuleHasTheRules(t *testing.T) {
	var want strings.Builder
	want.WriteString(`# Generated from deploy/prometheus/rules.yaml. Change the rules there, then run
#
#   go test -C test/monitoring -run TestPrometheusRule -update
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: coredns-ordering
  namespace: kube-system
  labels:
    app.kubernetes.io/name: coredns-ordering
spec:
`)
	for line := range strings.Lines(string(read(t, "deploy/prometheus/rules.yaml"))) {
		if line != "\n" {
			want.WriteString("  ")
		}
		want.WriteString(line)
	}

	const path = "deploy/kubernetes/components/prometheusrule/prometheusrule.yaml"
	if *update {
		if err := os.WriteFile(filepath.Join(root, path), []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(read(t, path)); got != want.String() {
		t.Errorf("%s does not have the rules of deploy/prometheus/rules.yaml: run this test with -update", path)
	}
}
