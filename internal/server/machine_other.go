//go:build !unix

package server

import "net"

// descriptors is 0: nothing here says how many connections there may be.
func descriptors() int { return 0 }

// pending is false: nothing here says whether somebody waits to be accepted.
func pending(net.Listener) bool { return false }
