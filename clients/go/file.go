package strongroom

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A file may change twice within one tick of its file system's clock. Two seconds is the coarsest in use (FAT).
const tick = 2 * time.Second

type found struct {
	place  string
	data   []byte
	text   string
	isText bool
	was    signature
}

// String keeps the value out of what prints a found.
func (f *found) String() string { return "<secret from " + f.place + ">" }

// GoString does the same for %#v.
func (f *found) GoString() string { return f.String() }

var cache sync.Map // path → *found

// errKind is what load says of a directory, a pipe, a socket or a device.
var errKind = errors.New("not a regular file")

// readFile returns what the file at path holds, or nil where there is no such file.
func readFile(path, variable string) (*found, error) {
	if kept, ok := cache.Load(path); ok {
		if now, err := stat(path); err == nil && now == kept.(*found).was {
			return kept.(*found), nil
		}
		cache.Delete(path)
	}
	data, status, err := load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isLink(path):
		return nil, nil
	case err == errKind:
		return nil, refusalOfKind(path, variable)
	case err != nil:
		return nil, refusal(path, err, variable)
	}
	result := newFound(path, data)
	result.was = status
	if time.Since(result.was.changed()) > tick {
		cache.Store(path, result)
	}
	return result, nil
}

func newFound(place string, data []byte) *found {
	end := len(data)
	for end > 0 && data[end-1] == '\n' {
		end--
		if end > 0 && data[end-1] == '\r' {
			end--
		}
	}
	isText := utf8.Valid(data[:end])
	result := &found{place: place, data: data, isText: isText}
	if isText {
		result.text = string(data[:end])
	}
	return result
}

func isLink(path string) bool {
	status, err := os.Lstat(path)
	return err == nil && status.Mode()&fs.ModeSymlink != 0
}

// refusal says what an operating system's error means to the person who has to mend it.
func refusal(path string, err error, variable string) error {
	origin := originOf(variable)
	if errors.Is(err, fs.ErrNotExist) {
		target, _ := os.Readlink(path)
		return unreadable("%s%s is a link to %s, which does not exist. Mount what it leads to, or remove the link.",
			path, origin, target)
	}
	if errors.Is(err, fs.ErrPermission) {
		return denial(path, origin)
	}
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	if strings.ContainsRune(path, 0) {
		return unreadable("%s is not a path: it contains a NUL byte.", variable)
	}
	return unreadable("%s%s cannot be read: %v.", path, origin, err)
}

func denial(path, origin string) error {
	user := fmt.Sprintf("uid %d, gid %d", os.Geteuid(), os.Getegid())
	status, err := os.Stat(path)
	if err != nil {
		return unreadable("%s%s cannot be reached: this process (%s) may not look into a directory on the way to it.",
			path, origin, user)
	}
	return unreadable("%s%s exists, but this process (%s) may not read it: its owner is %s, its mode %04o. "+
		"Grant the secret with the process's uid (or gid) and mode 0400 (or 0440).",
		path, origin, user, ownerOf(status), status.Mode().Perm())
}

func refusalOfKind(path, variable string) error {
	origin := originOf(variable)
	if status, err := os.Stat(path); err == nil && status.IsDir() {
		return unreadable("%s%s is a directory, not a file. Docker makes one when it mounts a file that is not there: "+
			"remove it, create the file, and start the container anew.", path, origin)
	}
	return unreadable("%s%s is not a regular file. Put the secret into a file.", path, origin)
}

func originOf(variable string) string {
	if variable == "" {
		return ""
	}
	return " (named by " + variable + ")"
}
