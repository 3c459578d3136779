#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Socket activation: descriptors from LISTEN_FDS, a listening and a connected one."""

import fcntl
import os
import socket
import tempfile
import unittest

from harness import DAEMON, SERVICE, Client, Daemon, main

# What a service manager does: puts the descriptors at 3 and says so.
START = ('count=$1; shift; i=3; for fd in $FDS; do eval "exec $i<&$fd"; i=$((i + 1)); done; '
         'LISTEN_FDS=$count LISTEN_PID=$$ exec "$@"')


class Activated(Daemon):
    def __init__(self, sockets, names=None, **options):
        # High numbers, so that putting one in its place overwrites no other.
        self.passed = [fcntl.fcntl(sock, fcntl.F_DUPFD, 100) for sock in sockets]
        environment = {"FDS": " ".join(map(str, self.passed))}
        if names:
            environment["LISTEN_FDNAMES"] = names
        super().__init__(environment=environment,
                         wrapper=["bash", "-c", START, "bash", str(len(self.passed))], **options)

    def start(self):
        super().start(pass_fds=self.passed)
        for fd in self.passed:
            os.close(fd)
        return self

    def _main_pid(self):
        return self.process.pid       # every step of the wrapper is an exec


class Activation(unittest.TestCase):
    def listener(self, path):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(path)
        sock.listen(5)
        self.addCleanup(sock.close)
        return sock

    def directory(self):
        made = tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR"))
        self.addCleanup(made.cleanup)
        return made.name

    def works(self, client, name):
        stream = client.open_stream(name)
        stream.finish("activated")
        self.assertIn("interfaces", client.call(SERVICE + "GetInfo"))

    def test_a_listening_socket_is_served(self):
        path = f"{self.directory()}/activated"
        with Activated([self.listener(path)], "varlink") as daemon:
            with Client(path) as client, Client(path) as other:
                self.works(client, "one")
                other.call(DAEMON + "Ping")
            self.assertEqual(b"activated", daemon.file("one").read_bytes())
            # The socket belongs to whoever passed it: no other one is made.
            self.assertFalse(os.path.exists(daemon.path))
        # ... and nobody takes its name away.
        self.assertTrue(os.path.exists(path))

    def test_clients_that_came_before_the_daemon_are_served(self):
        path = f"{self.directory()}/early"
        listener = self.listener(path)
        with Client(path) as early:
            early.send(DAEMON + "Ping")
            with Activated([listener]):
                self.assertEqual({}, early.receive_for(DAEMON + "Ping").parameters)

    def test_two_listening_sockets_are_served(self):
        directory = self.directory()
        paths = [f"{directory}/a", f"{directory}/b"]
        with Activated([self.listener(path) for path in paths], "varlink:varlink"):
            for number, path in enumerate(paths):
                with Client(path) as client:
                    self.works(client, f"file{number}")

    def test_a_connected_socket_is_served(self):
        ours, theirs = socket.socketpair()
        daemon = Activated([theirs], "varlink")
        theirs.close()
        with daemon, Client("connected", sock=ours) as client:
            self.works(client, "one")
            self.assertEqual(b"activated", daemon.file("one").read_bytes())

    def test_descriptors_meant_for_another_process_are_left_alone(self):
        with Daemon(environment={"LISTEN_FDS": "1", "LISTEN_PID": "1"}) as daemon:
            with daemon.client() as client:
                client.call(DAEMON + "Ping")


if __name__ == "__main__":
    main()
