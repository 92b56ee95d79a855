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
	for {
		err := syscall.Stat(path, &status)
		if err != syscall.EINTR {
			return signatureFrom(&status), err
		}
	}
}

func signatureOf(status fs.FileInfo) signature {
	return signatureFrom(status.Sys().(*syscall.Stat_t))
}

func signatureFrom(status *syscall.Stat_t) signature {
	return signature{uint64(status.Dev), status.Ino, status.Size, status.Mtim, status.Ctim}
}

func ownerOf(status fs.FileInfo) string {
	system := status.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", system.Uid, system.Gid)
}
