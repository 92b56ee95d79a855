package strongroom

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

const nobody = 65534

type content struct {
	Text   *string
	Base64 *string
	Repeat *struct {
		Text  string
		Times int
	}
	Link                    *string
	Directory, Fifo, Absent bool
	Mode                    string
}

type step struct {
	Files  map[string]content
	Env    map[string]*string
	Expect map[string]any
}

type vector struct {
	step
	Name, Call, Secret, Provided, Needs string
	Default                             json.RawMessage
	Then                                []step
}

func vectors(t *testing.T) []vector {
	directory := os.Getenv("STRONGROOM_VECTORS")
	if directory == "" {
		directory = "../../spec/vectors"
	}
	files, _ := filepath.Glob(filepath.Join(directory, "*.json"))
	var all []vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Vectors []vector }
		if err := json.Unmarshal(data, &page); err != nil {
			t.Fatal(file, err)
		}
		all = append(all, page.Vectors...)
	}
	return all
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) < 100 {
		t.Fatalf("only %d vectors were found", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, v.run)
	}
}

func (v vector) run(t *testing.T) {
	root, err := os.MkdirTemp("", "strongroom-")
	must(t, err)
	defer func() {
		must(t, os.Chmod(root+"/secrets", 0o755)) // or nobody but root could remove it
		must(t, os.RemoveAll(root))
	}()
	must(t, os.Chmod(root, 0o755))
	must(t, os.Mkdir(filepath.Join(root, "secrets"), 0o755))
	v.clear(t)
	t.Setenv("SECRETS_DIR", root+"/secrets")
	for _, s := range append([]step{v.step}, v.Then...) {
		s.place(t, root)
		for variable, value := range s.Env {
			t.Setenv(variable, "") // so that it is put back at the end
			if value == nil {
				os.Unsetenv(variable)
			} else {
				os.Setenv(variable, strings.ReplaceAll(*value, "{root}", root))
			}
		}
		var got map[string]any
		v.asSomeone(t, func() { got = v.outcome() })
		check(t, s.Expect, got, root)
	}
}

// clear unsets every variable that the vector's names could reach.
func (v vector) clear(t *testing.T) {
	prefix := variableOf(v.Secret)
	for _, pair := range os.Environ() {
		variable, _, _ := strings.Cut(pair, "=")
		if prefix != "" && strings.HasPrefix(variable, prefix) {
			t.Setenv(variable, "")
			os.Unsetenv(variable)
		}
	}
}

func (s step) place(t *testing.T, root string) {
	for name, c := range s.Files {
		path := filepath.Join(root, name)
		if status, err := os.Lstat(path); err == nil && !(c.Directory && status.IsDir()) {
			must(t, os.RemoveAll(path))
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case c.Link != nil:
			must(t, os.Symlink(*c.Link, path))
		case c.Fifo:
			must(t, syscall.Mkfifo(path, 0o644))
		case c.Directory:
			must(t, os.MkdirAll(path, 0o755))
		case !c.Absent:
			must(t, os.WriteFile(path, c.bytes(t), 0o600))
		}
	}
	names := []string{}
	for name := range s.Files {
		names = append(names, name)
	}
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	for _, name := range names { // last and inside out: a directory may lose its rights
		c := s.Files[name]
		if c.Link != nil || c.Fifo || c.Absent {
			continue
		}
		mode := c.Mode
		if mode == "" {
			mode = map[bool]string{true: "0755", false: "0444"}[c.Directory]
		}
		bits, err := strconv.ParseUint(mode, 8, 32)
		must(t, err)
		must(t, os.Chmod(filepath.Join(root, name), os.FileMode(bits)))
	}
}

func (c content) bytes(t *testing.T) []byte {
	switch {
	case c.Base64 != nil:
		data, err := base64.StdEncoding.DecodeString(*c.Base64)
		must(t, err)
		return data
	case c.Repeat != nil:
		return []byte(strings.Repeat(c.Repeat.Text, c.Repeat.Times))
	}
	return []byte(*c.Text)
}

// asSomeone is nobody while a vector that needs permissions to hold is read by root; another user already is.
func (v vector) asSomeone(t *testing.T, call func()) {
	if v.Needs == "permissions" && os.Geteuid() == 0 {
		groups, err := syscall.Getgroups()
		must(t, err)
		must(t, syscall.Setgroups([]int{nobody}))
		must(t, syscall.Setresgid(-1, nobody, -1))
		must(t, syscall.Setresuid(-1, nobody, -1))
		defer func() {
			must(t, syscall.Setresuid(-1, 0, -1))
			must(t, syscall.Setresgid(-1, 0, -1))
			must(t, syscall.Setgroups(groups))
		}()
	}
	call()
}

func (v vector) outcome() map[string]any {
	var opts []Option
	isNull := string(v.Default) == "null"
	if v.Default != nil {
		var text string
		if !isNull {
			_ = json.Unmarshal(v.Default, &text)
		}
		opts = append(opts, Default(text))
	}
	var got map[string]any
	var err error
	switch v.Call {
	case "get_secret":
		var text string
		text, err = GetSecret(v.Secret, opts...)
		got = map[string]any{"text": text}
		if isNull && text == "" { // Go's strings know no null: a caller who has none gives the empty one
			got = map[string]any{"null": true}
		}
	case "get_secret_bytes":
		var data []byte
		data, err = GetSecretBytes(v.Secret, opts...)
		got = map[string]any{"base64": base64.StdEncoding.EncodeToString(data)}
	case "get_valid_secrets":
		var values []string
		values, err = GetValidSecrets(v.Secret)
		texts := []any{}
		for _, value := range values {
			texts = append(texts, value)
		}
		got = map[string]any{"texts": texts}
	case "validate_password":
		var valid bool
		valid, err = ValidatePassword(v.Provided, v.Secret)
		got = map[string]any{"valid": valid}
	}
	for _, kind := range []struct {
		target error
		word   string
	}{{ErrNotFound, "not_found"}, {ErrInvalidName, "invalid_name"}, {ErrNotText, "not_text"}, {ErrUnreadable, "unreadable"}} {
		if errors.Is(err, kind.target) {
			return map[string]any{"error": kind.word, "message": err.Error()}
		}
	}
	if err != nil {
		panic(err)
	}
	return got
}

func check(t *testing.T, expected, got map[string]any, root string) {
	t.Helper()
	switch {
	case expected["error"] != nil:
		if got["error"] != expected["error"] {
			t.Fatalf("expected the error %v, got %v", expected["error"], got)
		}
		mentions, _ := expected["mentions"].([]any)
		for _, mention := range mentions {
			text := strings.ReplaceAll(mention.(string), "{root}", root)
			if !strings.Contains(got["message"].(string), text) {
				t.Errorf("no %q in: %v", text, got["message"])
			}
		}
	case expected["length"] != nil:
		text, _ := got["text"].(string)
		if utf8.RuneCountInString(text) != int(expected["length"].(float64)) {
			t.Errorf("expected %v characters, got %d", expected["length"], utf8.RuneCountInString(text))
		}
	case !reflect.DeepEqual(expected, got):
		t.Errorf("expected %v, got %v", expected, got)
	}
}
