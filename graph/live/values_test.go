package live

import (
	"strings"
	"testing"
)

func TestHasTooManyValues(t *testing.T) {
	for text, want := range map[string]bool{
		"":   false,
		`{}`: false,
		`{"a":[` + strings.Repeat("1,", MaxValues) + `1]}`:                    true,
		strings.Repeat("[", MaxValues+1):                                      true,
		`"` + strings.Repeat(",", 2*MaxValues) + `"`:                          false,
		`"` + strings.Repeat(`\",`, 2*MaxValues) + `"`:                        false,
		`"\\"` + strings.Repeat(",", 2*MaxValues):                             true,
		`[` + strings.Repeat(`{"number":"1","floor":1},`, 1000) + `{}]`:       false,
		`{"query":"` + strings.Repeat("{[,", MaxValues) + `","variables":{}}`: false,
	} {
		if got := HasTooManyValues([]byte(text)); got != want {
			t.Errorf("%.40q: %v", text, got)
		}
	}
}
