package cli

import (
	"context"
	"net"
	"os"
)

// notifyReady tells who started this program, if it wants to be told as systemd does
// (Type=notify), that the server answers. A word that does not arrive is seen by who waits
// for it.
func notifyReady(ctx context.Context) error {
	address := os.Getenv("NOTIFY_SOCKET") // "@name" is an abstract one, as package net has it too
	if address == "" {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unixgram", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("READY=1"))
	return err
}
