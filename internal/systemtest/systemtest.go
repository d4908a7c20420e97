// Package systemtest says what the system can do that a test runs on, and skips tests that need more.
// It also says how the test was built.
package systemtest

import (
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// SkipOnWindows skips the test on Windows. why says what Windows does not have.
func SkipOnWindows(tb testing.TB, why string) {
	tb.Helper()
	if runtime.GOOS == "windows" {
		tb.Skip("not on Windows: " + why)
	}
}

// SkipUnlessLocal skips the test if this machine cannot send from address. Linux and Windows have
// all of 127.0.0.0/8, macOS has only 127.0.0.1.
func SkipUnlessLocal(tb testing.TB, address string) {
	tb.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)})
	if err != nil {
		tb.Skipf("cannot send from %s on this machine: %v", address, err)
	}
	conn.Close()
}

// NoSuchFile returns how this system says that a file does not exist: "no such file or directory" on
// Unix.
func NoSuchFile() string {
	_, err := os.Stat("this file does not exist")
	return errors.Unwrap(err).Error()
}

// AddressInUse reports whether message says that another process listens where a server is to.
func AddressInUse(message string) bool {
	message = strings.ToLower(message)
	return strings.Contains(message, "address already in use") ||
		strings.Contains(message, "unable to listen on any configured interfaces") || // named
		strings.Contains(message, "only one usage of each socket address") // Windows
}

// Raced reports whether the test was built with the race detector.
func Raced() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
