package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// benchmark runs one of the benchmarks that stand beside the code, once, and gives its
// figures by their units. What is besides goes into its environment.
func benchmark(ctx context.Context, in, name string, besides ...string) (map[string]float64, error) {
	run := exec.CommandContext(ctx, "go", "test", "-tags", "bench", in, "-run", "^$", "-bench", name, "-benchtime", "1x", "-timeout", "20m")
	run.Env = append(os.Environ(), besides...)
	out, err := run.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	found := map[string]float64{}
	for l := range strings.Lines(string(out)) {
		if !strings.HasPrefix(l, "Benchmark") {
			continue
		}
		fields := strings.Fields(l)
		for i := 2; i+1 < len(fields); i += 2 {
			if found[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, err
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no figures in %s", out)
	}
	return found, nil
}
