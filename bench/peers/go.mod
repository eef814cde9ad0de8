module github.com/allot-dev/allot/bench/peers

go 1.26.0

require (
	github.com/allot-dev/allot v0.0.0
	github.com/goccy/go-yaml v1.19.2
)

require golang.org/x/sys v0.48.0 // indirect

replace github.com/allot-dev/allot => ../..
