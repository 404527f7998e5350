module github.com/sockeye-io/sockeye/socketio/siowire/fastjson

go 1.26

require (
	github.com/goccy/go-json v0.12.0
	github.com/google/go-cmp v0.7.0
	github.com/sockeye-io/sockeye v0.0.0
)

require github.com/go-json-experiment/json v1.27.2 // indirect

replace github.com/sockeye-io/sockeye => ../../..
