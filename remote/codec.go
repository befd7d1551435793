package remote

import "encoding/json"

// A Codec turns params and results into bytes and back. Its methods are called
// from several goroutines at a time.
type Codec interface {
	// Name is sent with what has been encoded. Params under another name than
	// that of the function's codec are not decoded; the task becomes a dead
	// letter.
	Name() string
	// Marshal encodes v, a pointer to params or to a result.
	Marshal(v any) ([]byte, error)
	// Unmarshal decodes data into v, a pointer to zero params or to a zero result.
	Unmarshal(data []byte, v any) error
}

// JSON is the codec of functions that are defined without one. It is
// encoding/json, so unknown fields are ignored and missing ones are zero.
var JSON Codec = jsonCodec{}

type jsonCodec struct{}

func (jsonCodec) Name() string                       { return "json" }
func (jsonCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (jsonCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
