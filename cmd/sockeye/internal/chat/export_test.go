package chat

// MaxPictures is the bound of Pictures in bytes.
const MaxPictures = maxPictures

// Pictures are the pictures of a chat.
type Pictures struct{ pictures }

// NewPictures returns an empty set.
func NewPictures() *Pictures { return &Pictures{pictures{data: make(map[string][]byte)}} }

// Put keeps a picture.
func (p *Pictures) Put(id string, data []byte) { p.put(id, data) }

// Drop lets a picture go.
func (p *Pictures) Drop(id string) { p.drop(id) }

// Held returns the ids that are kept, and the bytes that they are counted as.
func (p *Pictures) Held() (ids []string, bytes int) {
	for _, id := range p.order {
		if _, ok := p.get(id); ok {
			ids = append(ids, id)
		}
	}
	return ids, p.bytes
}
