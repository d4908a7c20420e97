//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// The measured part of README.md stands between these two lines.
const (
	measuredBegin = "<!-- measured: go run -C bench . -write -->"
	measuredEnd   = "<!-- end of measured -->"
)

const (
	readmePath = "README.md"
	plotPath   = "cost.svg"
)

// writeReadme puts the figures into README.md and draws the plot.
func writeReadme(p plan, reports []report) error {
	text, err := os.ReadFile(readmePath)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), measuredBegin)
	_, tail, ended := strings.Cut(rest, measuredEnd)
	if !found || !ended {
		return fmt.Errorf("%s: no lines %q and %q to write between", readmePath, measuredBegin, measuredEnd)
	}
	measured := measuredBegin + "\n\n" + conditions(p) + "\n\n"
	for _, r := range reports {
		measured += r.markdown(p.sizes) + "\n"
	}
	if err := os.WriteFile(readmePath, []byte(head+measured+measuredEnd+tail), 0o644); err != nil {
		return err
	}
	return os.WriteFile(plotPath, []byte(plot(p.sizes, reports)), 0o644)
}

// conditions says when, where and with what was measured.
func conditions(p plan) string {
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%s; %s, %d cores; %s; %s; CoreDNS compiled from this commit's go.mod; %d rounds of %s per pair.",
		time.Now().Format(time.DateOnly), processor(), runtime.NumCPU(), strings.TrimSpace(string(kernel)),
		strings.Replace(runtime.Version(), "go", "Go ", 1), p.rounds, p.slice)
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	if match := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text); match != nil {
		return string(match[1])
	}
	return runtime.GOARCH
}
