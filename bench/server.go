//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// A server is a variant that runs.
type server struct {
	name    string
	port    int
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed when the process has ended
}

// start starts a variant on a core and returns when it answers queries. The caller must stop the
// server. After an error nothing is left running.
func start(v variant, dir, zoneFile string, port int, core string) (*server, error) {
	command, err := v.command(dir, zoneFile, port)
	if err != nil {
		return nil, err
	}
	s := &server{name: v.name, port: port, logPath: filepath.Join(dir, "log"), done: make(chan struct{})}
	log, err := os.Create(s.logPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()

	s.cmd = exec.Command("taskset", append([]string{"-c", core}, command...)...)
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// The server has a process group of its own, by which cpuTime finds its child processes. The
	// kernel kills it when we end, however we end.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.cmd.Wait()
		close(s.done)
	}()
	if err := s.waitUntilReady(20 * time.Second); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// waitUntilReady returns nil when the server answers, and an error if it ends or does not answer
// within the timeout.
func (s *server) waitUntilReady(timeout time.Duration) error {
	expired := time.After(timeout)
	for {
		if _, err := s.lookup("ns." + zone); err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("it ended: %s", s.logTail())
		case <-expired:
			return fmt.Errorf("no answer in %s: %s", timeout, s.logTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// logTail returns the last lines of the server's log, as one line.
func (s *server) logTail() string {
	text, _ := os.ReadFile(s.logPath)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// stop ends the server and its child processes, and returns when the server has ended.
func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
	}
	// Kill what is left of the process group.
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// cpuTime returns the user and system time, in seconds, that the server's processes have used.
func (s *server) cpuTime() (float64, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	return groupCPUTime(proc, s.cmd.Process.Pid)
}

// groupCPUTime returns the user and system time, in seconds, that the running processes of a process
// group have used.
func groupCPUTime(proc procfs.FS, processGroup int) (float64, error) {
	processes, err := proc.AllProcs()
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, p := range processes {
		stat, err := p.Stat()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the process ended meanwhile
		}
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", p.PID, err)
		}
		if stat.PGRP == processGroup {
			sum += stat.CPUTime()
		}
	}
	return sum, nil
}
