package strongroom

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// A signature tells one state of a file from another.
type signature struct {
	device, inode uint64
	size          int64
	mtime, ctime  syscall.Timespec
}

func (s signature) changed() time.Time { return time.Unix(s.ctime.Unix()) }

// stat asks the system directly: os.Stat would make three objects for each look.
func stat(path string) (signature, error) {
	var status syscall.Stat_t
	err := again(func() error { return syscall.Stat(path, &status) })
	return signatureFrom(&status), err
}

// load reads a file and says in which state it was. Directly, too: os.File would register it with the poller, in vain.
func load(path string) (data []byte, state signature, err error) {
	var descriptor int
	// Without O_NONBLOCK a pipe in the place of a secret would be waited for.
	err = again(func() (err error) {
		descriptor, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return nil, state, err
	}
	defer syscall.Close(descriptor)
	var status syscall.Stat_t
	if err = syscall.Fstat(descriptor, &status); err != nil {
		return nil, state, err
	}
	if status.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, state, errKind
	}
	data = make([]byte, status.Size+512)
	length := 0
	for {
		var count int
		err = again(func() (err error) {
			count, err = syscall.Read(descriptor, data[length:])
			return err
		})
		if err != nil {
			return nil, state, err
		}
		if count == 0 {
			return data[:length], signatureFrom(&status), nil
		}
		if length += count; length == len(data) {
			data = append(data, make([]byte, length)...)
		}
	}
}

func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

func signatureFrom(status *syscall.Stat_t) signature {
	return signature{uint64(status.Dev), status.Ino, status.Size, status.Mtim, status.Ctim}
}

func ownerOf(status fs.FileInfo) string {
	system := status.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", system.Uid, system.Gid)
}
