package server

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/admission"
)

// machine is what a server has to make do with.
type machine struct {
	procs       int
	memory      int64 // bytes; math.MaxInt64 if nobody says
	descriptors int   // files and connections; 0 if nobody says
}

// thisMachine is what this process may use.
func thisMachine() machine {
	return machine{runtime.GOMAXPROCS(0), MemoryLimit(), descriptors()}
}

// MemoryLimit is how much memory this process is to take: what GOMEMLIMIT says, or else
// the limit of its container or unit. [math.MaxInt64] if neither does.
func MemoryLimit() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit != math.MaxInt64 {
		return limit
	}
	return groupLimit(os.DirFS("/"))
}

// Headroom is memory that is never touched, and so takes none of the machine's; a process
// that serves keeps it. The garbage collector runs each time the heap has doubled: with this
// much in it a server whose own is small need not run it dozens of times a second. It counts
// against the limit of the process, so that of a small limit it is a small part: the
// collector would run all the time to make up for it.
func Headroom() []byte { return make([]byte, min(64<<20, MemoryLimit()/16)) }

// groupLimit is the least memory that the control group of this process may take, or one
// that it is in: a container sees its own at the root, a unit of systemd further down.
// [math.MaxInt64] if none is limited.
func groupLimit(root fs.FS) int64 {
	group := "."
	of, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(of)) {
		if name, ok := strings.CutPrefix(line, "0::/"); ok {
			group = path.Clean(strings.TrimSpace(name))
		}
		if strings.HasPrefix(group, "..") { // it is above what is seen from here
			group = "."
		}
	}
	limit := int64(math.MaxInt64)
	for {
		text, _ := fs.ReadFile(root, path.Join("sys/fs/cgroup", group, "memory.max"))
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 { // else it says max
			limit = min(limit, n)
		}
		if group == "." {
			return limit
		}
		group = path.Dir(group)
	}
}

// Bounds of what follows from the machine.
const (
	leastConnections, mostConnections = 64, 32 << 10
	connectionBytes                   = 32 << 10 // of memory, of one that waits
	leastRequests, mostRequests       = 64, 1024
	requestBytes                      = 256 << 10
	leastBodies, mostBodies           = 20 << 20, 256 << 20
	leastCache                        = 4 << 20
)

// connections is how many the machine can hold. A quarter of the descriptors is for the
// database and for what the server itself connects to.
func (m machine) connections() int {
	n := int64(mostConnections)
	if m.descriptors > 0 {
		n = min(n, int64(m.descriptors)*3/4)
	}
	return int(max(leastConnections, min(n, m.memory/8/connectionBytes)))
}

// limits are those of requests.
func (m machine) limits(strangerRate int) admission.Limits {
	return admission.Limits{
		Procs:        m.procs,
		Requests:     int(max(leastRequests, min(mostRequests, m.memory/4/requestBytes))),
		Bodies:       max(leastBodies, min(mostBodies, m.memory/8)),
		StrangerRate: strangerRate,
	}
}

// cache is how much memory facts may take if nobody says.
func (m machine) cache() int64 { return max(leastCache, min(DefaultCacheSize, m.memory/4)) }

// tokens is how much those tokens may take that are remembered.
func (m machine) tokens() int { return int(max(1<<20, min(20<<20, m.memory/16))) }
