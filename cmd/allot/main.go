// Command allot is the Allot server and its command line; "allot --help" lists
// the commands. Everything it does is in package cli.
package main

import (
	"os"

	"github.com/allot-dev/allot/internal/cli"
)

// version is set when a release is built.
var version string

func main() { os.Exit(cli.Main(version)) }
