package chat

// maxPictures bounds the bytes of the pictures that all histories keep together.
const maxPictures = 32 << 20

// pictures holds what the pictures in the histories show, by the id of their
// message. It is guarded by Chat.mu.
type pictures struct {
	data  map[string][]byte
	order []string // ids, oldest first
	bytes int
}

// put keeps data and lets the oldest go until all of it fits.
func (p *pictures) put(id string, data []byte) {
	p.data[id] = data
	p.order = append(p.order, id)
	p.bytes += len(data)
	for p.bytes > maxPictures {
		p.drop(p.order[0])
	}
}

func (p *pictures) get(id string) ([]byte, bool) {
	data, ok := p.data[id]
	return data, ok
}

// drop lets a picture go; it does nothing if there is none with this id.
func (p *pictures) drop(id string) {
	data, ok := p.data[id]
	if !ok {
		return
	}
	delete(p.data, id)
	p.bytes -= len(data)
	for i, x := range p.order {
		if x == id {
			p.order = append(p.order[:i], p.order[i+1:]...)
			return
		}
	}
}
