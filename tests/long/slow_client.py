#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A message that was begun has a deadline, however its bytes trickle; idleness has none."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import DAEMON, Closed, ForebayTest, main, wait_until  # noqa: E402

PING = DAEMON + "Ping"
LONGEST = 120


class SlowClient(ForebayTest):
    engines = ("auto",)

    def test_a_message_that_does_not_end_ends_its_client(self):
        text = self.client.encode(PING)
        idle, stalled, trickling, pipelined = (self.connect() for _ in range(4))
        started = time.monotonic()
        stalled.send_raw(text[:10])
        pipelined.send_raw(text + text[:10])          # a whole one before changes nothing
        self.assertEqual({}, pipelined.receive_for(PING).parameters)
        ended = {}

        def all_ended():
            for name, client in (("stalled", stalled), ("trickling", trickling),
                                 ("pipelined", pipelined)):
                if name in ended:
                    continue
                try:
                    if name == "trickling":
                        client.send_raw(b" ")
                    client.receive(timeout=0.1)
                    self.fail("an answer to half a message")
                except TimeoutError:
                    pass
                except (Closed, BrokenPipeError, ConnectionResetError):
                    ended[name] = time.monotonic() - started
            self.client.call(PING)
            return len(ended) == 3
        wait_until(all_ended, "the clients are dropped", LONGEST)
        for name, after in ended.items():
            self.assertGreater(after, 2, name)
        # Who has begun nothing may stay.
        self.assertEqual({}, idle.call(PING))


if __name__ == "__main__":
    main()
