//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// ratio returns the ratio of a variant at full load, as the tables show it.
func (r results) ratio(t *testing.T, group, variant string, size int) string {
	t.Helper()
	for _, g := range r.Groups {
		for _, v := range g.Variants {
			if v.Name == variant && g.Name+", "+g.Note == group {
				return fmt.Sprintf("%.2f", v.Figures[size].Full.Ratio)
			}
		}
	}
	t.Fatalf("%s has no variant %s of %s", resultsPath, variant, group)
	return ""
}

// row returns the cells of the line of a table that begins with a label.
func row(t *testing.T, path, label string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(cell)
		}
		if cells[0] == label {
			return cells[1:]
		}
	}
	t.Fatalf("%s has no row %q", path, label)
	return nil
}

func TestSummariesHaveTheRatiosOfTheResults(t *testing.T) {
	r, err := loadResults()
	if err != nil {
		t.Fatal(err)
	}
	for label, of := range map[string]struct{ group, variant string }{
		"CoreDNS, `ordering`":                                       {"CoreDNS, ", "`ordering`"},
		"CoreDNS, `loadbalance`, which only shuffles":               {"CoreDNS, ", "`loadbalance`"},
		"CoreDNS, `loadbalance` with `prefer`":                      {"CoreDNS, ", "`loadbalance`, `prefer` 4 networks"},
		"BIND, `sortlist`":                                          {"BIND, ", "`sortlist` of 1 line"},
		"PowerDNS Recursor without its packet cache, sort list":     {"PowerDNS Recursor, without packet cache", "`addSortList`"},
		"PowerDNS Recursor, sort list in place of the packet cache": {"PowerDNS Recursor, ", "`addSortList`"},
	} {
		var want []string
		for _, size := range r.Sizes {
			want = append(want, r.ratio(t, of.group, of.variant, size))
		}
		if got := row(t, readmePath, label); !slices.Equal(got, want) {
			t.Errorf("%s: the row %q has %v, %s has %v", readmePath, label, got, resultsPath, want)
		}
	}
	for label, size := range map[string]int{"CPU time per query, 10 addresses": 10, "CPU time per query, 100 addresses": 100} {
		want := []string{
			"× " + r.ratio(t, "CoreDNS, ", "`ordering`", size),
			fmt.Sprintf("× %s, `prefer` × %s", r.ratio(t, "CoreDNS, ", "`loadbalance`", size),
				r.ratio(t, "CoreDNS, ", "`loadbalance`, `prefer` 4 networks", size)),
			"not measured",
			"× " + r.ratio(t, "BIND, ", "`sortlist` of 1 line", size),
			"× " + r.ratio(t, "PowerDNS Recursor, without packet cache", "`addSortList`", size),
		}
		if got := row(t, "../README.md", label); !slices.Equal(got, want) {
			t.Errorf("../README.md: the row %q has\n%q, %s has\n%q", label, got, resultsPath, want)
		}
	}
}

func TestMeasuredGroupsReplaceThoseSaved(t *testing.T) {
	saved := results{Sizes: []int{3}, Groups: []groupResult{
		{Name: "a", Version: "1"}, {Name: "c", Note: "n", Version: "1"}, {Name: "gone"},
	}}
	all := []group{{name: "a"}, {name: "b"}, {name: "c"}, {name: "c", note: "n"}}
	updated := saved.update([]groupResult{{Name: "c", Note: "n", Version: "2"}, {Name: "b", Version: "2"}}, all)
	var got []string
	for _, g := range updated.Groups {
		got = append(got, g.Name+g.Note+g.Version)
	}
	if want := []string{"a1", "b2", "cn2"}; !slices.Equal(got, want) || !slices.Equal(updated.Sizes, saved.Sizes) {
		t.Errorf("got the groups %v, want %v", got, want)
	}
}
