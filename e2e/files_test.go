package e2e

import (
	"bytes"
	bigendian "encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"
)

const uploadFile = `mutation($file: Upload!) { uploadAttachment(file: $file) { attachment { id name contentType size width height url thumbnailUrl } } }`

// upload sends a file as Apollo's clients do.
func (s *server) upload(t *testing.T, token, name string, content []byte) result {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	operations, _ := json.Marshal(variables{"query": uploadFile, "variables": variables{"file": nil}})
	_ = w.WriteField("operations", string(operations))
	_ = w.WriteField("map", `{"1":["variables.file"]}`)
	head := textproto.MIMEHeader{}
	head.Set("Content-Disposition", `form-data; name="1"; filename="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`"`)
	head.Set("Content-Type", "application/octet-stream")
	part, err := w.CreatePart(head)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	w.Close()
	headers := []string{"Content-Type", w.FormDataContentType(), "Apollo-Require-Preflight", "true"}
	if token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	return s.do(t, "POST", "/graphql", &body, headers...).mustResult(t)
}

func (s *server) mustUpload(t *testing.T, token, name string, content []byte) (id, url string) {
	t.Helper()
	r := s.upload(t, token, name, content).mustSucceed(t)
	return at[string](t, r, "uploadAttachment.attachment.id"), at[string](t, r, "uploadAttachment.attachment.url")
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

const sendFiles = `mutation($in: SendMessageInput!) { sendMessage(input: $in) { replayed message { id text attachments { id url } } } }`

// Who may read a file may now, and nobody else learns that it is there.
func TestFilesAreForWhoMay(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		st := mustCast(t, s).mustStage(t)
		room := st.ids["COMMUNITY"]
		content := bytes.Repeat([]byte("hello "), 1000)
		id, url := s.mustUpload(t, st.token("resident"), "../../etc/pass\twd.txt", content)

		read := func(role, url string) answer {
			t.Helper()
			if role == "nobody" {
				return s.get(t, url)
			}
			return s.get(t, url, bearer(st.token(role))...)
		}
		never := read("manager", "/files/"+neverWas(id))
		if never.status != 404 {
			t.Fatalf("what never was: %v", never)
		}
		same := func(role string) {
			t.Helper()
			a := read(role, url)
			a.header.Del("X-Request-Id")
			a.header.Del("Date")
			want := never.header.Clone()
			want.Del("X-Request-Id")
			want.Del("Date")
			if a.status != 404 || !bytes.Equal(a.body, never.body) || fmt.Sprint(a.header) != fmt.Sprint(want) {
				t.Errorf("%s: %v %v; what never was: %v", role, a, a.header, want)
			}
		}
		for _, role := range []string{"stranger", "pending", "manager", "elsewhere", "banned", "former"} {
			same(role)
		}
		if a := read("resident", url); a.status != 200 || !bytes.Equal(a.body, content) {
			t.Errorf("its own: %v", a)
		} else {
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-cache",
				"Content-Disposition": `attachment; filename="passwd.txt"; filename*=UTF-8''passwd.txt`, "Content-Type": "text/plain; charset=utf-8",
				"Accept-Ranges": "bytes",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if again := s.get(t, url, append(bearer(st.token("resident")), "If-None-Match", a.header.Get("ETag"))...); again.status != 304 {
				t.Errorf("unchanged: %v", again)
			}
		}
		if a := read("nobody", url); a.status != 401 {
			t.Errorf("without a session: %v", a)
		}
		if a := s.get(t, url, append(bearer(st.token("resident")), "Range", "bytes=6-10")...); a.status != 206 || string(a.body) != "hello" {
			t.Errorf("a range: %v", a)
		}
		if a := s.get(t, url, append(bearer(st.token("resident")), "Range", "bytes=99999-")...); a.status != 416 {
			t.Errorf("a range beyond: %v", a)
		}

		// Another's is none that may be attached.
		stolen := s.run(t, st.token("manager"), sendFiles, variables{"in": variables{"room": room, "key": "stolen", "text": "", "attachments": []string{id}}})
		stolen.expectCode(t, "NOT_FOUND", "input.attachments.0")
		twice := s.run(t, st.token("resident"), sendFiles, variables{"in": variables{"room": room, "key": "twice", "text": "", "attachments": []string{id, id}}})
		twice.expectCode(t, "INVALID_INPUT", "input.attachments.1")
		in := variables{"in": variables{"room": room, "key": "with a file", "text": "", "attachments": []string{id}}}
		sent := st.do(t, "resident", sendFiles, in)
		message := at[string](t, sent, "sendMessage.message.id")
		sent.expectData(t, "sendMessage.message.attachments", `[{"id":"`+id+`","url":"`+url+`"}]`)
		if again := st.do(t, "resident", sendFiles, in); !at[bool](t, again, "sendMessage.replayed") {
			t.Error("the same key posted it again")
		}
		s.run(t, st.token("resident"), sendFiles, variables{"in": variables{"room": room, "key": "again", "text": "x", "attachments": []string{id}}}).
			expectCode(t, "NOT_FOUND", "input.attachments.0")
		for _, role := range []string{"resident", "manager"} {
			if a := read(role, url); a.status != 200 || !bytes.Equal(a.body, content) {
				t.Errorf("%s, who is in the room: %v", role, a)
			}
		}
		for _, role := range []string{"stranger", "pending", "elsewhere", "banned", "former"} {
			same(role)
		}

		// A file token reads files, and nothing else; a session's token is none.
		token := at[string](t, st.do(t, "manager", `{ viewer { fileToken } }`, nil), "viewer.fileToken")
		if a := s.get(t, url+"?t="+token); a.status != 200 {
			t.Errorf("a file token: %v", a)
		}
		if a := s.get(t, url+"?t="+st.token("manager")); a.status != 401 {
			t.Errorf("a session's token in an address: %v", a)
		}
		if s.signedIn(t, token) {
			t.Error("a file token signs in")
		}
		broken := []byte(token)
		broken[10] ^= 1
		if a := s.get(t, url+"?t="+string(broken)); a.status != 401 {
			t.Errorf("a changed token: %v", a)
		}
		st.do(t, "manager", `mutation { logOut { __typename } }`, nil)
		if a := s.get(t, url+"?t="+token); a.status != 401 {
			t.Errorf("a token whose session has ended: %v", a)
		}

		// What is deleted is gone at once, with its content.
		st.do(t, "resident", `mutation($m: ID!) { deleteMessage(message: $m) { message { attachments { id } } } }`, variables{"m": message}).
			expectData(t, "deleteMessage.message.attachments", "[]")
		same("resident")
		eventually(t, hearTime, "the content is removed", func() bool {
			left, err := filepath.Glob(filepath.Join(s.dataDir, "files", id+"*"))
			return err == nil && len(left) == 0
		})
	})
}

// photo is a JPEG file with Exif that tells how it is turned and where it was made.
func photo(t *testing.T, orientation byte) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 400))
	for x := range 640 {
		for y := range 400 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, img, nil); err != nil {
		t.Fatal(err)
	}
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), orientation, 0, 0, 0, 0, 0, 0)
	exif = append(exif, "GPS 30.0444 31.2357 SecretCamera"...)
	out := append([]byte{}, plain.Bytes()[:2]...)
	out = append(out, 0xff, 0xe1, byte((len(exif)+2)>>8), byte(len(exif)+2))
	out = append(out, exif...)
	out = append(out, 0xff, 0xfe, 0, 15)
	out = append(out, "SecretComment"...)
	out = append(out, plain.Bytes()[2:]...)
	return append(out, "<script>SecretTail</script>"...)
}

func bomb(width, height uint32) []byte {
	var img bytes.Buffer
	_ = png.Encode(&img, image.NewGray(image.Rect(0, 0, 1, 1)))
	b := img.Bytes()
	bigendian.BigEndian.PutUint32(b[16:], width)
	bigendian.BigEndian.PutUint32(b[20:], height)
	bigendian.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestImagesTellNothingOfWhoMadeThem(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off")
	_, me := s.mustSignIn(t)
	for orientation, size := range map[byte]string{1: "640x400", 6: "400x640"} {
		r := s.upload(t, me.token, "photo.jpg", photo(t, orientation)).mustSucceed(t)
		got := s.get(t, at[string](t, r, "uploadAttachment.attachment.url"), bearer(me.token)...)
		if got.status != 200 || bytes.Contains(got.body, []byte("Exif")) || bytes.Contains(got.body, []byte("Secret")) {
			t.Errorf("what is kept of a photo: %d, %q", got.status, clip(string(got.body), 200))
		}
		if !strings.HasPrefix(got.header.Get("Content-Disposition"), "inline") || got.header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("%v", got.header)
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(got.body))
		if is := fmt.Sprintf("%dx%d", config.Width, config.Height); err != nil || is != size {
			t.Errorf("turned by %d it is %s, %v", orientation, is, err)
		}
		r.expectData(t, "uploadAttachment.attachment.width", fmt.Sprint(config.Width))
		small := s.get(t, at[string](t, r, "uploadAttachment.attachment.thumbnailUrl"), bearer(me.token)...)
		if config, err = jpeg.DecodeConfig(bytes.NewReader(small.body)); err != nil || max(config.Width, config.Height) != 320 {
			t.Errorf("the thumbnail: %v %v", config, err)
		}
	}
	for name, content := range map[string][]byte{
		"a bomb": bomb(40_000, 40_000), "a wide one": bomb(60_000, 1), "one that is cut off": bomb(100, 100), "half a photo": photo(t, 1)[:3000],
		"a HEIC photo": []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1 GPS"),
	} {
		if r := s.upload(t, me.token, "x.png", content); r.code() != "INVALID_INPUT" || r.field() != "file" {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// What is no image comes back as it was; nothing runs in a browser, whatever it is called.
func TestFilesAreNoPages(t *testing.T) {
	t.Parallel()
	s := start(t, sqlite, "OMARTY_RATE_LIMITS=off", "OMARTY_MAX_UPLOAD=1")
	_, me := s.mustSignIn(t)
	for name, c := range map[string]struct{ content, disposition string }{
		"page.html":                    {"<!DOCTYPE html><script>alert(1)</script>", "attachment"},
		"image.png":                    {"<html><script>alert(1)</script>", "attachment"},
		"drawing.svg":                  {`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`, "attachment"},
		"paper.pdf":                    {"%PDF-1.7\n1 0 obj", "inline"},
		"nothing":                      {"", "attachment"},
		"a\r\nSet-Cookie: x=1\"; .txt": {"text", "attachment"},
	} {
		r := s.upload(t, me.token, name, []byte(c.content))
		if strings.Contains(name, "\r") && len(r.errors) > 0 {
			continue // no such header
		}
		got := s.get(t, at[string](t, r.mustSucceed(t), "uploadAttachment.attachment.url"), bearer(me.token)...)
		if string(got.body) != c.content || !strings.HasPrefix(got.header.Get("Content-Disposition"), c.disposition+";") ||
			got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %v %v", name, got, got.header)
		}
	}
	if r := s.upload(t, me.token, "large", make([]byte, 1<<20)); len(r.errors) > 0 {
		t.Errorf("as large as may be: %v", r)
	}
	if r := s.upload(t, me.token, "large", make([]byte, 1<<20+1)); r.code() != "TOO_LARGE" || r.field() != "file" {
		t.Errorf("one byte more: %v", r)
	}
	if r := s.upload(t, "", "x", []byte("hello")); r.code() != "UNAUTHENTICATED" {
		t.Errorf("without a session: %v", r)
	}
	if a := s.do(t, "POST", "/graphql", io.LimitReader(strings.NewReader(""), 0), "Content-Type", "multipart/form-data; boundary=x"); a.mustResult(t).code() != "BAD_REQUEST" {
		t.Errorf("a form of any page: %v", a)
	}
}

func TestAvatars(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e engine) {
		s := start(t, e, "OMARTY_RATE_LIMITS=off")
		st := mustCast(t, s).mustStage(t)
		const set = `mutation($a: ID) { updateProfile(input: {avatar: $a}) { viewer { user { avatarUrl } } } }`
		text, _ := s.mustUpload(t, st.token("resident"), "a.txt", []byte("text"))
		s.run(t, st.token("resident"), set, variables{"a": text}).expectCode(t, "INVALID_INPUT", "input.avatar")
		face, _ := s.mustUpload(t, st.token("resident"), "face.jpg", photo(t, 1))
		s.run(t, st.token("manager"), set, variables{"a": face}).expectCode(t, "NOT_FOUND", "input.avatar")
		url := at[string](t, st.do(t, "resident", set, variables{"a": face}), "updateProfile.viewer.user.avatarUrl")
		for role, want := range map[string]int{"resident": 200, "manager": 200, "stranger": 404, "banned": 404, "elsewhere": 404} {
			if a := s.get(t, url, bearer(st.token(role))...); a.status != want {
				t.Errorf("%s: %v", role, a.status)
			}
		}
		sent := st.do(t, "resident", `mutation($r: ID!) { sendMessage(input: {room: $r, key: "face", text: "hello"}) { message { author { avatarUrl } } } }`, variables{"r": st.ids["COMMUNITY"]})
		sent.expectData(t, "sendMessage.message.author.avatarUrl", `"`+url+`"`)
		st.do(t, "resident", set, variables{"a": nil}).expectData(t, "updateProfile.viewer.user.avatarUrl", "null")
		if a := s.get(t, url, bearer(st.token("resident"))...); a.status != 404 {
			t.Errorf("what was taken away: %v", a.status)
		}
	})
}
