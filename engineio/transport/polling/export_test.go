package polling

// Limits and times that the rules are stated in.
const (
	PayloadLimit = payloadLimit
	NoopInterval = noopInterval
	WriteStall   = writeStall
)
