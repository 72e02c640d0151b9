package load

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a process of this machine that is looked at through /proc.
type Process int

// Used is what was used by processes that are measured.
type Used interface{ Usage() (Usage, error) }

// Processes are several, which are looked at together; none have used nothing.
type Processes []Process

// Usage reads what they have used.
func (p Processes) Usage() (all Usage, err error) {
	for _, one := range p {
		u, err := one.Usage()
		if err != nil {
			return all, err
		}
		all = Usage{all.User + u.User, all.System + u.System, all.Resident + u.Resident}
	}
	return all, nil
}

// tick is the unit in which Linux tells CPU time to programs, on every machine.
const tick = 10 * time.Millisecond

// Usage is what a process has used since it began.
type Usage struct {
	User, System time.Duration
	// Resident is its memory now, in bytes.
	Resident int64
}

// CPU is all time of the processors.
func (u Usage) CPU() time.Duration { return u.User + u.System }

// Since gives what was used between an earlier moment and u, and the memory of u.
func (u Usage) Since(earlier Usage) Usage {
	return Usage{u.User - earlier.User, u.System - earlier.System, u.Resident}
}

// Usage reads what the process has used. The zero Process has used nothing.
func (p Process) Usage() (Usage, error) {
	if p == 0 {
		return Usage{}, nil
	}
	stat, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return Usage{}, err
	}
	// The name of the program, in brackets, may have anything in it.
	_, after, found := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(after)
	if !found || len(fields) < 22 {
		return Usage{}, fmt.Errorf("%s is of an unknown form", p.file("stat"))
	}
	var numbers [3]int64
	for i, field := range []int{11, 12, 21} {
		if numbers[i], err = strconv.ParseInt(fields[field], 10, 64); err != nil {
			return Usage{}, err
		}
	}
	return Usage{
		User:     time.Duration(numbers[0]) * tick,
		System:   time.Duration(numbers[1]) * tick,
		Resident: numbers[2] * int64(os.Getpagesize()),
	}, nil
}

func (p Process) file(name string) string { return filepath.Join("/proc", strconv.Itoa(int(p)), name) }

// ProcessAt finds the process of this machine that listens where a URL says; false
// where the URL is not of this machine, or this program may not look.
func ProcessAt(server string) (Process, bool) {
	at, err := url.Parse(server)
	if err != nil {
		return 0, false
	}
	if ip := net.ParseIP(at.Hostname()); at.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0, false
	}
	port, err := strconv.ParseUint(at.Port(), 10, 16)
	if err != nil {
		return 0, false
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode := listening(table, port); inode != "" {
			return ownerOf(inode)
		}
	}
	return 0, false
}

// listening gives the inode of the socket that listens at a port; "" for none.
func listening(table string, port uint64) string {
	file, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer file.Close()
	const listens = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == listens {
			return fields[9]
		}
	}
	return ""
}

func ownerOf(inode string) (Process, bool) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is a good one
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "socket:["+inode+"]" {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			return Process(pid), err == nil
		}
	}
	return 0, false
}
