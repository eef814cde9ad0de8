package server

import (
	"math"
	"testing"
	"testing/fstest"
)

// What a unit or a container may take is the least of its group and those that it is in.
func TestGroupLimit(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no groups":   {nil, math.MaxInt64},
		"a container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n"}, 1000},
		"a unit":      {map[string]string{"proc/self/cgroup": "0::/system.slice/allot.service\n", "sys/fs/cgroup/system.slice/allot.service/memory.max": "2000\n"}, 2000},
		"its slice is smaller": {map[string]string{
			"proc/self/cgroup": "1:name=systemd:/\n0::/a.slice/allot.service\n", "sys/fs/cgroup/a.slice/memory.max": "3000\n",
			"sys/fs/cgroup/a.slice/allot.service/memory.max": "4000\n",
		}, 3000},
		"not limited":     {map[string]string{"proc/self/cgroup": "0::/allot.service\n", "sys/fs/cgroup/allot.service/memory.max": "max\n"}, math.MaxInt64},
		"of another root": {map[string]string{"proc/self/cgroup": "0::/../../allot.service\n", "sys/fs/cgroup/memory.max": "5000\n"}, 5000},
	} {
		files := fstest.MapFS{}
		for name, text := range test.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := groupLimit(files); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
