package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// What an image file has beside its pixels is copied only where it is needed to show them:
// so what tells where and with what it was made is left out, whatever it is called, and
// what stands behind its end as well.

var errMalformed = errors.New("the image is malformed")

// cleanJPEG copies a JPEG file (ITU-T T.81), and gives how it is to be turned, as Exif has
// it: 1 for not at all.
func cleanJPEG(to io.Writer, r *bufio.Reader) (orientation int, err error) {
	orientation = 1
	var head [4]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil || head[0] != 0xff || head[1] != 0xd8 {
		return 0, errMalformed
	}
	if _, err := to.Write(head[:2]); err != nil {
		return 0, err
	}
	marker, err := nextMarker(r, nil)
	for err == nil && marker != 0xd9 {
		if _, err = io.ReadFull(r, head[2:4]); err != nil {
			break
		}
		size := int(binary.BigEndian.Uint16(head[2:4]))
		if size < 2 {
			return 0, errMalformed
		}
		segment := make([]byte, size-2)
		if _, err = io.ReadFull(r, segment); err != nil {
			break
		}
		if marker == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
			orientation = orientationOf(segment[6:])
		}
		if keepsSegment(marker, segment) {
			head[0], head[1] = 0xff, marker
			if _, err = to.Write(head[:]); err == nil {
				_, err = to.Write(segment)
			}
		}
		if err != nil {
			break
		}
		if marker == 0xda { // a scan, whose data go on to the next marker
			marker, err = nextMarker(r, to)
		} else {
			marker, err = nextMarker(r, nil)
		}
	}
	if err != nil {
		return 0, err
	}
	_, err = to.Write([]byte{0xff, 0xd9})
	return orientation, err
}

// keepsSegment tells whether a segment is needed: of applications', those that say how
// colours are meant.
func keepsSegment(marker byte, segment []byte) bool {
	switch marker {
	case 0xe0:
		return bytes.HasPrefix(segment, []byte("JFIF\x00"))
	case 0xe2:
		return bytes.HasPrefix(segment, []byte("ICC_PROFILE\x00"))
	case 0xee:
		return bytes.HasPrefix(segment, []byte("Adobe"))
	}
	return marker&0xf0 != 0xe0 && marker != 0xfe
}

// nextMarker reads up to the next marker that is no part of a scan's data, which go to
// data; it fails where there are any and data is nil.
func nextMarker(r *bufio.Reader, data io.Writer) (byte, error) {
	scan := bufio.NewWriter(io.Discard)
	if data != nil {
		scan.Reset(data)
	}
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != 0xff {
			if data == nil {
				return 0, errMalformed
			}
			_ = scan.WriteByte(b)
			continue
		}
		for b == 0xff {
			if b, err = r.ReadByte(); err != nil {
				return 0, err
			}
		}
		if b == 0 || b >= 0xd0 && b <= 0xd7 {
			if data == nil {
				return 0, errMalformed
			}
			_, _ = scan.Write([]byte{0xff, b})
			continue
		}
		return b, scan.Flush()
	}
}

// orientationOf reads the tag Orientation of Exif's first directory; 1 where it has none.
func orientationOf(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:8]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	entries := tiff[at+2:]
	for n := order.Uint16(tiff[at:]); n > 0 && len(entries) >= 12; n, entries = n-1, entries[12:] {
		if order.Uint16(entries) == 0x0112 {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}

// keptChunks are those of PNG (and APNG) that say how it is shown.
var keptChunks = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true,
	"iCCP": true, "sBIT": true, "bKGD": true, "pHYs": true, "cICP": true, "mDCV": true, "cLLI": true,
	"acTL": true, "fcTL": true, "fdAT": true,
}

// cleanPNG copies a PNG file (https://www.w3.org/TR/png-3/).
func cleanPNG(to io.Writer, r *bufio.Reader) error {
	if _, err := io.CopyN(to, r, 8); err != nil {
		return err
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		kind, size := string(head[4:]), int64(binary.BigEndian.Uint32(head[:4]))+4 // with its checksum
		if !keptChunks[kind] {
			if _, err := io.CopyN(io.Discard, r, size); err != nil {
				return err
			}
			continue
		}
		if _, err := to.Write(head[:]); err != nil {
			return err
		}
		if _, err := io.CopyN(to, r, size); err != nil || kind == "IEND" {
			return err
		}
	}
}

// cleanGIF copies a GIF file (GIF89a), with its frames and how often they run.
func cleanGIF(to io.Writer, r *bufio.Reader) error {
	var head [13]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	if _, err := to.Write(head[:]); err != nil {
		return err
	}
	if err := copyColors(to, r, head[10]); err != nil {
		return err
	}
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return err
		}
		switch kind {
		case 0x3b:
			_, err = to.Write([]byte{kind})
			return err
		case 0x2c:
			var frame [10]byte
			frame[0] = kind
			if _, err = io.ReadFull(r, frame[1:]); err == nil {
				_, err = to.Write(frame[:])
			}
			if err == nil {
				err = copyColors(to, r, frame[9])
			}
			if err == nil {
				_, err = io.CopyN(to, r, 1) // the least size of a code
			}
			if err == nil {
				err = copyBlocks(to, r)
			}
		case 0x21:
			err = copyExtension(to, r)
		default:
			err = errMalformed
		}
		if err != nil {
			return err
		}
	}
}

func copyColors(to io.Writer, r io.Reader, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	_, err := io.CopyN(to, r, 3<<(flags&7+1))
	return err
}

// copyExtension copies an extension where it says how frames are shown.
func copyExtension(to io.Writer, r *bufio.Reader) error {
	label, err := r.ReadByte()
	if err != nil {
		return err
	}
	kept := label == 0xf9
	if label == 0xff {
		name, _ := r.Peek(12)
		kept = len(name) == 12 && (string(name[1:]) == "NETSCAPE2.0" || string(name[1:]) == "ANIMEXTS1.0")
	}
	if !kept {
		return copyBlocks(io.Discard, r)
	}
	if _, err := to.Write([]byte{0x21, label}); err != nil {
		return err
	}
	return copyBlocks(to, r)
}

// copyBlocks copies blocks of data up to the empty one.
func copyBlocks(to io.Writer, r *bufio.Reader) error {
	for {
		size, err := r.ReadByte()
		if err != nil {
			return err
		}
		if _, err := to.Write([]byte{size}); err != nil || size == 0 {
			return err
		}
		if _, err := io.CopyN(to, r, int64(size)); err != nil {
			return err
		}
	}
}

// cleanWebP copies a WebP file (RFC 9649), whose size it writes at the end, and tells
// whether it is an animation.
func cleanWebP(to io.WriteSeeker, r *bufio.Reader) (animated bool, err error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return false, err
	}
	left := int64(binary.LittleEndian.Uint32(head[4:])) - 4
	if _, err := to.Write(head[:]); err != nil {
		return false, err
	}
	size := int64(4)
	for left >= 8 {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return false, err
		}
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		padded := length + length&1
		left -= 8 + padded
		into := io.Discard
		switch string(chunk[:4]) {
		case "VP8X":
			if length < 10 || length > 64 {
				return false, errMalformed
			}
			body := make([]byte, padded)
			if _, err := io.ReadFull(r, body); err != nil {
				return false, err
			}
			animated = body[0]&0x02 != 0
			body[0] &^= 0x08 | 0x04 // there is neither Exif nor XMP any more
			if _, err := to.Write(append(chunk[:], body...)); err != nil {
				return false, err
			}
			size += 8 + padded
			continue
		case "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF", "ICCP":
			into = to
			if _, err := to.Write(chunk[:]); err != nil {
				return false, err
			}
			size += 8 + padded
		}
		if _, err := io.CopyN(into, r, padded); err != nil {
			return false, err
		}
	}
	binary.LittleEndian.PutUint32(head[4:], uint32(size)) //nolint:gosec // it is no more than was read of a file with such a size
	if _, err := to.Seek(4, io.SeekStart); err != nil {
		return false, err
	}
	_, err = to.Write(head[4:8])
	return animated, err
}
