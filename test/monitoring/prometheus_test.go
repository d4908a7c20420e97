package monitoring

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
)

// prometheus is a running Prometheus that scrapes a server every second and has the rules.
type prometheus struct{ address string }

// startPrometheus starts a Prometheus and stops it when the test ends. The test is skipped if there
// is none.
func startPrometheus(t *testing.T, s server) prometheus {
	t.Helper()
	binary := program(t, "prometheus")
	rules, err := filepath.Abs(filepath.Join(root, "deploy/prometheus/rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "prometheus.yml", fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
- job_name: coredns
  static_configs: [{targets: ["METRICS"]}]
`, rules))
	p := prometheus{freeAddress(t)}
	run(t, s.dir, binary, "--config.file=prometheus.yml", "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+p.address)
	return p
}

// api calls the HTTP API and decodes the data in its answer.
func (p prometheus) api(path string, query url.Values, data any) error {
	body, err := get("http://" + p.address + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &struct{ Data any }{data})
}

// query returns how many series a query has that are numbers.
func (p prometheus) query(query string) (count int, err error) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := p.api("query", url.Values{"query": {query}}, &data); err != nil {
		return 0, err
	}
	for _, series := range data.Result {
		value, err := strconv.ParseFloat(series.Value[1].(string), 64)
		if err != nil {
			return 0, err
		}
		if !math.IsNaN(value) {
			count++
		}
	}
	return count, nil
}

// activeRule is a rule as Prometheus lists it.
type activeRule struct {
	Name, Type, State, Health, LastError string
	Alerts                               []struct{ Labels map[string]string }
}

// rules returns the rules by name.
func (p prometheus) rules() (map[string]activeRule, error) {
	var data struct {
		Groups []struct{ Rules []activeRule }
	}
	if err := p.api("rules", nil, &data); err != nil {
		return nil, err
	}
	all := map[string]activeRule{}
	for _, group := range data.Groups {
		for _, r := range group.Rules {
			all[r.Name] = r
		}
	}
	return all, nil
}

func TestPrometheusHasDataForEveryPanelAndRule(t *testing.T) {
	d, rules := readDashboard(t), readRules(t)
	s := startServer(t, files)
	p := startPrometheus(t, s)
	eventually(t, "data for every panel", func() error {
		s.askAll(t)
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				switch n, err := p.query(d.substitute(t, q.Expr)); {
				case err != nil:
					return fmt.Errorf("%s, query %s: %w", panel.Title, q.RefID, err)
				case n == 0:
					return fmt.Errorf("%s, query %s has no series", panel.Title, q.RefID)
				}
			}
		}
		return nil
	})
	eventually(t, "every rule", func() error {
		s.askAll(t) // there is a share of near answers once Prometheus has seen a hundred more of them
		active, err := p.rules()
		if err != nil {
			return err
		}
		for _, r := range rules {
			if a := active[r.Alert+r.Record]; a.Health != "ok" {
				return fmt.Errorf("%s: %q %s", r.Alert+r.Record, a.Health, a.LastError)
			}
			if r.Record != "" {
				if n, err := p.query(r.Record); err != nil || n == 0 {
					return fmt.Errorf("%s has no series, %v", r.Record, err)
				}
			}
		}
		return nil
	})

	s.write(t, "Corefile", "lan.example {\n no_such_directive\n}\n")
	want := map[string]string{ // all others are inactive
		"OrderingClientsUnknown":     "pending", // half of the clients
		"OrderingTopologyNeverReady": "pending", // the API server
		"OrderingReloadFailed":       "firing",  // this Corefile
	}
	eventually(t, "the alerts", func() error {
		active, err := p.rules()
		if err != nil {
			return err
		}
		for name, r := range active {
			if r.Type == "alerting" && r.State != cmp.Or(want[name], "inactive") {
				return fmt.Errorf("%s is %s, want %v", name, r.State, want)
			}
		}
		return nil
	})
}
