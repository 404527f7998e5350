module github.com/sockeye-io/sockeye/cmd/sockeye

go 1.26

require (
	github.com/google/go-cmp v0.7.0
	github.com/sockeye-io/sockeye v0.0.0
)

require go.uber.org/goleak v1.3.0 // indirect

require (
	github.com/alecthomas/kong v1.17.0
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/ws v1.5.0 // indirect
)

replace github.com/sockeye-io/sockeye => ../..
