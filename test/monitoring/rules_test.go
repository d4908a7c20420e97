package monitoring

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestRulesWithPromtool(t *testing.T) {
	promtool := program(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			cmd := exec.Command(promtool, args...)
			cmd.Dir = filepath.Join(root, "deploy/prometheus")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// promtool does not notice an alert that no test has.
func TestEveryAlertIsTested(t *testing.T) {
	tests := string(read(t, "deploy/prometheus/rules_test.yaml"))
	for _, r := range readRules(t) {
		if r.Alert != "" && !strings.Contains(tests, "- alertname: "+r.Alert+"\n") {
			t.Errorf("rules_test.yaml has no alertname: %s", r.Alert)
		}
	}
}

// figure matches a number, or the value of the expression.
var figure = regexp.MustCompile(`[0-9]|\$value`)

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	known := anchors(t)
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		t.Run(r.Alert, func(t *testing.T) {
			if s := r.Labels["severity"]; s != "warning" && s != "critical" {
				t.Errorf("its severity is %q", s)
			}
			if r.Annotations["summary"] == "" {
				t.Error("it has no summary")
			}
			if !figure.MatchString(r.Annotations["description"]) {
				t.Error("its description has no figure")
			}
			link := troubleshooting.FindStringSubmatch(r.Annotations["runbook_url"])
			if link == nil || link[1] == "" || !known[link[1]] {
				t.Errorf("docs/troubleshooting.md has no heading for %q", r.Annotations["runbook_url"])
			}
		})
	}
}

var alertRow = regexp.MustCompile("(?m)^\\| `(Ordering\\w+)` \\|.*\\| (\\w*) ?\\|$")

func TestDocsListTheAlerts(t *testing.T) {
	listed, want := map[string]string{}, map[string]string{}
	for _, m := range alertRow.FindAllStringSubmatch(string(read(t, "docs/kubernetes.md")), -1) {
		listed[m[1]] = m[2]
	}
	for _, r := range readRules(t) {
		if r.Alert != "" {
			want[r.Alert] = r.For
		}
	}
	if !maps.Equal(listed, want) {
		t.Errorf("docs/kubernetes.md lists\n%v, the rules are\n%v", listed, want)
	}
}
