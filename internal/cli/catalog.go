package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/server"
)

type applyCommand struct {
	remote `embed:""`
	File   string `arg:"" help:"Catalog file, YAML or JSON; - is standard input."`
	DryRun bool   `help:"Say what would change, and change nothing."`
}

func (c *applyCommand) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	file, err := s.readFile(c.File)
	if err != nil {
		return err
	}
	changes, err := allot.Catalog.Apply(ctx, file, c.DryRun)
	if err != nil {
		return err
	}
	return s.print(changes, func(w io.Writer) { changeRows(w, changes) })
}

// readFile reads a file, or standard input if it is called "-".
func (s *session) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(s.in)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		return nil, &hintedError{err, "give a file that can be read, or - for standard input"}
	}
	return file, nil
}

func changeRows(w io.Writer, c *api.CatalogChanges) {
	if len(c.Changes) == 0 {
		fmt.Fprintln(w, "no changes")
	} else {
		row(w, "ACTION", "KIND", "CODE", "VERSION", "DETAILS")
	}
	for _, change := range c.Changes {
		version := ""
		if change.Version > 0 {
			version = strconv.FormatInt(change.Version, 10)
		}
		row(w, change.Action, change.Kind, change.Code, version, strings.Join(change.Details, "; "))
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	if n := len(c.Untouched); n > 0 {
		names := make([]string, n)
		for i, thing := range c.Untouched {
			names[i] = thing.Kind + " " + thing.Code
		}
		fmt.Fprintln(w, "not in the file, left as it is:", strings.Join(names, ", "))
	}
	if c.DryRun {
		fmt.Fprintln(w, "dry run: nothing was changed")
	}
}

type catalogCommands struct {
	Export exportCatalog `cmd:"" help:"Print the catalog as a file that allot apply takes."`
}

type exportCatalog struct {
	remote `embed:""`
}

// Run prints YAML, or with --json the same in JSON, which is a catalog file too.
func (c *exportCatalog) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	if s.json {
		catalog, err := allot.Catalog.Get(ctx)
		if err != nil {
			return err
		}
		return s.print(catalog, nil)
	}
	file, err := allot.Catalog.GetYAML(ctx)
	if err != nil {
		return err
	}
	_, err = s.out.Write(file)
	return err
}

type schemaCommand struct{}

func (schemaCommand) Run(s *session) error {
	_, err := s.out.Write(server.CatalogSchema())
	return err
}
