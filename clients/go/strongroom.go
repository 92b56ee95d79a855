// Package strongroom reads an application's secrets: from the files that Docker mounts, the files that <NAME>_FILE
// variables name, or plain variables. It follows spec/reader.md of the strongroom project and passes its vectors.
package strongroom

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

const defaultDirectory = "/run/secrets"

// An Option changes what one call does.
type Option func(*options)

type options struct {
	fallback    string
	hasFallback bool
}

// Default gives a value for a secret that is in none of the places. It is returned as it is.
func Default(value string) Option {
	return func(o *options) { o.fallback, o.hasFallback = value, true }
}

// GetSecret returns a secret as text, without the newlines at its end.
//
// It looks at the file /run/secrets/<name> (another directory by SECRETS_DIR), the file that <NAME>_FILE names, the
// variable <NAME>, and then takes the Default, if one was given. Its errors are *NotFoundError (ErrNotFound),
// *UnreadableError (ErrUnreadable; for bytes that are not UTF-8 also ErrNotText) and *InvalidNameError
// (ErrInvalidName). A place that exists and cannot be read is an error: a later one is never tried instead.
func GetSecret(name string, opts ...Option) (string, error) {
	found, err := find(name)
	if err != nil {
		if o := apply(opts); o.hasFallback && errors.Is(err, ErrNotFound) {
			return o.fallback, nil
		}
		return "", err
	}
	if !found.isText {
		return "", &UnreadableError{
			message: fmt.Sprintf("the secret in %s is not UTF-8 text. Read it with GetSecretBytes.", found.place),
			notText: true,
		}
	}
	return found.text, nil
}

// MustGetSecret is GetSecret for a program's start: it panics with the error.
func MustGetSecret(name string, opts ...Option) string {
	value, err := GetSecret(name, opts...)
	if err != nil {
		panic(err)
	}
	return value
}

// GetSecretBytes returns a secret's bytes exactly as they are, newlines included. It looks and fails as GetSecret does.
func GetSecretBytes(name string, opts ...Option) ([]byte, error) {
	found, err := find(name)
	if err != nil {
		if o := apply(opts); o.hasFallback && errors.Is(err, ErrNotFound) {
			return []byte(o.fallback), nil
		}
		return nil, err
	}
	return append([]byte{}, found.data...), nil // a copy: the caller may write into it
}

// GetValidSecrets returns the values that are valid while a secret is being rotated, the newest first, without repeats:
// those of <name>_current, <name>_previous and <name> that exist.
func GetValidSecrets(name string) ([]string, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	var values, places []string
	for _, variant := range []string{name + "_current", name + "_previous", name} {
		value, err := GetSecret(variant)
		var missing *NotFoundError
		switch {
		case errors.As(err, &missing):
			places = append(places, missing.Places...)
		case err != nil:
			return nil, err
		case !contains(values, value):
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return nil, &NotFoundError{Name: name, Places: places}
	}
	return values, nil
}

// ValidatePassword tells whether provided is one of GetValidSecrets(name). It compares with all of them, in constant
// time. Nothing empty is ever valid.
func ValidatePassword(provided, name string) (bool, error) {
	values, err := GetValidSecrets(name)
	if err != nil {
		return false, err
	}
	// Digests have one length, so that the comparison's time tells nothing about the secret's.
	digest := sha256.Sum256([]byte(provided))
	valid := 0
	for _, value := range values {
		other := sha256.Sum256([]byte(value))
		equal := subtle.ConstantTimeCompare(digest[:], other[:])
		valid |= equal & (1 - subtle.ConstantTimeEq(int32(len(value)), 0))
	}
	return valid == 1, nil
}

func apply(opts []Option) options {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

func contains(values []string, value string) bool {
	for _, each := range values {
		if each == value {
			return true
		}
	}
	return false
}

func find(name string) (*found, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	directory := os.Getenv("SECRETS_DIR")
	if directory == "" {
		directory = defaultDirectory
	}
	path := strings.TrimSuffix(directory, "/") + "/" + name
	if result, err := readFile(path, ""); result != nil || err != nil {
		return result, err
	}
	variable := variableOf(name)
	named := variable + "_FILE"
	pathFromVariable, isNamed := os.LookupEnv(named)
	if pathFromVariable != "" {
		result, err := readFile(pathFromVariable, named)
		if result == nil && err == nil {
			err = unreadable("%s names %s, which does not exist. Create that file, or unset %s.", named, pathFromVariable, named)
		}
		return result, err
	}
	value, isSet := os.LookupEnv(variable)
	if value != "" {
		return newFound(variable, []byte(value)), nil
	}
	return nil, &NotFoundError{Name: name, Places: []string{
		"no file " + path, named + " is " + unsetOrEmpty(isNamed), variable + " is " + unsetOrEmpty(isSet),
	}}
}

func unsetOrEmpty(isSet bool) string {
	if isSet {
		return "empty"
	}
	return "not set"
}

func variableOf(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '.':
			return '_'
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, name)
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") || !utf8.ValidString(name) {
		return &InvalidNameError{Name: name}
	}
	return nil
}
