# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every end-to-end test stands on: a private forebayd, a raw Varlink client, a runner.

The daemon runs in a directory of its own and says READY=1 on a notify socket that belongs to
the test; nothing here sleeps and hopes. Stopping it checks that it exits with 0 and that no
sanitizer has spoken; where something fails its log is shown.

A test file defines ForebayTest classes and ends with harness.main(). It is run once for each
engine in FOREBAY_TEST_ENGINE or FOREBAY_ENGINE ("uring", "threads"; both when not set), and
its last line is "N passed, N failed". With FOREBAY_ENGINE_MATTERS, classes that name their own
engine, or to which it is all the same, are left out: another run has them.
"""

import array
import base64
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True

import idl  # noqa: E402  (after the line above on purpose: no cache in the source tree)
import ring as ring_module  # noqa: E402

SOURCE = pathlib.Path(os.environ.get("FOREBAY_SOURCE_DIR",
                                     pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("FOREBAY_BUILD_DIR", SOURCE))
FOREBAYD = os.environ.get("FOREBAYD", str(BUILD / "daemon" / "forebayd"))
FOREBAYCTL = os.environ.get("FOREBAYCTL", str(BUILD / "client" / "forebayctl"))
INTERFACES = idl.load(SOURCE / "proto")

LIBC = ctypes.CDLL(None, use_errno=True)

KIB, MIB = 1 << 10, 1 << 20
TIMEOUT = float(os.environ.get("FOREBAY_TEST_CALL_TIMEOUT", "30"))
# What no test may have the daemon say; the last with FOREBAY_CHECK_REPLIES in the environment.
WRONG_WORDS = ("AddressSanitizer", "LeakSanitizer", "UndefinedBehaviorSanitizer",
               "ThreadSanitizer", "runtime error:", "a reply is not as defined")

SERVICE = "org.varlink.service."
DAEMON = "io.forebay.daemon."
POOL = "io.forebay.pool."
BUFFER = "io.forebay.buffer."
STREAM = "io.forebay.stream."
STORE = "io.forebay.store."
JOB = "io.forebay.job."

F_SETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS = 1031, 1033, 1034
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW = 1, 2, 4


def wait_until(condition, what, timeout=TIMEOUT):
    """Looks at a condition until it holds; returns what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.005)


def random_bytes(length, seed=1):
    import random
    return random.Random(seed).randbytes(length)


class VarlinkError(Exception):
    def __init__(self, name, parameters):
        super().__init__(f"{name} {json.dumps(parameters)}")
        self.name = name
        self.parameters = parameters


class Closed(Exception):
    """The daemon ended the connection."""


class Reply:
    def __init__(self, text, fds):
        self.text = text
        self.fds = fds
        message = json.loads(text.decode("utf-8", errors="strict"))
        unknown = set(message) - {"parameters", "continues", "error"}
        if unknown:
            raise AssertionError(f"a reply with {unknown}: {text!r}")
        self.error = message.get("error")
        self.continues = bool(message.get("continues"))
        self.parameters = message.get("parameters") or {}


class Client:
    """One connection. `uid`: the user to connect as (root only)."""

    def __init__(self, path, uid=None, sock=None):
        self.path = path
        self.socket = sock or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        if sock is None:
            self._connect(path, uid)
        self.received = bytearray()
        self.position = 0          # of received[0], counted from the start of the connection
        self.at_start = True       # the next byte received begins a message
        self.batches = []          # (position of the message, descriptors)

    def _connect(self, path, uid):
        if uid is None:
            self.socket.connect(path)
            return
        # Another user cannot look into the test's directory, but can go through this link.
        directory = os.open(os.path.dirname(path), os.O_PATH)
        os.seteuid(uid)
        try:
            self.socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.seteuid(0)
            os.close(directory)

    def close(self):
        for _, fds in self.batches:
            for fd in fds:
                os.close(fd)
        self.batches = []
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_raw(self, data, fds=()):
        if fds:
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            sent = self.socket.sendmsg([data], control)
            data = data[sent:]
        self.socket.sendall(data)

    @staticmethod
    def encode(method, parameters=None, **flags):
        message = {"method": method}
        if parameters is not None:
            message["parameters"] = parameters
        message.update(flags)
        return json.dumps(message, ensure_ascii=False).encode() + b"\0"

    def send(self, method, parameters=None, fds=(), **flags):
        self.send_raw(self.encode(method, parameters, **flags), fds)

    def receive(self, timeout=None):
        """One message; Closed at the end of the connection."""
        self.socket.settimeout(TIMEOUT if timeout is None else timeout)
        while b"\0" not in self.received:
            self._receive_more()
        end = self.received.index(0)
        text = bytes(self.received[:end])
        fds = []
        if self.batches and self.batches[0][0] == self.position:
            fds = self.batches.pop(0)[1]
        del self.received[:end + 1]
        self.position += end + 1
        return Reply(text, fds)

    def _receive_more(self):
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(
                65536, socket.CMSG_SPACE(253 * 4), socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            raise Closed() from None
        if flags & socket.MSG_CTRUNC:
            raise AssertionError("descriptors were cut off")
        fds = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content)
        if not data:
            raise Closed()
        if fds:
            # They belong to the last message that begins in these bytes.
            begins = data.rfind(b"\0", 0, len(data) - 1) + 1
            if begins == 0 and not self.at_start:
                raise AssertionError("descriptors without the start of a message")
            self.batches.append((self.position + len(self.received) + begins, list(fds)))
        self.received += data
        self.at_start = data.endswith(b"\0")

    def receive_for(self, method, timeout=None):
        """The next reply, held against the interface; VarlinkError where it is an error."""
        reply = self.receive(timeout)
        if reply.error is not None:
            if reply.continues:
                raise AssertionError(f"an error that continues: {reply.text!r}")
            idl.check_error(INTERFACES, reply.error, reply.parameters)
            raise VarlinkError(reply.error, reply.parameters)
        idl.check_reply(INTERFACES, method, reply.parameters)
        return reply

    def call_reply(self, method, parameters=None, fds=(), timeout=None):
        self.send(method, parameters, fds)
        reply = self.receive_for(method, timeout)
        if reply.continues:
            raise AssertionError("continues, and nobody asked for more")
        return reply

    def call(self, method, parameters=None, fds=(), timeout=None):
        reply = self.call_reply(method, parameters, fds, timeout)
        for fd in reply.fds:
            os.close(fd)
        return reply.parameters

    def more(self, method, parameters=None, timeout=None):
        """Every reply's parameters, up to the last."""
        self.send(method, parameters, more=True)
        while True:
            reply = self.receive_for(method, timeout)
            yield reply.parameters
            if not reply.continues:
                return

    def oneway(self, method, parameters=None):
        self.send(method, parameters, oneway=True)

    def is_closed(self, timeout=TIMEOUT):
        """Whether the daemon ends the connection, without a word before."""
        try:
            self.receive(timeout)
        except Closed:
            return True
        return False

    def open_stream(self, path=None, *, ring_bytes=None, fd=None, directory=None, timeout=None,
                    **context):
        if path is not None:
            context["path"] = path
        parameters, fds = {"context": context}, []
        if ring_bytes is not None:
            parameters["ringBytes"] = ring_bytes
        if fd is not None:
            parameters["fileDescriptorIndex"] = len(fds)
            fds.append(fd)
        if directory is not None:
            parameters["directoryFileDescriptorIndex"] = len(fds)
            fds.append(directory)
        reply = self.call_reply(STREAM + "Open", parameters, fds, timeout)
        return Stream(self, reply)

    def attach(self, stream_id, token):
        reply = self.call_reply(STREAM + "Attach", {"id": stream_id, "token": token})
        reply.parameters["id"] = stream_id
        reply.parameters["token"] = token
        return Stream(self, reply)


class Stream:
    """A stream as its producer sees it, after Open or Attach."""

    def __init__(self, client, reply):
        self.client = client
        self.id = reply.parameters["id"]
        self.token = reply.parameters["token"]
        self.context = reply.parameters["context"]
        self.runtime = reply.parameters["runtime"]
        self.ring = None
        about = reply.parameters.get("ring")
        if about:
            self.ring = ring_module.Ring(reply.fds[about["memoryFileDescriptorIndex"]],
                                         reply.fds[about["signalFileDescriptorIndex"]],
                                         about["ringBytes"])
        elif reply.fds:
            raise AssertionError("descriptors came, but no ring")

    def _call(self, member, **parameters):
        timeout = parameters.pop("call_timeout", None)
        return self.client.call(STREAM + member, {"id": self.id, **parameters}, timeout=timeout)

    def write(self, data, **parameters):
        if isinstance(data, (bytes, bytearray)):
            parameters["encoding"] = "base64"
            data = base64.b64encode(data).decode()
        return self._call("Write", data=data, **parameters)

    def write_buffer(self, buffer, **parameters):
        return self._call("Write", buffer=buffer, **parameters)

    def end(self, data=None, **parameters):
        if isinstance(data, (bytes, bytearray)):
            parameters["encoding"] = "base64"
            data = base64.b64encode(data).decode()
        if data is not None:
            parameters["data"] = data
        return self._call("End", **parameters)

    def wait(self, level=None, timeout_usec=None, **parameters):
        if level is not None:
            parameters["level"] = level
        if timeout_usec is not None:
            parameters["timeoutUSec"] = timeout_usec
        return self._call("Wait", **parameters)["runtime"]

    def describe(self):
        return self._call("Describe")["runtime"]

    def abort(self, reason=None):
        return self._call("Abort", **({"reason": reason} if reason else {}))

    def finish(self, data=None):
        """End, and wait until it is over."""
        self.end(data)
        return self.wait("finish")

    def state(self):
        return self.describe()["state"]


class Daemon:
    """A forebayd of one's own. Use as a context manager, or start() and stop()."""

    def __init__(self, *arguments, engine=None, faults=None, config=None, environment=None,
                 wrapper=(), store=None, limits=None, uid=None):
        self.directory = tempfile.mkdtemp(prefix="d", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(self.directory, 0o755)
        self.path = f"{self.directory}/s"
        self.store = store or f"{self.directory}/store"
        self.state = f"{self.directory}/state"
        self.log_path = f"{self.directory}/log"
        self.faults = faults
        self.wrapper = list(wrapper)
        self.environment = environment or {}
        self.uid = uid
        self.process = None
        self.arguments = ["--socket", self.path, "--state-directory", self.state,
                          "--store", f"default={self.store}", *arguments]
        if engine and engine != "auto":
            self.arguments += ["--engine", engine]
        if config is not None:
            self.config_path = f"{self.directory}/forebay.conf"
            pathlib.Path(self.config_path).write_text(config)
            self.arguments += ["--config", self.config_path]
        if uid is not None:
            os.chown(self.directory, uid, uid)
            parent = os.path.dirname(self.directory)
            if os.stat(parent).st_mode & 0o001 == 0:
                os.chmod(parent, 0o711)         # the test's own: somebody else must get through

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.show_log()
            self.kill()

    def _environment(self):
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("FOREBAY_SOCKET", "FOREBAY_FAULTS", "LISTEN_FDS",
                                      "LISTEN_PID", "LISTEN_FDNAMES")}
        environment["NOTIFY_SOCKET"] = f"{self.directory}/n"
        if self.faults:
            environment["FOREBAY_FAULTS"] = self.faults
        environment.update(self.environment)
        return environment

    def start(self, **popen):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.directory}/n")
        self.notify.bind(f"{self.directory}/n")
        os.chmod(f"{self.directory}/n", 0o666)
        self.messages = []
        if self.uid is not None:
            popen.update(user=self.uid, group=self.uid, extra_groups=[])
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, FOREBAYD, *self.arguments], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self._environment(), preexec_fn=die_with_parent,
                **popen)
        self.exited = os.pidfd_open(self.process.pid)
        self.wait_for_notice("READY=1")
        self.pid = self._main_pid()
        return self

    def _main_pid(self):
        if not self.wrapper:
            return self.process.pid
        for message in self.messages:
            for line in message.splitlines():
                if line.startswith("MAINPID="):
                    return int(line[8:])
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def wait_for_notice(self, wanted, timeout=60):
        deadline = time.monotonic() + timeout
        while not any(line.startswith(wanted) for message in self.messages
                      for line in message.splitlines()):
            ready, _, _ = select.select([self.notify, self.exited], [], [],
                                        max(0, deadline - time.monotonic()))
            if self.notify in ready:
                data, fds, _, _ = socket.recv_fds(self.notify, 65536, 64)
                for fd in fds:
                    os.close(fd)
                self.messages.append(data.decode())
            elif self.exited in ready:
                self.process.wait()
                raise AssertionError(f"forebayd ended with {self.process.returncode} before "
                                     f"{wanted}:\n{self.log()}")
            else:
                self.show_log()
                raise AssertionError(f"forebayd did not say {wanted} within {timeout} s")

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def check_log(self):
        log = self.log()
        for word in WRONG_WORDS:
            if word in log:
                self.show_log()
                raise AssertionError(f"{word} in the log of forebayd")

    def show_log(self):
        print(f"--- log of forebayd {' '.join(self.arguments)}\n{self.log()}---", flush=True)

    def alive(self):
        return self.process.poll() is None

    def client(self, uid=None):
        return Client(self.path, uid)

    def wait_exit(self, timeout=60):
        """The exit status, after checking that nothing was found wrong."""
        if not select.select([self.exited], [], [], timeout)[0]:
            self.show_log()
            raise AssertionError(f"forebayd did not end within {timeout} s")
        status = self.process.wait()
        self._forget()
        self.check_log()
        return status

    def stop(self, remove=True):
        self.process.send_signal(signal.SIGTERM) if not self.wrapper else os.kill(
            self.pid, signal.SIGTERM)
        status = self.wait_exit()
        if status != 0:
            self.show_log()
            raise AssertionError(f"forebayd ended with {status} after SIGTERM")
        if remove:
            self.remove()

    def kill(self, remove=True):
        was_alive = self.process and self.process.poll() is None
        if was_alive:
            if self.wrapper:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self._forget()
        if was_alive:
            self.check_log()
        if remove:
            self.remove()

    def _forget(self):
        if self.process and hasattr(self, "exited"):
            os.close(self.exited)
            del self.exited
            self.notify.close()

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def descriptors(self):
        """What the daemon has open, by kind; numbers do not matter. SQLite opens the directory
        of its database for a moment each time that it syncs it."""
        found = []
        folder = f"/proc/{self.pid}/fd"
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(f"{folder}/{name}").split(":[")[0])
        return sorted(kind for kind in found if kind != self.state)

    def memory_kib(self, field="VmRSS"):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError(f"no {field}")

    @staticmethod
    def is_sanitized():
        """Built with a sanitizer: then its memory is mostly the sanitizer's."""
        return b"__asan_init" in pathlib.Path(FOREBAYD).read_bytes()

    def file(self, path):
        return pathlib.Path(self.store, path)

    def files(self):
        """Everything beneath the store that is no directory, temporaries included."""
        root = pathlib.Path(self.store)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*")
                      if not path.is_dir() or path.is_symlink())


class ForebayTest(unittest.TestCase):
    """One daemon for all tests of the class; descriptors are counted around each test."""

    engines = None            # None: those of the run; ("auto",): the engine does not matter
    daemon_arguments = ()
    daemon_options = {}
    engine = "auto"
    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.daemon_arguments, engine=cls.engine, **cls.daemon_options)
        try:
            cls.daemon.start()
            # What is made on first use (the default pool, a thread's pipe) is made now.
            with cls.daemon.client() as client:
                cls.warm_up(client)
            cls.wait_until_alone()
        except BaseException:
            cls.daemon.show_log()
            cls.daemon.kill()
            raise

    @classmethod
    def warm_up(cls, client):
        client.call(DAEMON + "Ping")

    @classmethod
    def wait_until_alone(cls):
        """Until the daemon knows that the connections before are gone."""
        with cls.daemon.client() as client:
            wait_until(lambda: client.call(DAEMON + "Describe")["usage"]["connections"] == 1,
                       "earlier connections are gone")
            sockets = cls.daemon.descriptors().count("socket")
        wait_until(lambda: cls.daemon.descriptors().count("socket") == sockets - 1,
                   "the last connection is gone")

    @classmethod
    def tearDownClass(cls):
        if cls.daemon.alive():
            cls.daemon.stop()
        else:
            cls.daemon.show_log()
            cls.daemon.kill()
            raise AssertionError("forebayd did not outlive the tests")

    def setUp(self):
        self.cleanup = contextlib.ExitStack()
        self.before = self.daemon.descriptors()
        self.client = self.connect()

    def tearDown(self):
        self.cleanup.close()
        if not self.daemon.alive():
            self.daemon.show_log()
            status = self.daemon.process.returncode
            # The other tests shall have a daemon all the same.
            self.daemon.kill(remove=False)
            self.daemon.start()
            self.fail(f"forebayd ended with {status}")
        self.check_descriptors(self.before)

    def check_descriptors(self, before):
        deadline = time.monotonic() + 10
        while self.daemon.descriptors() != before:
            if time.monotonic() > deadline:
                now = self.daemon.descriptors()
                more = sorted(set(x for x in now if now.count(x) > before.count(x)))
                less = sorted(set(x for x in before if now.count(x) < before.count(x)))
                self.fail(f"descriptors of forebayd: {len(before)} before, {len(now)} now; "
                          f"more of {more}, fewer of {less}")
            time.sleep(0.005)

    def connect(self, uid=None):
        return self.cleanup.enter_context(self.daemon.client(uid))

    def open(self, path=None, client=None, **parameters):
        """A stream; its ring goes away with the test."""
        stream = (client or self.client).open_stream(path, **parameters)
        if stream.ring:
            self.cleanup.callback(stream.ring.close)
        return stream

    @contextlib.contextmanager
    def fails(self, error, **wanted):
        """The call answers this error ("io.forebay.stream.PathBusy") with these parameters."""
        with self.assertRaises(VarlinkError) as caught:
            yield caught
        self.assertEqual(error, caught.exception.name, caught.exception.parameters)
        for name, value in wanted.items():
            self.assertEqual(value, caught.exception.parameters.get(name),
                             caught.exception.parameters)

    @contextlib.contextmanager
    def fails_parameter(self, name):
        """InvalidParameter for this one, wherever it stands ("context.path" for "path")."""
        with self.fails(SERVICE + "InvalidParameter") as caught:
            yield caught
        self.assertEqual(name, caught.exception.parameters["parameter"].split(".")[-1])

    def read_stored(self, path):
        return self.daemon.file(path).read_bytes()

    def no_temporaries(self):
        """None stays; that of a stream that failed goes after its end was told."""
        wait_until(lambda: not [name for name in self.daemon.files() if ".forebay-" in name],
                   "temporaries are gone")

    def check_memory(self, before_kib, limit_kib):
        """The daemon has not grown by more than that since."""
        grown = self.daemon.memory_kib() - before_kib
        if not self.daemon.is_sanitized():
            self.assertLess(grown, limit_kib)

    def root_only(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")


def die_with_parent():
    """A test that is stopped from outside leaves no daemon behind."""
    LIBC.prctl(1, signal.SIGKILL)           # PR_SET_PDEATHSIG


def kernel_has_uring():
    # io_uring_setup with impossible parameters: EFAULT or EINVAL where it exists.
    LIBC.syscall(425, 0, None)
    return ctypes.get_errno() not in (errno.ENOSYS, errno.EPERM)


def chosen_engines():
    text = os.environ.get("FOREBAY_TEST_ENGINE") or os.environ.get("FOREBAY_ENGINE") or ""
    engines = [word for word in text.replace(",", " ").split() if word != "auto"]
    engines = engines or ["uring", "threads"]
    if "uring" in engines and not kernel_has_uring():
        print("io_uring is refused here: the threads engine alone is tested")
        engines.remove("uring")
    return engines


class Counting(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    """Runs every ForebayTest of the calling program, and exits."""
    module = sys.modules["__main__"]
    suite = unittest.TestSuite()
    loader = unittest.TestLoader()
    patterns = sys.argv[1:]
    for case in vars(module).copy().values():
        if not (isinstance(case, type) and issubclass(case, unittest.TestCase)
                and case.__module__ == "__main__"):
            continue
        engines = getattr(case, "engines", ("auto",))
        if engines is not None and os.environ.get("FOREBAY_ENGINE_MATTERS"):
            continue
        for engine in engines or chosen_engines():
            name = case.__name__ if engine == "auto" else f"{case.__name__}[{engine}]"
            variant = type(name, (case,), {"engine": engine, "__module__": "__main__"})
            for test in loader.loadTestsFromTestCase(variant):
                if not patterns or any(pattern in test.id() for pattern in patterns):
                    suite.addTest(test)
    if suite.countTestCases() == 0 and os.environ.get("FOREBAY_ENGINE_MATTERS"):
        print("no matter which engine it is")
        sys.exit(77)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2,
                                     resultclass=Counting).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed", flush=True)
    if failed or (result.passed == 0 and not result.skipped):
        sys.exit(1)
    sys.exit(0 if result.passed else 77)
