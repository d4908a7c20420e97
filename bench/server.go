//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a contender that runs.
type server struct {
	name string
	port int
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the process has ended
}

// start starts c on a core and waits until it answers.
func start(c contender, dir, zoneFile string, port int, core string) (*server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	command, err := c.command(dir, zoneFile, port)
	if err != nil {
		return nil, err
	}
	s := &server{name: c.name, port: port, log: filepath.Join(dir, "log"), done: make(chan struct{})}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()

	s.cmd = exec.Command("taskset", append([]string{"-c", core}, command...)...)
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A group of its own, so that the time of its children can be told; and no
	// life after ours, whatever we die of.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.cmd.Wait()
		close(s.done)
	}()
	if err := s.await(20 * time.Second); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// await returns when the server answers.
func (s *server) await(patience time.Duration) error {
	timeout := time.After(patience)
	for {
		if _, err := s.ask("ns." + zone); err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended: %s", s.lastWords())
		case <-timeout:
			return fmt.Errorf("no answer in %s: %s", patience, s.lastWords())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lastWords returns the end of the server's log.
func (s *server) lastWords() string {
	text, _ := os.ReadFile(s.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// stop ends the server and its children.
func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
	}
	// The group is gone by now, unless something in it did not obey.
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// clockTick is the unit of time in /proc/PID/stat: Linux shows 100 to the
// second on every architecture that Go runs on.
const clockTick = time.Second / 100

// cpu returns the user and system time that the server's processes have used.
func (s *server) cpu() (time.Duration, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		group, used, err := parseStat(stat)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		if group == s.cmd.Process.Pid {
			sum += used
		}
	}
	return sum, nil
}

// parseStat returns the process group and the time used, as proc(5) describes
// them. The fields are counted from behind the command's name, which may hold
// anything.
func parseStat(stat []byte) (group int, used time.Duration, err error) {
	const pgrp, utime, stime = 5 - 3, 14 - 3, 15 - 3
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= stime {
		return 0, 0, fmt.Errorf("%d fields", len(fields))
	}
	if group, err = strconv.Atoi(fields[pgrp]); err != nil {
		return 0, 0, err
	}
	for _, i := range []int{utime, stime} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		used += time.Duration(ticks) * clockTick
	}
	return group, used, nil
}
