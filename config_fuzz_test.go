package main

import (
	"io"
	"strings"
	"testing"
)

// FuzzSettings checks that any text as any setting is read or refused, and that nothing
// of a secret is in what is said of it.
func FuzzSettings(f *testing.F) {
	for i := range everySetting {
		f.Add(i, everySetting[i].one)
		f.Add(i, everySetting[i].other)
	}
	for i, value := range []string{"", ",", "\x00", "%zz", "[::1", "postgres://u:hunter2@h/db?sslmode=%", "10.0.0.0/8,,", "https://\x7f", "info,json,debug", "--", "${x}"} {
		f.Add(i, value)
	}
	f.Fuzz(func(t *testing.T, n int, value string) {
		if n < 0 {
			n = -(n + 1)
		}
		s := everySetting[n%len(everySetting)]
		_, err := readConfig(nil, append([]string{s.setting + "=" + value}, s.with...), io.Discard)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "OMARTY_") {
			t.Errorf("%s=%q: %v", s.setting, value, err)
		}
		if len(value) > 12 && s.secret && strings.Contains(err.Error(), value) {
			t.Errorf("%s=%q is repeated: %v", s.setting, value, err)
		}
	})
}
