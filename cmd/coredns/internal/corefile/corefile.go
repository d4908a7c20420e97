// Package corefile has what the commands that read a Corefile share.
package corefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	golog "log"
	"os"
	"strings"

	"github.com/coredns/caddy"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

// Read reads a Corefile. As for the server, "stdin" is the standard input. The error for a file that
// does not exist says how to name another.
func Read(path string) (caddy.Input, error) {
	var text []byte
	var err error
	if path == "stdin" {
		text, err = io.ReadAll(os.Stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: name the server's Corefile with -conf", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return caddy.CaddyfileInput{Filepath: path, Contents: text, ServerTypeName: "dns"}, nil
}

// OneLine returns the message of err on one line.
func OneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }

// utf16 is how a file begins that Windows PowerShell has written in its default encoding.
const utf16 = "\xff\xfe"

// Refusal returns OneLine of the error that a Corefile was refused with. For mistakes that are usual
// in what comes from another server, and that CoreDNS does not explain, it says what to write.
func Refusal(corefile caddy.Input, err error) string {
	message := OneLine(err)
	switch {
	case strings.HasPrefix(string(corefile.Body()), utf16):
		return message + ": the Corefile is in UTF-16: save it as UTF-8"
	case strings.HasSuffix(message, "Unexpected EOF"), strings.Contains(message, "Unknown directive"):
		if line := lineOfBIND(corefile); line > 0 {
			return fmt.Sprintf("%s: line %d has }; as in BIND, but in a Corefile } ends a block and stands alone on its line",
				message, line)
		}
	}
	return message + adviceForZone(message)
}

// lineOfBIND returns the number of the first line with }; in the Corefile, 0 if there is none.
func lineOfBIND(corefile caddy.Input) int {
	line := 0
	for text := range strings.Lines(string(corefile.Body())) {
		line++
		if !strings.HasPrefix(strings.TrimSpace(text), "#") && strings.Contains(text, "};") {
			return line
		}
	}
	return 0
}

// LogTo has CoreDNS write its warnings and errors to w, and nothing else: not the queries that the
// log plugin would write.
func LogTo(w io.Writer) {
	golog.SetFlags(0)
	clog.SetOutput(filter{w})
}

// A filter passes on the lines that are warnings or errors.
type filter struct{ io.Writer }

func (f filter) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("[INFO] ")) || bytes.HasPrefix(line, []byte("[DEBUG] ")) {
		return len(line), nil
	}
	return f.Writer.Write(line)
}
