package main

import (
	"fmt"
	"io"
)

// write writes the table.
func write(to io.Writer, table []line) {
	fmt.Fprintln(to, "| what | found | target | reached | of which |")
	fmt.Fprintln(to, "|---|---|---|---|---|")
	for _, l := range table {
		found, target := "–", ""
		if l.value != 0 {
			found = fmt.Sprintf("%.3g%s", l.value, l.unit)
		}
		if l.target != 0 {
			sign := "≤"
			if l.atLeast {
				sign = "≥"
			}
			target = fmt.Sprintf("%s %.3g%s", sign, l.target, l.unit)
		}
		fmt.Fprintf(to, "| %s | %s | %s | %s | %s |\n", l.what, found, target, l.reached(), l.detail)
	}
}
