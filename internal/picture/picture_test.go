package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"testing"

	"github.com/omarty/chat/internal/omarty"
)

const marked = "30.0444N 31.2357E SecretCamera"

func picture() *image.Paletted {
	img := image.NewPaletted(image.Rect(0, 0, 400, 200), color.Palette{color.Black, color.White})
	for x := range 400 {
		img.SetColorIndex(x, x%200, 1)
	}
	return img
}

func chunk(kind, content string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, kind...), content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// samples are images that tell where and with what they were made, by their types.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	encoded := func(encode func(io.Writer) error) []byte {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	j := encoded(func(w io.Writer) error { return jpeg.Encode(w, picture(), nil) })
	exif := append([]byte{0xff, 0xe1, 0, byte(8 + len(marked))}, "Exif\x00\x00"+marked...)
	p := encoded(func(w io.Writer) error { return png.Encode(w, picture()) })
	end := len(p) - 12
	g := encoded(func(w io.Writer) error {
		return gif.EncodeAll(w, &gif.GIF{Image: []*image.Paletted{picture(), picture()}, Delay: []int{10, 10}})
	})
	comment := append([]byte{0x21, 0xfe, byte(len(marked))}, marked+"\x00"...)
	return map[string][]byte{
		"image/jpeg": bytes.Join([][]byte{j[:2], exif, j[2:], []byte(marked)}, nil),
		"image/png":  bytes.Join([][]byte{p[:33], chunk("eXIf", marked), chunk("tEXt", "Comment\x00"+marked), p[33:end], chunk("zzZz", marked), p[end:], []byte(marked)}, nil),
		"image/gif":  bytes.Join([][]byte{g[:len(g)-1], comment, g[len(g)-1:], []byte(marked)}, nil),
	}
}

func studio(t testing.TB) *Studio {
	t.Helper()
	s, err := NewStudio(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPicturesTellNothingButThemselves(t *testing.T) {
	s := studio(t)
	for kind, raw := range samples(t) {
		if !bytes.Contains(raw, []byte(marked)) || !s.Takes(kind) {
			t.Fatalf("%s has nothing to be taken out", kind)
		}
		p, err := s.Make(t.Context(), kind, bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		kept, err := io.ReadAll(p.Content)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Content.Close(); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(kept, []byte("Secret")) || p.Width != 400 || p.Height != 200 {
			t.Errorf("%s: %d × %d, %q", kind, p.Width, p.Height, kept)
		}
		before, _, err := image.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		after, _, err := image.Decode(bytes.NewReader(kept))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for x := range 400 {
			for y := range 200 {
				if before.At(x, y) != after.At(x, y) {
					t.Fatalf("%s: another picture at %d, %d", kind, x, y)
				}
			}
		}
		if small, _, err := image.DecodeConfig(bytes.NewReader(p.Thumbnail)); err != nil || small.Width != 320 || small.Height != 160 {
			t.Errorf("%s: the thumbnail %v, %v", kind, small, err)
		}
		if kind == "image/gif" {
			if all, err := gif.DecodeAll(bytes.NewReader(kept)); err != nil || len(all.Image) != 2 {
				t.Errorf("the animation: %v", err)
			}
		}
	}
	if left, err := os.ReadDir(s.folder); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestWebPKeepsNoExif(t *testing.T) {
	body := func(kind, content string) []byte {
		b := append([]byte(kind), binary.LittleEndian.AppendUint32(nil, uint32(len(content)))...)
		if b = append(b, content...); len(content)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	chunks := bytes.Join([][]byte{body("VP8X", "\x0c\x00\x00\x00\x0f\x00\x00\x0f\x00\x00"), body("VP8L", "odd"), body("EXIF", marked), body("XMP ", marked)}, nil)
	raw := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(4+len(chunks)))...)
	raw = append(append(raw, "WEBP"...), chunks...)
	f, err := studio(t).file()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := cleanWebP(f, bufio.NewReader(bytes.NewReader(append(raw, marked...)))); err != nil {
		t.Fatal(err)
	}
	kept, err := io.ReadAll(from(f))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(kept, []byte("Secret")) || kept[20]&0x0c != 0 || int(binary.LittleEndian.Uint32(kept[4:])) != len(kept)-8 {
		t.Errorf("%q", kept)
	}
}

// Whatever comes is a picture, or INVALID_INPUT; what is kept is one again, and the same.
func FuzzMake(f *testing.F) {
	s := studio(f)
	kinds := []string{"image/jpeg", "image/png", "image/gif", "image/webp"}
	for _, raw := range samples(f) {
		for kind := range kinds {
			f.Add(uint8(kind), raw)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		as := kinds[int(kind)%len(kinds)]
		if c, err := formats[as].config(bytes.NewReader(raw)); err == nil && c.Width*c.Height > 1<<20 {
			t.Skip() // it takes long
		}
		p, err := s.Make(t.Context(), as, bytes.NewReader(raw))
		if err != nil {
			if omarty.CodeOf(err) != omarty.CodeInvalidInput {
				t.Fatal(err)
			}
			return
		}
		kept, _ := io.ReadAll(p.Content)
		p.Content.Close()
		again, err := s.Make(t.Context(), as, bytes.NewReader(kept))
		if err != nil {
			t.Fatalf("what was kept is none: %v", err)
		}
		twice, _ := io.ReadAll(again.Content)
		again.Content.Close()
		if !bytes.Equal(kept, twice) {
			t.Error("what was kept is kept otherwise")
		}
	})
}
