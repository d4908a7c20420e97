//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// results is what was measured. README.md and cost.svg are made from it.
type results struct {
	Sizes  []int         `json:"sizes"`
	Groups []groupResult `json:"groups"`
}

// update returns r with the groups in measured, in place of what r has of the same groups. The
// groups come in the order of all.
func (r results) update(measured []groupResult, all []group) results {
	latest := map[string]groupResult{}
	for _, g := range slices.Concat(r.Groups, measured) {
		latest[g.Name+g.Note] = g
	}
	updated := results{Sizes: r.Sizes}
	for _, g := range all {
		if result, ok := latest[g.name+g.note]; ok {
			updated.Groups = append(updated.Groups, result)
		}
	}
	return updated
}

// groupResult has the results of a group's variants, the baseline first.
type groupResult struct {
	Name       string          `json:"name"`
	Note       string          `json:"note,omitempty"`
	Version    string          `json:"version,omitempty"`
	Conditions string          `json:"conditions,omitempty"` // when, where and with what it was measured
	Skipped    string          `json:"skipped,omitempty"`    // why there are no figures
	Variants   []variantResult `json:"variants,omitempty"`
}

// variantResult has the figures of one variant.
type variantResult struct {
	Name      string          `json:"name"`
	PlotLabel string          `json:"plotLabel,omitempty"`
	Skipped   string          `json:"skipped,omitempty"` // why there are no figures
	Figures   map[int]figures `json:"figures"`           // by number of addresses in the answer
}

// figures is what was measured of one variant with answers of one size. At full load dnsperf sends
// queries as fast as they are answered. At half load it sends every server of the group half as
// many as the slowest of them can answer.
type figures struct {
	QPS          float64 `json:"qps"`                    // at full load, median
	DnsperfBound bool    `json:"dnsperfBound,omitempty"` // at full load dnsperf was slower than the server
	Full         cost    `json:"full"`
	Half         cost    `json:"half"`
}

// A cost is CPU time per query: the median in µs, and the median and the quartiles of its ratio to
// the baseline's.
type cost struct {
	CPU   float64 `json:"cpu"`
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

const resultsPath = "results.json"

func (r results) save() error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(resultsPath, append(text, '\n'), 0o644)
}

func loadResults() (r results, err error) {
	text, err := os.ReadFile(resultsPath)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", resultsPath, err)
	}
	return r, nil
}

// conditions says when, where and with what the figures are measured.
func conditions(o options) string {
	kernel, _ := exec.Command("uname", "-sr").Output()
	commit, _ := exec.Command("git", "describe", "--always", "--dirty").Output()
	return fmt.Sprintf("%s, commit %s; %s, %d cores%s; %s; %s; %d rounds of %s per pair.",
		time.Now().Format(time.DateOnly), strings.TrimSpace(string(commit)), processor(), runtime.NumCPU(), load(),
		strings.TrimSpace(string(kernel)), strings.Replace(runtime.Version(), "go", "Go ", 1), o.rounds, o.sampleTime)
}

// load returns how busy the machine is with other things, for the conditions.
func load() string {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	average, err := proc.LoadAvg()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", load average %.1f before", average.Load1)
}

// processor returns the model of the processor, or its architecture if Linux does not name the
// model.
func processor() string {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return runtime.GOARCH
	}
	cores, err := proc.CPUInfo()
	if err != nil || len(cores) == 0 || cores[0].ModelName == "" {
		return runtime.GOARCH
	}
	return cores[0].ModelName
}
