// SPDX-License-Identifier: LGPL-2.1-or-later

// A client in Go over code that varlink-go-interface-generator made from our interface files:
// opens a stream, writes, hears its events, ends it, and sees an error by its type.
package main

import (
	"context"
	"fmt"
	"ioforebaydaemon"
	"ioforebaystream"
	"orgvarlinkservice"
	"os"

	"github.com/varlink/go/varlink"
)

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func expect(what string, good bool) {
	if !good {
		fail(what, fmt.Errorf("not as expected"))
	}
}

func text(value string) *string { return &value }

func connect(ctx context.Context, address string) *varlink.Connection {
	connection, err := varlink.NewConnection(ctx, address)
	fail("connect", err)
	return connection
}

func main() {
	ctx := context.Background()
	c := connect(ctx, os.Args[1])
	events := connect(ctx, os.Args[1])
	fail("Ping", ioforebaydaemon.Ping().Call(ctx, c))
	_, _, _, _, interfaces, err := orgvarlinkservice.GetInfo().Call(ctx, c)
	fail("GetInfo", err)
	expect("several interfaces", len(interfaces) >= 6)

	ack := ioforebaystream.Ack("published")
	mark := int64(1 << 20)
	rate := int64(1) << 50
	labels := map[string]string{"from": "go"}
	id, token, given, runtime, ring, err := ioforebaystream.Open().Call(ctx, c,
		ioforebaystream.Context{Path: text("from-go"), Ack: &ack, HighWaterMark: &mark,
			RateBytesPerSecond: &rate, Labels: &labels}, nil, nil, nil)
	fail("Open", err)
	expect("id and token", id != "" && token != "" && ring == nil)
	expect("exact numbers", *given.RateBytesPerSecond == rate && *given.HighWaterMark == mark)
	expect("labels", (*given.Labels)["from"] == "go")
	expect("open", runtime.State == "open")

	next, err := ioforebaystream.SubscribeEvents().Send(ctx, events, varlink.More, &id, nil, nil)
	fail("SubscribeEvents", err)
	ready, _, _, _, _, flags, err := next(ctx)
	fail("ready", err)
	expect("ready", ready != nil && *ready && flags&varlink.Continues != 0)

	expected := int64(0)
	for number := int64(1); number <= 100; number++ {
		line := fmt.Sprintf("line %d from go\n", number)
		sequence, _, _, _, err := ioforebaystream.Write().Call(ctx, c, id, nil, nil, nil, &line, nil)
		fail("Write", err)
		expect("sequence", sequence == number)
		expected += int64(len(line))
	}
	_, err = ioforebaystream.End().Call(ctx, c, id, nil, nil, nil, text("the end\n"), nil)
	fail("End", err)
	runtime, err = ioforebaystream.Wait().Call(ctx, c, id, text("finish"), nil)
	fail("Wait", err)
	expect("finished", runtime.State == "finished")
	expect("all of it", runtime.BytesSynced == expected+int64(len("the end\n")))

	last := ioforebaystream.Event("")
	for flags = varlink.Continues; flags&varlink.Continues != 0; {
		var event *ioforebaystream.Event
		_, event, _, _, _, flags, err = next(ctx)
		fail("event", err)
		last = *event
	}
	expect("close is the last event", last == "close")

	_, _, _, _, err = ioforebaystream.Write().Call(ctx, c, id, nil, nil, nil, text("late"), nil)
	late, known := err.(*ioforebaystream.WriteAfterEnd)
	expect("WriteAfterEnd", known && late.Id == id)
	fmt.Println("go client passed")
}
