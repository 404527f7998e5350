package siowire

import "unsafe"

// SizeOfJSONDecoder is what one idle connection needs.
const SizeOfJSONDecoder = unsafe.Sizeof(jsonDecoder{})
