package admission

import (
	"os"
	"sync"
)

// bell has somebody woken by way of the network poller.
//
// Go's scheduler looks at the network only when a processor has nothing else to run, or
// after 10 ms. If each request that ends woke up the next by itself, processors would
// always have something to run, and a request that has just come, of whomever, would wait
// those 10 ms. By the bell, what waits at the gate is let in when the network is looked at,
// together with all that has come meanwhile.
type bell struct {
	in, out *os.File
	hearing sync.WaitGroup
}

// newBell makes a bell that calls heard. It returns nil where there is none.
func newBell(heard func()) *bell {
	out, in, err := os.Pipe()
	if err != nil {
		return nil
	}
	b := &bell{in: in, out: out}
	b.hearing.Go(func() {
		var buffer [64]byte
		for {
			if _, err := out.Read(buffer[:]); err != nil {
				return
			}
			heard()
		}
	})
	return b
}

func (b *bell) ring() { _, _ = b.in.Write([]byte{0}) } // once it is closed nobody waits

// close ends the hearing.
func (b *bell) close() {
	if b == nil {
		return
	}
	b.in.Close()
	b.hearing.Wait()
	b.out.Close()
}
