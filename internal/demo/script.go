package demo

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The scripts are plain text. A week has scenes, each under its time:
//
//	7 days ago, 07:50
//	mona: a message
//	mona@home: a message from her apartment
//	mona to karim: a message in their direct room
//	! mona: an announcement
//	!! mona: one that every apartment is to confirm
//	# mona: a message in the group that was opened last
//	^ mona: an answer to what was said last, which names @karim
//	? mona: the question of a poll of apartments
//	> and its next line, or an option
//	[peter leaves]
//	[youssef asks for 15]
//	[mona opens its name with karim, tarek]
//
// And what is done to what was said last, or to the last poll or notice:
//
//	[mona adds 👍]  [mona edits it: another text]  [mona deletes it]  [mona pins it]
//	[mona votes 2]  [mona confirms it]
//
// Talk has scenes with an empty line between them. There a, b and c are residents
// that are not named in the scene, and of {one|or another} one is said.

// line is what somebody says.
type line struct {
	who  string
	text string
	// home tells whether it is said from the apartment that they live in.
	home bool
	// announced tells whether it is an announcement, and notice whether it is to be
	// confirmed.
	announced, notice bool
	// grouped tells whether it is said in a group, and to is who it is said to alone.
	grouped bool
	to      string
	// answers tells whether it answers what was said before, and asks whether it is a
	// poll: its question, and a line for each option.
	answers, polls bool
}

// action is what somebody does in a building at a moment: says a line, leaves, asks for
// an apartment, or does something to what was said.
type action struct {
	at time.Time
	line
	leaves bool
	asks   string
	// does is what else is done, and with what.
	does, with string
}

// speaks tells whether a line is said.
func (a action) speaks() bool { return !a.leaves && a.asks == "" && a.does == "" }

var (
	daysAgo    = regexp.MustCompile(`^(\d+) days? ago, (\d\d):(\d\d)$`)
	minutesAgo = regexp.MustCompile(`^(\d+) minutes ago$`)
	said       = regexp.MustCompile(`^(?:(!!?|#|\^|\?) )?([a-z]+)(@home)?(?: to ([a-z]+))?: (.+)$`)
	does       = regexp.MustCompile(`^\[([a-z]+) (adds|edits|deletes|pins|votes|confirms|opens)(?: it)?:? ?(.*)\]$`)
	leaves     = regexp.MustCompile(`^\[([a-z]+) leaves\]$`)
	asks       = regexp.MustCompile(`^\[([a-z]+) asks for (\S+)\]$`)
)

// readWeek gives the actions of a week that ends now.
func readWeek(script string, now time.Time) ([]action, error) {
	var week []action
	var at time.Time
	for i, text := range strings.Split(strings.TrimSpace(script), "\n") {
		if start, ok := readTime(text, now); ok {
			at = start
			continue
		}
		a := action{at: at}
		switch rest, more := strings.CutPrefix(text, "> "); {
		case text == "":
			continue
		case more && len(week) > 0:
			week[len(week)-1].text += "\n" + rest
			continue
		case leaves.MatchString(text):
			a.who, a.leaves = leaves.FindStringSubmatch(text)[1], true
		case asks.MatchString(text):
			match := asks.FindStringSubmatch(text)
			a.who, a.asks = match[1], match[2]
		case does.MatchString(text):
			match := does.FindStringSubmatch(text)
			a.who, a.does, a.with = match[1], match[2], match[3]
			a.at = a.at.Add(15 * time.Second)
		default:
			var err error
			if a.line, err = readLine(text); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			// People take their time to read and to type.
			a.at = a.at.Add(20*time.Second + time.Duration(utf8.RuneCountInString(text))*800*time.Millisecond)
		}
		at = a.at
		week = append(week, a)
	}
	return week, nil
}

func readTime(text string, now time.Time) (time.Time, bool) {
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(err) // the patterns have digits there
		}
		return n
	}
	if match := daysAgo.FindStringSubmatch(text); match != nil {
		return time.Date(now.Year(), now.Month(), now.Day()-number(match[1]), number(match[2]), number(match[3]), 0, 0, now.Location()), true
	}
	if match := minutesAgo.FindStringSubmatch(text); match != nil {
		return now.Add(-time.Duration(number(match[1])) * time.Minute), true
	}
	return time.Time{}, false
}

func readLine(text string) (line, error) {
	match := said.FindStringSubmatch(text)
	if match == nil {
		return line{}, fmt.Errorf("nobody says %q", text)
	}
	mark := match[1]
	return line{
		who: match[2], home: match[3] != "", to: match[4], text: match[5],
		announced: strings.HasPrefix(mark, "!"), notice: mark == "!!", grouped: mark == "#", answers: mark == "^", polls: mark == "?",
	}, nil
}

// readTalk gives the scenes of a talk.
func readTalk(script string) ([][]line, error) {
	var scenes [][]line
	for scene := range strings.SplitSeq(strings.TrimSpace(script), "\n\n") {
		var lines []line
		for text := range strings.SplitSeq(scene, "\n") {
			l, err := readLine(text)
			if err != nil {
				return nil, err
			}
			lines = append(lines, l)
		}
		scenes = append(scenes, lines)
	}
	return scenes, nil
}

// isRole tells whether it is no one in particular who says a line.
func isRole(who string) bool { return len(who) == 1 }

// roles gives who is to be found for a scene, and who is in it by name.
func roles(scene []line) (wanted, named []string) {
	for _, l := range scene {
		switch {
		case isRole(l.who) && !slices.Contains(wanted, l.who):
			wanted = append(wanted, l.who)
		case !isRole(l.who):
			named = append(named, l.who)
		}
	}
	return wanted, named
}

var choice = regexp.MustCompile(`\{[^{}]*\}`)

// choose gives a text with one of each choice; pick(n) is from 0 up to n.
func choose(text string, pick func(n int) int) string {
	return choice.ReplaceAllStringFunc(text, func(all string) string {
		options := strings.Split(strings.Trim(all, "{}"), "|")
		return options[pick(len(options))]
	})
}
