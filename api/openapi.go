package api

import _ "embed"

// OpenAPI is the description of every route, as YAML. Read it, do not change it.
//
//go:embed openapi.yaml
var OpenAPI []byte
