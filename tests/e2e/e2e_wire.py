#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The wire: framing, calls, introspection, limits, descriptors, and every kind of bad client."""

import contextlib
import fcntl
import json
import os
import pathlib
import select
import socket
import time

from harness import (BUFFER, DAEMON, INTERFACES, MIB, POOL, SERVICE, SOURCE, STORE, STREAM,
                     Client, Closed, ForebayTest, VarlinkError, main, wait_until)

PING = DAEMON + "Ping"
encode = Client.encode
SERVED = ["io.forebay.buffer", "io.forebay.daemon", "io.forebay.job", "io.forebay.pool",
          "io.forebay.store", "io.forebay.stream", "org.varlink.service"]


def padded_ping(text_bytes):
    """A ping whose text is exactly that long, without its NUL."""
    start = b'{"method":"' + PING.encode() + b'","parameters":{'
    return start + b" " * (text_bytes - len(start) - 2) + b"}}"


class Framing(ForebayTest):
    engines = ("auto",)

    def answers(self, client=None):
        self.assertEqual({}, (client or self.client).call(PING))

    def test_calls_in_one_write_are_answered_in_order(self):
        calls = [encode(PING)]
        for number in range(100):
            calls.append(encode(STREAM + "Describe", {"id": f"s{number:016x}"}))
        self.client.send_raw(b"".join(calls))
        self.assertIsNone(self.client.receive().error)
        for number in range(100):
            reply = self.client.receive()
            self.assertEqual(STREAM + "NoSuchStream", reply.error)
            self.assertEqual(f"s{number:016x}", reply.parameters["id"])

    def test_calls_byte_by_byte_are_answered(self):
        data = encode(PING) + encode(SERVICE + "GetInfo", {})
        for at in range(len(data)):
            self.client.send_raw(data[at:at + 1])
        self.assertEqual({}, self.client.receive().parameters)
        self.assertIn("interfaces", self.client.receive().parameters)

    def test_parameters_may_be_absent_null_or_empty(self):
        for text in (b'{"method":"%s"}', b'{"method":"%s","parameters":null}',
                     b'{"method":"%s","parameters":{}}'):
            self.client.send_raw(text % PING.encode() + b"\0")
            self.assertEqual({}, self.client.receive_for(PING).parameters)

    def test_a_reply_without_values_carries_empty_parameters(self):
        self.client.send(PING)
        self.assertEqual({"parameters": {}}, json.loads(self.client.receive().text))

    def test_headers_of_vendors_are_ignored(self):
        self.client.send_raw(b'{"method":"%s","com.example.trace":{"id":7}}\0' % PING.encode())
        self.assertEqual({}, self.client.receive_for(PING).parameters)

    def test_what_is_no_call_closes_the_connection_without_a_word(self):
        for text in (b"garbage", b"", b"[]", b"7", b'"x"', b"null", b"{}", b'{"method":7}',
                     b'{"method":null}', b'{"parameters":{}}', b'{"method":"%s"' % PING.encode(),
                     b'{"method":"%s"}}' % PING.encode(), b'{"method":"%s"} x' % PING.encode(),
                     b'\xef\xbb\xbf{"method":"%s"}' % PING.encode(),
                     b'{"method":"%s","surprise":1}' % PING.encode(),
                     b'{"method":"%s","parameters":[]}' % PING.encode(),
                     b'{"method":"%s","oneway":1}' % PING.encode(),
                     b'{"method":"%s","oneway":true,"more":true}' % PING.encode(),
                     os.urandom(300).replace(b"\0", b"x")):
            with self.subTest(text=text), self.daemon.client() as client:
                client.send_raw(text + b"\0")
                self.assertTrue(client.is_closed())
        self.answers()

    def refused(self, text):
        """Closed, or an error, but never done. The daemon serves others all the while."""
        with self.daemon.client() as client:
            client.send_raw(text + b"\0")
            try:
                reply = client.receive()
            except Closed:
                return
            self.assertIn(reply.error, (SERVICE + "InvalidParameter", BUFFER + "BadEncoding"),
                          text)

    def test_ambiguous_or_ill_formed_json_is_refused(self):
        alloc = BUFFER.encode() + b"Alloc"
        for parameters in (b'{"length":8,"length":9}', b'{"length":08}', b'{"length":1.}',
                           b'{"length":1e999}', b'{"length":1.5}', b'{"length":0x10}',
                           b'{"length":+8}', b'{"length":8,}', b'{"length":NaN}',
                           b"{'length':8}", b'{"length":8,"labels":{"a":"1","a":"2"}}',
                           b'{"length":8,"labels":{"a":"x\\u0000y"}}',
                           b'{"length":8,"labels":{"a\\u0000b":"x"}}',
                           b'{"length":8,"labels":{"a":"\xff\xfe"}}',
                           b'{"length":8,"labels":{"a":"\xc0\x80"}}',
                           b'{"length":8,"labels":{"a":"\xed\xa0\x80"}}',
                           b'{"length":8,"labels":{"a":"\\ud800"}}',
                           b'{"length":8,"labels":{"a":"\x01"}}',
                           b'{"length":8,"labels":{"a":"\\x41"}}',
                           b'{"length":8,"labels":{"a":tru}}'):
            with self.subTest(parameters=parameters):
                self.refused(b'{"method":"%s","parameters":%s}' % (alloc, parameters))
        self.refused(b'{"method":"%s","method":"%s"}' % (PING.encode(), PING.encode()))
        self.refused(b'{"Method":"%s"}' % PING.encode())

    def test_deep_and_crowded_messages_are_refused(self):
        for depth in (17, 1000, 100_000):
            nested = b'{"a":' * depth + b"1" + b"}" * depth
            self.refused(b'{"method":"%s","parameters":%s}' % (PING.encode(), nested))
            self.refused(b'{"method":"%s","parameters":{"a":%s}}'
                         % (PING.encode(), b"[" * depth + b"]" * depth))
        labels = b",".join(b'"k%d":"v"' % number for number in range(10_001))
        self.refused(b'{"method":"%sAlloc","parameters":{"length":8,"labels":{%s}}}'
                     % (BUFFER.encode(), labels))
        self.refused(b'{"method":"%s","parameters":{"a":[%s0]}}'
                     % (PING.encode(), b"0," * 300_000))
        self.answers()

    def test_a_message_of_the_cap_passes_and_one_byte_more_does_not(self):
        limit = self.client.call(DAEMON + "Describe")["limits"]["messageBytes"]
        self.assertEqual(MIB, limit)
        self.client.send_raw(padded_ping(limit) + b"\0")
        self.assertEqual({}, self.client.receive_for(PING).parameters)
        with self.daemon.client() as client:
            try:
                client.send_raw(padded_ping(limit + 1) + b"\0")
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertTrue(client.is_closed())

    def test_a_message_without_end_is_dropped_at_the_cap(self):
        before = self.daemon.memory_kib()
        with self.daemon.client() as client:
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for _ in range(1024):
                    client.send_raw(b"{" * 65536)
        self.answers()
        self.check_memory(before, 32 * 1024)

    def test_a_client_that_does_not_read_its_replies_is_held_back(self):
        call = encode(SERVICE + "GetInterfaceDescription", {"interface": "io.forebay.job"})
        before = self.daemon.memory_kib()
        with self.daemon.client() as client:
            client.socket.settimeout(1)
            sent = 0
            try:
                while sent < 64 * MIB:
                    sent += client.socket.send(call * 500)
            except TimeoutError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertLess(sent, 64 * MIB)
            self.answers()
            self.check_memory(before, 32 * 1024)

    def test_a_slow_client_disturbs_nobody(self):
        with self.daemon.client() as slow:
            text = encode(PING)
            for at in range(len(text)):
                slow.send_raw(text[at:at + 1])
                started = time.monotonic()
                self.answers()
                self.assertLess(time.monotonic() - started, 1)
            self.assertEqual({}, slow.receive().parameters)

    def test_a_half_closed_client_gets_its_replies_and_then_the_end(self):
        client = self.connect()
        client.send_raw(encode(PING) * 3)
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(3):
            self.assertEqual({}, client.receive_for(PING).parameters)
        self.assertTrue(client.is_closed())

    def test_a_half_closed_subscriber_goes_on_hearing(self):
        client = self.connect()
        client.send(STREAM + "SubscribeEvents", {}, more=True)
        self.assertTrue(client.receive().parameters["ready"])
        client.socket.shutdown(socket.SHUT_WR)
        # Half-closed sockets are always readable: the daemon must not spin over it.
        spent = cpu_ticks(self.daemon.pid)
        self.open("half-closed").finish("x")
        wait_until(lambda: client.receive().parameters.get("event") == "close", "close")
        time.sleep(0.5)
        self.assertLess(cpu_ticks(self.daemon.pid) - spent, 20)

    def test_a_client_that_vanishes_in_a_message_leaves_nothing(self):
        for part in (b"", b"{", encode(PING)[:-1], encode(PING), b"x" * 300_000):
            with self.daemon.client() as client:
                client.send_raw(part)
        self.answers()

    def test_many_connections_come_and_go(self):
        clients = [self.daemon.client() for _ in range(50)]
        for client in clients:
            self.answers(client)
        for client in clients:
            client.close()
        self.answers()


class Calls(ForebayTest):
    engines = ("auto",)

    def test_unknown_interface_and_method_are_named(self):
        with self.fails(SERVICE + "InterfaceNotFound", interface="com.example.nothing"):
            self.client.call("com.example.nothing.Do")
        with self.fails(SERVICE + "MethodNotFound") as caught:
            self.client.call(DAEMON + "Fly")
        self.assertIn(caught.exception.parameters["method"], ("Fly", DAEMON + "Fly"))
        for method in ("Ping", "", ".", "io.forebay.daemon.", "x" * 100_000):
            with self.subTest(method=method[:20]), self.assertRaises((VarlinkError, Closed)):
                with self.daemon.client() as client:
                    client.call(method)
        self.client.call(PING)

    def test_every_method_refuses_an_unknown_parameter(self):
        for interface in SERVED:
            for method, (given, _) in INTERFACES[interface].methods.items():
                with self.subTest(method=method), self.assertRaises(VarlinkError) as caught:
                    self.client.call(f"{interface}.{method}", {"surprise": 1})
                error = caught.exception
                self.assertIn(error.name, (SERVICE + "InvalidParameter", SERVICE + "ExpectedMore"))
                if error.name == SERVICE + "InvalidParameter" and not any(
                        kind[0] != "nullable" for kind in given[1].values()):
                    self.assertEqual("surprise", error.parameters["parameter"])

    def test_wrong_and_missing_parameters_are_named(self):
        for method, parameters, wrong in (
                (POOL + "Create", {"context": 7}, "context"),
                (POOL + "Create", {}, "context"),
                (POOL + "Create", {"context": {"name": 7}}, "name"),
                (POOL + "Create", {"context": {"name": "p", "sizeBytes": "many"}}, "sizeBytes"),
                (POOL + "Create", {"context": {"name": "p", "sizeBytes": True}}, "sizeBytes"),
                (POOL + "Create", {"context": {"name": "p", "hugePages": 1}}, "hugePages"),
                (POOL + "Create", {"context": {"name": "p", "lifetime": "forever"}}, "lifetime"),
                (POOL + "Create", {"context": {"name": "p", "labels": ["a"]}}, "labels"),
                (POOL + "Create", {"context": {"name": "p", "more": 1}}, "more"),
                (BUFFER + "Alloc", {"length": 1.5}, "length"),
                (BUFFER + "Alloc", {"length": [1]}, "length"),
                (BUFFER + "Alloc", {"length": 1, "initialize": "ones"}, "initialize"),
                (BUFFER + "Read", {"id": 5}, "id"),
                (STREAM + "Open", {"context": {"path": "x", "ack": "sometimes"}}, "ack"),
                (STREAM + "Open", {"context": {"path": ["x"]}}, "path"),
                (STREAM + "Wait", {"id": "s0", "level": "perfect"}, "level"),
                (STREAM + "SubscribeEvents", {"events": "drain"}, "events")):
            with self.subTest(method=method, parameters=parameters):
                more = method.endswith("SubscribeEvents")
                with self.assertRaises(VarlinkError) as caught:
                    if more:
                        list(self.client.more(method, parameters))
                    else:
                        self.client.call(method, parameters)
                self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
                named = caught.exception.parameters["parameter"]
                self.assertEqual(wrong, named.replace("[", ".").split(".")[-1]
                                 if wrong not in named else wrong)
        self.assertEqual([], [x for x in list(self.client.more(POOL + "List"))
                              if x.get("context", {}).get("name") == "p"])

    def test_integers_are_exact_to_the_last_digit(self):
        for given, answer in ((10 ** 15, 10 ** 15), (2 ** 53 - 1, 2 ** 53 - 1),
                              (2 ** 53, 2 ** 53), (str(2 ** 53 + 1), 2 ** 53 + 1),
                              (str(2 ** 63 - 1), 2 ** 63 - 1), ("1000000000000000", 10 ** 15)):
            with self.subTest(given=given):
                self.client.send(STREAM + "Open", {"context": {
                    "path": "integers", "rateBytesPerSecond": given}})
                reply = self.client.receive_for(STREAM + "Open")
                self.assertEqual(answer, reply.parameters["context"]["rateBytesPerSecond"])
                self.assertIn(b":%d" % answer, reply.text.replace(b" ", b""))
                self.client.call(STREAM + "Abort", {"id": reply.parameters["id"]})

    def test_integers_that_cannot_be_exact_are_refused(self):
        for text in ("9007199254740993", "9223372036854775807", "9223372036854775808", "1e400",
                     "-9007199254740993", '"9223372036854775808"', '"-9223372036854775809"',
                     '"12x"', '" 12"', '""', '"1e3"', "1.5", "true"):
            with self.subTest(text=text):
                self.client.send_raw((
                    '{"method":"%sOpen","parameters":{"context":{"path":"x",'
                    '"rateBytesPerSecond":%s}}}' % (STREAM, text)).encode() + b"\0")
                try:
                    reply = self.client.receive()
                except Closed:
                    self.client = self.connect()
                    continue
                self.assertEqual(SERVICE + "InvalidParameter", reply.error)

    def test_a_oneway_call_has_no_reply_not_even_an_error(self):
        self.client.oneway(PING)
        self.client.oneway(DAEMON + "Fly")
        self.client.oneway("com.example.nothing.Do")
        self.client.oneway(STREAM + "Describe", {"id": "s0"})
        self.client.oneway(STREAM + "Describe", {"wrong": 1})
        self.assertIn("interfaces", self.client.call(SERVICE + "GetInfo"))

    def test_a_oneway_open_and_write_do_their_work(self):
        stream = self.open("oneway")
        for number in range(10):
            self.client.oneway(STREAM + "Write", {"id": stream.id, "data": f"{number}"})
        self.assertEqual(10, stream.finish()["sequence"])
        self.assertEqual(b"0123456789", self.read_stored("oneway"))

    def test_continues_only_comes_with_more(self):
        for name in ("one", "two"):
            self.client.call(POOL + "Create", {"context": {"name": name, "sizeBytes": 4096}})
        with self.fails(SERVICE + "ExpectedMore"):
            self.client.call(POOL + "List")
        with self.fails(SERVICE + "ExpectedMore"):
            self.client.call(STREAM + "SubscribeEvents")
        names = [reply["context"]["name"] for reply in self.client.more(POOL + "List")]
        self.assertEqual({"one", "two"}, {"one", "two"} & set(names))
        # A method with one reply may be called with more as well.
        self.client.send(PING, {}, more=True)
        self.assertFalse(self.client.receive_for(PING).continues)

    def test_an_empty_list_ends_with_one_reply(self):
        replies = list(self.client.more(STREAM + "List"))
        self.assertLessEqual(len(replies), 64)
        self.assertEqual([], [reply for reply in replies
                              if reply.get("runtime", {}).get("state") == "open"])

    def test_get_info_lists_every_interface(self):
        info = self.client.call(SERVICE + "GetInfo")
        self.assertLessEqual(set(SERVED), set(info["interfaces"]))
        self.assertNotIn("org.varlink.certification", info["interfaces"])
        for field in ("vendor", "product", "version", "url"):
            self.assertTrue(info[field], field)
        with self.fails_parameter("x"):
            self.client.call(SERVICE + "GetInfo", {"x": 1})

    def test_every_description_is_the_file(self):
        for name in self.client.call(SERVICE + "GetInfo")["interfaces"]:
            text = self.client.call(SERVICE + "GetInterfaceDescription",
                                    {"interface": name})["description"]
            self.assertEqual((SOURCE / "proto" / f"{name}.varlink").read_text().strip(),
                             text.strip())
        with self.fails(SERVICE + "InterfaceNotFound", interface="com.example.nothing"):
            self.client.call(SERVICE + "GetInterfaceDescription",
                             {"interface": "com.example.nothing"})

    def test_certification_is_not_served_unless_asked_for(self):
        with self.fails(SERVICE + "InterfaceNotFound"):
            self.client.call("org.varlink.certification.Start")

    def test_the_daemon_describes_itself(self):
        about = self.client.call(DAEMON + "Describe")
        self.assertEqual("serving", about["state"])
        self.assertLess(abs(about["startedUSec"] / 1e6 - time.time()), 600)
        self.assertEqual(1, about["usage"]["connections"])
        self.assertEqual(0, about["usage"]["streams"])
        with self.daemon.client():
            self.assertEqual(2, wait_until(
                lambda: (n := self.client.call(DAEMON + "Describe")["usage"]["connections"]) > 1
                and n, "the second connection is counted"))


class Descriptors(ForebayTest):
    engines = ("auto",)

    @staticmethod
    @contextlib.contextmanager
    def pipes(count):
        """That many descriptors, of one pipe."""
        reader, writer = os.pipe()
        fds = [reader, writer] + [os.dup(reader) for _ in range(count - 2)]
        try:
            yield fds[:count]
        finally:
            for fd in fds:
                os.close(fd)

    def test_descriptors_where_none_belong_are_refused_and_closed(self):
        for count in (1, 2, 3, 100, 253):
            for method, parameters in ((PING, {}), (STREAM + "List", {}),
                                       (STREAM + "Describe", {"id": "s0"}),
                                       (BUFFER + "Alloc", {"length": 8}),
                                       (STREAM + "Open", {"context": {"path": "fds"}})):
                with self.subTest(count=count, method=method), self.pipes(count) as fds:
                    with self.assertRaises(VarlinkError) as caught:
                        self.client.call(method, parameters, fds=fds)
                    self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
                    self.client.call(PING)
        self.assertFalse(self.daemon.file("fds").exists())

    def test_the_kernel_takes_no_254_descriptors(self):
        with self.pipes(254) as fds, self.assertRaises(OSError):
            self.client.send(PING, {}, fds=fds)

    def test_descriptors_behind_another_call_belong_to_their_own(self):
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        self.client.send_raw(encode(PING))
        self.client.send(STREAM + "Open", {"context": {}, "fileDescriptorIndex": 0}, [writer])
        os.close(writer)
        self.assertEqual({}, self.client.receive_for(PING).parameters)
        stream = self.client.receive_for(STREAM + "Open").parameters["id"]
        self.client.call(STREAM + "End", {"id": stream, "data": "glued"})
        self.client.call(STREAM + "Wait", {"id": stream, "level": "finish"})
        self.assertEqual(b"glued", os.read(reader, 100))

    def test_descriptors_in_the_middle_of_a_message_drop_the_client(self):
        text = encode(PING)
        with self.daemon.client() as client:
            client.send_raw(text[:10])
            wait_until(lambda: unread(client.socket) == 0, "the start is taken")
            with contextlib.suppress(BrokenPipeError), self.pipes(2) as fds:
                client.send_raw(text[10:], fds)
            self.assertTrue(client.is_closed())
        self.client.call(PING)

    def test_an_index_without_its_descriptor_is_refused(self):
        file = self.regular_file()
        for index in (0, 1, -1, 252, 2 ** 31, 2 ** 53):
            with self.subTest(index=index), self.assertRaises(VarlinkError) as caught:
                self.client.call(STREAM + "Open", {"context": {}, "fileDescriptorIndex": index},
                                 fds=[file] if index else [])
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        with self.fails_parameter("fileDescriptorIndex"):
            self.client.call(BUFFER + "From", {"fileDescriptorIndex": 3}, fds=[file])

    def regular_file(self, flags=os.O_RDWR):
        path = f"{self.daemon.directory}/regular"
        pathlib.Path(path).touch()
        fd = os.open(path, flags)
        self.cleanup.callback(os.close, fd)
        return fd

    def keep(self, fd):
        self.cleanup.callback(os.close, fd)
        return fd

    def strange_descriptors(self):
        """Name and descriptor of everything that is neither destination nor content."""
        reader, writer = os.pipe()
        self.keep(writer)
        memory = os.memfd_create("read-only", os.MFD_ALLOW_SEALING)
        self.keep(memory)
        poll = select.epoll()
        self.cleanup.callback(poll.close)
        yield "O_PATH", self.regular_file(os.O_PATH)
        yield "directory", self.keep(os.open(self.daemon.directory, os.O_RDONLY))
        yield "O_PATH directory", self.keep(os.open(self.daemon.directory, os.O_PATH))
        yield "/dev/null", self.keep(os.open("/dev/null", os.O_RDWR))
        yield "/dev/zero", self.keep(os.open("/dev/zero", os.O_RDWR))
        yield "eventfd", self.keep(os.eventfd(0))
        yield "epoll", poll.fileno()
        yield "pidfd", self.keep(os.pidfd_open(os.getpid()))
        yield "pipe's reading end", self.keep(reader)
        # Where /dev has no pts, as in a bare root, there are still more than ten kinds.
        with contextlib.suppress(OSError):
            for name, fd in zip(("terminal", "terminal's other side"), os.openpty()):
                yield name, self.keep(fd)
        yield "/proc file", self.keep(os.open("/proc/self/mountinfo", os.O_PATH))

    def test_wrong_descriptors_are_no_destination(self):
        wrong = list(self.strange_descriptors())
        wrong.append(("read-only file", self.regular_file(os.O_RDONLY)))
        for name, fd in wrong:
            with self.subTest(kind=name), self.fails_parameter("fileDescriptorIndex"):
                self.client.call(STREAM + "Open", {"context": {}, "fileDescriptorIndex": 0}, [fd])
        self.client.call(PING)

    def test_wrong_descriptors_are_no_content(self):
        left, right = socket.socketpair()
        self.cleanup.enter_context(left)
        self.cleanup.enter_context(right)
        wrong = list(self.strange_descriptors())
        wrong.append(("write-only file", self.regular_file(os.O_WRONLY)))
        wrong.append(("socket", left.fileno()))
        for name, fd in wrong:
            with self.subTest(kind=name), self.fails_parameter("fileDescriptorIndex"):
                self.client.call(BUFFER + "From", {"fileDescriptorIndex": 0}, [fd])
        self.client.call(PING)

    def test_wrong_descriptors_are_no_directory(self):
        wrong = [(name, fd) for name, fd in self.strange_descriptors() if "directory" not in name]
        wrong.append(("file", self.regular_file()))
        for name, fd in wrong:
            with self.subTest(kind=name), self.fails_parameter("directoryFileDescriptorIndex"):
                self.client.call(STREAM + "Open", {"context": {"path": "x"},
                                                   "directoryFileDescriptorIndex": 0}, [fd])
        self.client.call(PING)

    def test_a_client_that_reads_no_descriptors_hurts_nobody_else(self):
        self.client.call(POOL + "Create", {"context": {"name": "shared", "sizeBytes": 4096}})
        with self.daemon.client() as lazy:
            lazy.socket.settimeout(0.5)
            call = encode(POOL + "Acquire", {"name": "shared"})
            try:
                for _ in range(2000):
                    lazy.send_raw(call)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass
            for _ in range(20):
                reply = self.client.call_reply(POOL + "Acquire", {"name": "shared"})
                self.assertEqual(2, len(reply.fds))
                for fd in reply.fds:
                    os.close(fd)
        self.client.call(POOL + "Destroy", {"name": "shared"})


class LargeMessages(ForebayTest):
    engines = ("auto",)
    daemon_options = {"config": "[limits]\nmessageBytes = 16M\n"}

    @classmethod
    def warm_up(cls, client):
        made = client.call(BUFFER + "Alloc", {"length": 8})["buffer"]      # the default pool
        client.call(BUFFER + "Free", {"id": made["id"]})

    def test_sixteen_mebibytes_pass_and_one_byte_more_does_not(self):
        limit = self.client.call(DAEMON + "Describe")["limits"]["messageBytes"]
        self.assertEqual(16 * MIB, limit)
        self.client.send_raw(padded_ping(limit) + b"\0")
        self.assertEqual({}, self.client.receive_for(PING).parameters)
        with self.daemon.client() as client:
            try:
                client.send_raw(padded_ping(limit + 1) + b"\0")
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertTrue(client.is_closed())

    def test_eight_mebibytes_of_data_travel_in_one_message(self):
        data = "forebay!" * (MIB - 1)
        stream = self.open("large", maximumLength=16 * MIB)
        stream.end(data)
        stream.wait("finish")
        self.assertEqual(data.encode(), self.read_stored("large"))
        buffer = self.client.call(BUFFER + "From", {"data": data})["buffer"]
        got = self.client.call(BUFFER + "Read", {"id": buffer["id"], "encoding": "utf8"})
        self.assertEqual(len(data), got["bytesRead"])
        self.assertEqual(data, got["data"])
        self.client.call(BUFFER + "Free", {"id": buffer["id"]})


def cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def unread(sock):
    """Bytes that the other side has not taken yet (SIOCOUTQ)."""
    return int.from_bytes(fcntl.ioctl(sock, 0x5411, b"\0" * 4), "little")


if __name__ == "__main__":
    main()
