//go:build !linux && !darwin && !windows

package clock

import "time"

// elapsed is how long the machine has run awake: on this system there is nothing that
// counts its sleep as well. After a sleep longer than the skew the wall is not believed until
// somebody says that it is right.
func elapsed() time.Duration { return awake() }
