package strongroom

import (
	"errors"
	"fmt"
	"strings"
)

// What errors.Is tells apart. No error's text contains a value.
var (
	ErrNotFound    = errors.New("secret not found")
	ErrInvalidName = errors.New("invalid secret name")
	ErrUnreadable  = errors.New("secret unreadable")
	ErrNotText     = errors.New("secret is not text")
)

// NotFoundError says that a secret is nowhere it was looked for.
type NotFoundError struct {
	Name   string
	Places []string // every place that was looked at, in order, each with what was seen there
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("secret '%s' not found: %s. Grant it to this service (Compose and Swarm: "+
		"services.<service>.secrets; a plain process: strongroom run), or set one of these variables.",
		e.Name, strings.Join(e.Places, "; "))
}

// Is makes errors.Is(err, ErrNotFound) true.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// InvalidNameError says that a name could lead out of the directory of secrets.
type InvalidNameError struct{ Name string }

func (e *InvalidNameError) Error() string {
	return fmt.Sprintf("%q is not a secret's name: give one without '/', '\\' or NUL, as in 'db_password'.", e.Name)
}

// Is makes errors.Is(err, ErrInvalidName) true.
func (e *InvalidNameError) Is(target error) bool { return target == ErrInvalidName }

// UnreadableError says that a secret exists where it was looked for, but cannot be read.
type UnreadableError struct {
	message string
	notText bool
}

func (e *UnreadableError) Error() string { return e.message }

// Is makes errors.Is(err, ErrUnreadable) true, and errors.Is(err, ErrNotText) for bytes that are not UTF-8.
func (e *UnreadableError) Is(target error) bool {
	return target == ErrUnreadable || e.notText && target == ErrNotText
}

func unreadable(format string, arguments ...any) error {
	return &UnreadableError{message: fmt.Sprintf(format, arguments...)}
}
