package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omarty/chat/internal/load"
)

const (
	listeners = 1000
	inFlight  = 64
	// text is how long a message is, so that a frame has about 377 bytes.
	text = 110
)

func (b *bench) talk(ctx context.Context, all []*contender, t load.Talk, long time.Duration) ([][]load.Measured, error) {
	return inTurns(b, all, func(c *contender) (load.Measured, error) {
		return c.crowd.Measure(ctx, t, b.pick(500*time.Millisecond, 200*time.Millisecond), long, c.process)
	})
}

// microseconds gives the median of a figure, in microseconds.
func microseconds[T any](rounds []T, figure func(T) time.Duration) float64 {
	return float64(median(each(rounds, figure))) / float64(time.Microsecond)
}

func milliseconds[T any](rounds []T, figure func(T) time.Duration) float64 {
	return microseconds(rounds, figure) / 1000
}

func cpu(m load.Measured) time.Duration    { return m.EachDelivery(m.Usage.CPU()) }
func user(m load.Measured) time.Duration   { return m.EachDelivery(m.Usage.User) }
func system(m load.Measured) time.Duration { return m.EachDelivery(m.Usage.System) }
func p99(m load.Measured) time.Duration    { return m.Delivered.Quantile(0.99) }
func rate(m load.Measured) float64         { return m.PerSecond(m.Heard) }
func sends(m load.Measured) float64        { return m.PerSecond(m.Sent) }

// costs says what a contender's deliveries cost.
func costs(c *contender, found []load.Measured) string {
	return fmt.Sprintf("%s %.2f µs (user %.2f, system %.2f; %.0f k/s, %.0f sends/s, p99 %.1f ms)", c.name,
		microseconds(found, cpu), microseconds(found, user), microseconds(found, system),
		median(each(found, rate))/1000, median(each(found, sends)), milliseconds(found, p99))
}

func (b *bench) gathered(ctx context.Context, g load.Gathering, names ...string) ([]*contender, error) {
	all, err := b.startAll(ctx, 1, names...)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := c.gather(ctx, g); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func fanout(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.gathered(ctx, load.Gathering{Listeners: listeners}, "ours", "stock", "raw")
	if err != nil {
		return nil, err
	}
	found, err := b.talk(ctx, all, load.Talk{InFlight: inFlight, Text: text}, b.pick(2*time.Second, time.Second))
	if err != nil {
		return nil, err
	}
	ours, stock, raw := found[0], found[1], found[2]
	return []line{
		{
			what:  "CPU a delivery, 1,000 listeners of one room, 8 publishers, 64 messages under way: ours / stock",
			value: ratio(ours, stock, cpu), target: 0.1, detail: costs(all[0], ours) + "; " + costs(all[1], stock),
		},
		{
			what:  "the same: ours / raw",
			value: ratio(ours, raw, cpu), target: 1.5, detail: costs(all[2], raw),
		},
	}, nil
}

func paced(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.gathered(ctx, load.Gathering{Listeners: listeners}, "ours", "stock", "raw")
	if err != nil {
		return nil, err
	}
	commits, err := b.openLedger(ctx, "")
	if err != nil {
		return nil, err
	}
	defer commits.close()
	var commit []time.Duration
	found, err := inTurns(b, all, func(c *contender) (load.Measured, error) {
		if c.name == "ours" {
			h, err := commits.commits(ctx, 20, b.pick(2*time.Second, time.Second))
			if err != nil {
				return load.Measured{}, err
			}
			commit = append(commit, h.Quantile(0.99))
		}
		return c.crowd.Measure(ctx, load.Talk{InFlight: inFlight, Text: text, Rate: 20},
			b.pick(500*time.Millisecond, 200*time.Millisecond), b.pick(3*time.Second, 2*time.Second), c.process)
	})
	if err != nil {
		return nil, err
	}
	ours, stock, raw := found[0], found[1], found[2]
	var late []float64
	for i := range ours {
		late = append(late, float64(p99(ours[i]))/float64(p99(raw[i])+commit[i]+2*time.Millisecond))
	}
	return []line{
		{
			what:  "20 messages a second to 1,000 listeners, user CPU a delivery: ours / stock",
			value: ratio(ours, stock, user), target: 1.0 / 8, detail: costs(all[0], ours) + "; " + costs(all[1], stock),
		},
		{
			what:  "the same, all CPU: ours / raw",
			value: ratio(ours, raw, cpu), target: 1.15, detail: costs(all[2], raw),
		},
		{
			what:  "there, p99 from the send to a delivery: ours / (raw's + a commit's + 2 ms)",
			value: median(late), target: 1,
			detail: fmt.Sprintf("%.1f ms / (%.1f + %.1f + 2)", milliseconds(ours, p99), milliseconds(raw, p99), float64(median(commit))/1e6),
		},
	}, nil
}

// selections is ten ways of asking beside one.
func selections(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.startAll(ctx, 1, "ours", "ours")
	if err != nil {
		return nil, err
	}
	var ten []string
	for i := range 10 {
		ten = append(ten, fmt.Sprintf("%s a%d: kind", load.Selection, i))
	}
	for i, asked := range [][]string{ten[:1], ten} {
		if err := all[i].gather(ctx, load.Gathering{Listeners: listeners, Selections: asked}); err != nil {
			return nil, err
		}
	}
	found, err := b.talk(ctx, all, load.Talk{InFlight: inFlight, Text: text}, b.pick(2*time.Second, time.Second))
	if err != nil {
		return nil, err
	}
	return []line{{
		what:  "CPU a delivery, 10 selections among 1,000 listeners / one selection",
		value: ratio(found[1], found[0], cpu), target: 2, detail: "ten: " + costs(all[1], found[1]) + "; one: " + costs(all[0], found[0]),
	}}, nil
}

// inboxes is listeners to all rooms of a person, of which one talks, beside listeners to
// that room alone. A building has two rooms that everybody is in; the sockets are one
// person's, since what an inbox hears of a room does not depend on whose it is.
func inboxes(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.startAll(ctx, 25, "ours", "ours")
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		c.place.Rooms = c.place.Rooms[:1]
		if err := c.gather(ctx, load.Gathering{Listeners: listeners, Inboxes: i == 1}); err != nil {
			return nil, err
		}
	}
	found, err := b.talk(ctx, all, load.Talk{InFlight: inFlight, Text: text}, b.pick(2*time.Second, time.Second))
	if err != nil {
		return nil, err
	}
	return []line{{
		what:  "CPU a delivery to 1,000 inboxes of 50 rooms each, of which one talks / to 1,000 listeners of that room",
		value: ratio(found[1], found[0], cpu), target: 1.3, detail: "inboxes, all of one person: " + costs(all[1], found[1]) + "; the room: " + costs(all[0], found[0]),
	}}, nil
}

// asker is listeners who ask what depends on who asks: nothing of theirs is shared.
func asker(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.gathered(ctx, load.Gathering{Listeners: 100, Selections: []string{load.Selection + " room { viewerReadSeq }"}}, "ours", "same", "stock")
	if err != nil {
		return nil, err
	}
	found, err := b.talk(ctx, all, load.Talk{InFlight: inFlight, Text: text}, b.pick(2*time.Second, time.Second))
	if err != nil {
		return nil, err
	}
	return []line{{
		what:  "CPU a delivery to 100 listeners that select what depends on the asker (room { viewerReadSeq }): ours / gqlgen's transport with our resolvers and database",
		value: ratio(found[0], found[1], cpu), target: 1, detail: costs(all[0], found[0]) + "; " + costs(all[1], found[1]) + "; in memory, with nothing to read: " + costs(all[2], found[2]),
	}}, nil
}

// idle is the memory of sockets that hear nothing.
func idle(ctx context.Context, b *bench) ([]line, error) {
	sockets, rounds := 10_000, 3
	if b.quick {
		sockets, rounds = 2000, 1
	}
	each := map[string][]float64{}
	for round := range rounds {
		for _, name := range []string{"ours", "stock", "raw"} {
			if round > 0 && name != "ours" {
				continue // theirs hardly changes
			}
			c, err := b.start(ctx, name, 1)
			if err != nil {
				return nil, err
			}
			if err := c.refresh(b); err != nil {
				return nil, err
			}
			time.Sleep(time.Second)
			before, err := c.process.Usage()
			if err != nil {
				return nil, err
			}
			if err := c.gather(ctx, load.Gathering{Listeners: sockets, At: 64}); err != nil {
				return nil, err
			}
			// What opening them took is given back meanwhile.
			time.Sleep(b.pick(6*time.Second, 3*time.Second))
			after, err := c.process.Usage()
			if err != nil {
				return nil, err
			}
			if err := c.crowd.Fault(); err != nil {
				return nil, err
			}
			each[name] = append(each[name], float64(after.Resident-before.Resident)/1024/float64(sockets))
			b.stopAll()
		}
	}
	ours, stock, raw := median(each["ours"]), median(each["stock"]), median(each["raw"])
	return []line{
		{
			what:  fmt.Sprintf("memory of a socket with a session and one idle subscription, %d of them", sockets),
			value: ours, target: 12, unit: " KiB", detail: fmt.Sprintf("stock %.1f KiB, raw %.1f KiB, measured once; ours %d times, each in a new process", stock, raw, rounds),
		},
		{what: "the same: ours / stock", value: ours / stock, target: 1.0 / 3},
	}, nil
}

// replay is one client that missed a lot.
func replay(ctx context.Context, b *bench) ([]line, error) {
	c, err := b.start(ctx, "ours", 1)
	if err != nil {
		return nil, err
	}
	entries := 5000
	if b.quick {
		entries = 1000
	}
	if err := load.Fill(ctx, c.place, load.Talk{InFlight: inFlight, Text: text}, entries); err != nil {
		return nil, err
	}
	var ratios, ours, memory []float64
	for range b.rounds {
		r, err := load.Replay(ctx, c.place, load.Selection, c.process)
		if err != nil {
			return nil, err
		}
		executed, err := b.executed(ctx, "seq message{text}"+load.Selection)
		if err != nil {
			return nil, err
		}
		ours, memory, ratios = append(ours, r.PerSecond()), append(memory, executed), append(ratios, r.PerSecond()/executed)
	}
	return []line{{
		what:  fmt.Sprintf("entries a second to one client that missed %d / executing the same selection from memory", entries),
		value: median(ratios), target: 0.5, atLeast: true,
		detail: fmt.Sprintf("%.0f / %.0f a second", median(ours), median(memory)),
	}}, nil
}

// storm is many clients who come back at once.
func storm(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.gathered(ctx, load.Gathering{Listeners: listeners}, "ours")
	if err != nil {
		return nil, err
	}
	found, err := inTurns(b, all, func(c *contender) (load.Stormy, error) {
		return c.crowd.Storm(ctx, load.Storm{
			Away: 500, Missed: 200, Calm: b.pick(3*time.Second, time.Second),
			Talk: load.Talk{InFlight: inFlight, Text: text, Rate: 50},
		}, c.process)
	})
	if err != nil {
		return nil, err
	}
	calm := func(s load.Stormy) time.Duration { return p99(s.Calm) }
	during := func(s load.Stormy) time.Duration { return p99(s.During) }
	return []line{{
		what:  "500 clients that missed 200 entries each come back at once: p99 of the others' live talk / undisturbed",
		value: ratio2(found[0], during, calm), target: 3,
		detail: fmt.Sprintf("%.1f / %.1f ms; all caught up after %.0f ms", milliseconds(found[0], during), milliseconds(found[0], calm),
			milliseconds(found[0], func(s load.Stormy) time.Duration { return s.CaughtUp })),
	}}, nil
}

// ratio2 gives the median of the ratios of two figures of the same rounds.
func ratio2[T any](rounds []T, a, b func(T) time.Duration) float64 {
	return median(each(rounds, func(one T) float64 { return float64(a(one)) / float64(b(one)) }))
}

const historyPage = `query($id: ID!) { room(id: $id) { messages(last: 50) {
	nodes { id seq text createdAt author { id name } } pageInfo { hasPreviousPage startCursor } } } }`

// history is pages of messages over HTTP.
func history(ctx context.Context, b *bench) ([]line, error) {
	all, err := b.startAll(ctx, 1, "ours", "same", "stock")
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := load.Fill(ctx, c.place, load.Talk{InFlight: inFlight, Text: text}, 200); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	found, err := inTurns(b, all, func(c *contender) (load.Measured, error) {
		return load.Repeat(ctx, c.place, historyPage, map[string]any{"id": c.place.Rooms[0].ID}, 4,
			b.pick(500*time.Millisecond, 200*time.Millisecond), b.pick(2*time.Second, time.Second), c.process)
	})
	if err != nil {
		return nil, err
	}
	of := func(c *contender, found []load.Measured) string {
		return fmt.Sprintf("%s %.0f µs (%.0f a second)", c.name, microseconds(found, anAnswer), median(each(found, sends)))
	}
	return []line{{
		what:  "CPU of a page of 50 messages with authors over HTTP: ours / gqlgen's server with stock settings, our resolvers and database",
		value: ratio(found[0], found[1], anAnswer), target: 0.65,
		detail: of(all[0], found[0]) + "; " + of(all[1], found[1]) + "; in memory, with nothing to read: " + of(all[2], found[2]),
	}}, nil
}

func anAnswer(m load.Measured) time.Duration { return m.Usage.CPU() / time.Duration(max(m.Sent, 1)) }

// aSend is the mean time of a send, with one client.
func aSend(m load.Measured) time.Duration { return m.Time / time.Duration(max(m.Sent, 1)) }

// send is sendMessage on either engine, beside a mutation of memory.
func send(ctx context.Context, b *bench) (lines []line, err error) {
	for _, engine := range []struct{ name, database string }{{"SQLite", ""}, {"PostgreSQL", "postgres"}} {
		if engine.database != "" {
			if engine.database, err = b.postgres(ctx); err != nil {
				return nil, err
			}
			if engine.database == "" {
				none := "not measured: OMARTY_TEST_POSTGRES_URL names no PostgreSQL (make bench finds one)"
				lines = append(lines,
					line{what: "`sendMessage` over HTTP on PostgreSQL, 64 clients / a mutation of memory", target: 0.6, atLeast: true, detail: none},
					line{what: "the same, 1 client: time / (BEGIN, INSERT, COMMIT + that mutation)", target: 1.3, detail: none})
				continue
			}
		}
		more, err := b.sendOn(ctx, engine.name, engine.database)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", engine.name, err)
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

func (b *bench) sendOn(ctx context.Context, name, database string) ([]line, error) {
	ours, err := b.startOurs(ctx, 1, database)
	if err != nil {
		return nil, err
	}
	stock, err := b.start(ctx, "stock", 1)
	if err != nil {
		return nil, err
	}
	all := []*contender{ours, stock}
	for _, c := range all {
		if err := c.gather(ctx, load.Gathering{}); err != nil {
			return nil, err
		}
	}
	many, err := b.talk(ctx, all, load.Talk{InFlight: 64, Text: text}, b.pick(2*time.Second, time.Second))
	if err != nil {
		return nil, err
	}
	commits, err := b.openLedger(ctx, database)
	if err != nil {
		return nil, err
	}
	defer commits.close()
	var commit []time.Duration
	one, err := inTurns(b, all, func(c *contender) (load.Measured, error) {
		if c == ours {
			start := time.Now()
			h, err := commits.commits(ctx, 0, time.Second)
			if err != nil {
				return load.Measured{}, err
			}
			commit = append(commit, time.Since(start)/time.Duration(h.Count()))
		}
		return c.crowd.Measure(ctx, load.Talk{InFlight: 1, Text: text}, 200*time.Millisecond, time.Second, c.process)
	})
	if err != nil {
		return nil, err
	}
	var alone []float64
	for i := range commit {
		alone = append(alone, float64(aSend(one[0][i]))/float64(commit[i]+aSend(one[1][i])))
	}
	return []line{
		{
			what:  "`sendMessage` over HTTP on " + name + ", 64 clients, one room: its rate / that of a mutation that authenticates and returns a message from memory",
			value: ratio(many[0], many[1], sends), target: 0.6, atLeast: true,
			detail: fmt.Sprintf("%.0f / %.0f a second; p99 %.1f / %.1f ms; CPU %.0f / %.0f µs", median(each(many[0], sends)), median(each(many[1], sends)),
				milliseconds(many[0], acknowledged), milliseconds(many[1], acknowledged), microseconds(many[0], anAnswer), microseconds(many[1], anAnswer)),
		},
		{
			what:  "the same, 1 client: its time / (BEGIN, INSERT, COMMIT + that mutation)",
			value: median(alone), target: 1.3,
			detail: fmt.Sprintf("%.0f / (%.0f + %.0f) µs", microseconds(one[0], aSend), float64(median(commit))/1000, microseconds(one[1], aSend)),
		},
	}, nil
}

func acknowledged(m load.Measured) time.Duration { return m.Acknowledged.Quantile(0.99) }
