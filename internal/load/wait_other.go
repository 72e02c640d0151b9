//go:build !unix

package load

func (s *Socket) listen() {}

func (s *Socket) fill() error { return s.fillSimply() }
