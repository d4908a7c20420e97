// Package monitoring tests the Grafana dashboard and the Prometheus rules in deploy. Every query uses
// only metrics, labels and values that a real server publishes. Every alert fires when it should and
// only then. A real Prometheus that scrapes a real server has data for every panel.
//
// It is a module of its own, so that users of the plugin need not download the parser of Prometheus.
package monitoring
