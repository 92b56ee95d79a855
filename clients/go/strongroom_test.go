package strongroom

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func directory(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	t.Setenv("SECRETS_DIR", path)
	return path
}

func put(t *testing.T, path, value string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(value), 0o600))
}

func TestNotFoundNamesThePlaces(t *testing.T) {
	path := directory(t)
	_, err := GetSecret("some-key")
	var missing *NotFoundError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	expected := []string{"no file " + path + "/some-key", "SOME_KEY_FILE is not set", "SOME_KEY is not set"}
	if fmt.Sprint(missing.Places) != fmt.Sprint(expected) {
		t.Error(missing.Places)
	}
}

func TestMustGetSecretPanics(t *testing.T) {
	directory(t)
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}()
	MustGetSecret("key")
}

func TestAFileIsKeptOnlyWhenItIsOldEnough(t *testing.T) {
	path := filepath.Join(directory(t), "key")
	put(t, path, "value")
	_, err := GetSecret("key")
	must(t, err)
	if _, kept := cache.Load(path); kept {
		t.Error("a file changed a moment ago was kept: it may change again unseen")
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, kept := cache.Load(path); !kept && time.Now().Before(deadline); _, kept = cache.Load(path) {
		time.Sleep(50 * time.Millisecond)
		_, err = GetSecret("key")
		must(t, err)
	}
	if _, kept := cache.Load(path); !kept {
		t.Fatal("an old file was not kept")
	}
	put(t, path, "other")
	if value := MustGetSecret("key"); value != "other" {
		t.Error("a kept file that changed was not read anew")
	}
}

func TestBytesAreACopy(t *testing.T) {
	put(t, filepath.Join(directory(t), "key"), "value")
	data, err := GetSecretBytes("key")
	must(t, err)
	data[0] = 'X'
	if MustGetSecret("key") != "value" {
		t.Error("a caller changed the secret")
	}
}

func TestNothingThatIsPrintedShowsAValue(t *testing.T) {
	path := filepath.Join(directory(t), "key")
	put(t, path, "hunter2-hunter2")
	kept, err := readFile(path, "")
	must(t, err)
	put(t, path, "\xffhunter2-hunter2")
	_, err = GetSecret("key")
	if shown := fmt.Sprintf("%v %+v %#v %v %#v", kept, kept, kept, err, err); strings.Contains(shown, "hunter2") {
		t.Error(shown)
	}
}

func TestConcurrentReaders(t *testing.T) {
	path := filepath.Join(directory(t), "key")
	put(t, path, "value")
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, old, old))
	done := make(chan error)
	for i := 0; i < 8; i++ {
		go func() {
			for j := 0; j < 200; j++ {
				if _, err := GetSecret("key"); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for i := 0; i < 8; i++ {
		must(t, <-done)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
