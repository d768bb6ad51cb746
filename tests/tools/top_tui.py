# SPDX-License-Identifier: MIT
# Runs quire top in a pseudo-terminal of a given size and looks at its screen.
import fcntl, os, pty, select, struct, sys, termios, time

import pyte

quire, spec = sys.argv[1:3]


class Terminal:
    def __init__(self, args, columns=80, lines=24, term="vt100"):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ["TERM"] = term
            os.environ.pop("LINES", None)
            os.environ.pop("COLUMNS", None)
            # The size must be there before the program asks for it.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execv(quire, [quire, "top"] + args)

    def pump(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    return
                self.raw += data
                self.stream.feed(data)

    def text(self):
        return "\n".join(self.screen.display)

    def expect(self, what, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            self.pump(0.1)
            if what in self.text():
                return
        sys.exit(f"no {what!r} on the screen:\n{self.text()}")

    def key(self, keys):
        os.write(self.fd, keys.encode())

    def clock(self):
        return self.screen.display[0][:8]

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def status(self):
        end = time.time() + 20
        while time.time() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self.pump(0.1)
        sys.exit("it did not end")


t = Terminal(["--paused", spec])
t.expect("KILL     PID NAME")
t.expect("paused")
assert t.clock() == "01:00:00", t.clock()
assert b"\033[3" not in t.raw, "colour on a terminal that has none"
t.expect("leak")
for key, what in (("z", "free blocks by order"), ("l", "inactive anon"), ("s", "OBJECTS"), ("e", "processes run on"), ("h", "faster, slower"), ("p", "KILL")):
    t.key(key)
    t.expect(what)
t.key(".")
t.expect("01:00:01")
t.key(">")
t.expect("01:01:01")
# Save, go on to the kill, come back.
t.key("f")
t.expect("saved 1")
t.key("k")
t.expect("the next kill is at 01:01:58")
t.expect("01:01:48")
t.key(">")
t.expect("kills 1")
t.key("b")
t.expect("back at the saved instant")
t.expect("kills 0")
assert t.clock() == "01:01:01", t.clock()
t.key("b")
t.expect("nothing was saved")
# Steps back: the same machine as it was then, from a copy left on the way.
before = t.text()
t.key(">")
t.expect("01:02:01")
t.key(",")
t.expect("01:02:00")
t.key("<")
t.expect("01:01:00")
t.key(".")
t.expect("01:01:01")
assert t.text().split("\n")[1:-1] == before.split("\n")[1:-1], "another machine after a step back"
t.key(">")
t.expect("kills 1")
t.key("K")
t.expect("01:01:48")
t.expect("kills 0")
# To a file, and on from there.
t.key("w")
t.expect("written: quire top quire-01-01-48.machine")
# It runs on by itself, faster when told to.
t.key("++ ")
t.expect("01:02:")
# Another size, and a very small one.
t.resize(120, 40)
t.pump(1)
t.expect("speed")
t.resize(40, 10)
t.pump(1)
t.resize(80, 24)
t.pump(1)
t.key(" z")
t.expect("! below low")
t.key("q")
assert t.status() == 0
s = Terminal(["--paused", "quire-01-01-48.machine"])
s.expect("01:01:48")
s.key(">")
s.expect("kills 1")
s.key("q")
assert s.status() == 0
c = Terminal(["--paused", "--at", "01:03", spec], term="xterm-256color")
c.expect("kills 1")
c.key("e")
c.expect("the OOM killer takes leak")
c.key("q")
assert c.status() == 0
