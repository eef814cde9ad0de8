package server

import (
	"bytes"

	sqlite "modernc.org/sqlite/lib"

	"github.com/allot-dev/allot/internal/catalog"
)

// CatalogSchema is the JSON Schema of the catalog file.
func CatalogSchema() []byte { return bytes.Clone(catalog.Schema) }

// ExampleCatalog is a catalog file with a bit of everything, whose plan pro is
// for organizations.
func ExampleCatalog() []byte { return bytes.Clone(catalog.Example) }

// SQLiteVersion is that of the SQLite inside.
const SQLiteVersion = sqlite.SQLITE_VERSION
