package wheel

// Waking reports whether w has set a timer of the runtime.
func Waking(w *Wheel) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wake != never
}
