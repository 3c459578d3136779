# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calendar expressions, made up by a seed or by hand, and what systemd-analyze says of them."""

import datetime
import os
import random
import re
import shutil
import subprocess
import zoneinfo

COUNT = 10
BATCH = 40
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
         "Africa/Casablanca", "Asia/Kolkata")
UTC = datetime.timezone.utc
HOUR = 3600
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
        "monday", "Tuesday", "WED", "thursday", "Friday", "saturday", "sunday")
SHORTHANDS = ("minutely", "hourly", "daily", "monthly", "weekly", "quarterly", "semiannually",
              "yearly", "annually", "Daily", "bi-annually", "semi-annually", "biannually")

# (zone, seconds since 1970 to start from, expression)
def at(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


HAND_PICKED = [
    (zone, at(start), expression)
    for zone in ZONES
    for start in ("2023-12-31 23:59:59", "2024-02-28 12:00:00", "2026-03-27 00:00:00",
                  "2026-10-23 00:00:00")
    for expression in (
        "*-02-29", "*-2-29 00:00:00", "*-*~01", "*-02~03", "*-*~07/1", "Mon *-*~07/1",
        "Fri *-*-13 18:30", "*-*-31", "*-*-* 02:30", "*-*-* 02:00..03:00", "*-*-* 01,02,03:15",
        "*:0/15", "*:0/15:30", "*-*-* *:*:0/20", "*-*-* 23:59:59", "Sat,Sun *-*-* 2:30",
        "Mon..Fri 9:00", "Sun *-03,10-* 02:30:00", "*-*-1..7 4:00", "2024..2030/2-*-1",
        "*-*-* *:*:*", "12:0:0.5", "*-*-*/2", "*-1/3-1", "weekly", "daily", "quarterly",
        "2020-01-01", "*-02-30", "*-*-* 00:00 UTC", "*-*-* 02:30 Europe/Berlin", "Thu",
        "*-*-01 00:00:00 America/New_York", "24-2-29", "99-1-1", "2199-12-31 23:59",
        "*-*~3,1..2/1 4:00", "Mon,Wed-Fri 5:0", "*-3~05/2 1..2/1:0/30", "@1900000000")
]

REFUSED = (
    "", " ", "*", "12", "Mon..", "Mon.Tue", "Fri..Mon", "Mo", "Mon Tue", "25:00", "12:60",
    "12:00:60", "*-13-1", "*-0-1", "*-1-32", "*-1-0", "*~1-1", "*-*~29", "1969-1-1",
    "2200-1-1", "*:0/0", "*:0/61", "*-*-* 1:2:3:4", "12:00:00.", "1..0:00", "noon", "hourlyy",
    "*-*-* 12:00 Mars/Olympus", "5,:00", "a", "2026-01-01T00:00", "*-*-*-* 1:00", "--",
    "10:00 ", "*:*/60", "Mon,,Tue", "1/25:00", "@", "@x", "@1700000000 5",
)


def find_tool():
    return shutil.which("systemd-analyze")


def transitions(zone, first_year=2015, last_year=2060):
    """When a zone's clock is moved, by how much, from what, and whether daylight saving does
    it: (UTC seconds, seconds forward, offset before, daylight saving)."""
    info = zoneinfo.ZoneInfo(zone)

    def saving(seconds):
        return bool(datetime.datetime.fromtimestamp(seconds, info).dst())

    def offset(seconds):
        return int(datetime.datetime.fromtimestamp(seconds, info).utcoffset().total_seconds())

    found = []
    end = at(f"{last_year}-01-01 00:00:00")
    now = at(f"{first_year}-01-01 00:00:00")
    while now < end:
        later = now + 7 * 24 * HOUR
        if offset(now) != offset(later):
            low, high = now, later
            while high - low > 1:
                middle = (low + high) // 2
                if offset(middle) == offset(now):
                    low = middle
                else:
                    high = middle
            found.append((high, offset(high) - offset(low), offset(low),
                          saving(high) != saving(low)))
        now = later
    return found


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.moves = {zone: transitions(zone) for zone in ZONES}

    def chance(self, share):
        return self.random.random() < share

    def part(self, low, high, width):
        def number(value):
            return f"{value:0{width}d}" if self.chance(0.5) else str(value)

        start = self.random.randint(low, high)
        kind = self.random.random()
        if kind < 0.6:
            return number(start)
        step = self.random.randint(1, max(1, (high - low) // 2))
        if kind < 0.75 and start + step <= high:
            return f"{number(start)}/{step}"
        stop = self.random.randint(start, high)
        if kind < 0.9 or start + step > stop:
            return f"{number(start)}..{number(stop)}"
        return f"{number(start)}..{number(stop)}/{step}"

    def chain(self, low, high, any_share, width=2):
        if self.chance(any_share):
            return "*"
        return ",".join(self.part(low, high, width)
                        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3))))

    def weekdays(self):
        items = []
        for _ in range(self.random.choice((1, 1, 2, 3))):
            first, last = sorted(self.random.choices(range(7), k=2))
            first_name = self.random.choice((DAYS[first], DAYS[first + 7]))
            last_name = self.random.choice((DAYS[last], DAYS[last + 7]))
            kind = self.random.random()
            if kind < 0.5:
                items.append(first_name)
            else:
                items.append(first_name + (".." if kind < 0.85 else "-") + last_name)
        return ",".join(items)

    def date(self, year):
        kind = self.random.random()
        month = self.chain(1, 12, 0.6)
        if kind < 0.2:
            return f"{month}~{self.chain(1, 28, 0.1) if self.chance(0.3) else self.from_end()}"
        if kind < 0.3:
            return f"*-{month}~{self.from_end()}"
        day = self.chain(1, 31, 0.5)
        if kind < 0.5:
            return f"{month}-{day}"
        years = self.random.choice(("*", "*", "*", str(year), f"{year}..{year + 20}",
                                    f"{year % 100}/4" if year < 2070 else "*",
                                    f"{year + 1},{year + 3}"))
        return f"{years}-{month}-{day}"

    def from_end(self):
        kind = self.random.random()
        if kind < 0.5:
            return f"{self.random.randint(1, 28):02d}"
        start = self.random.randint(1, 20)
        if kind < 0.75:
            return f"{start:02d}..{self.random.randint(start, 28)}"
        return f"{start + 8}/{self.random.randint(1, 8)}"

    def second(self):
        if self.chance(0.3):
            fraction = self.random.choice((".5", ".25", ".000001", ".1234567", ".999999"))
            second = f"{self.random.randint(0, 58)}{fraction}"
            return second if self.chance(0.5) else f"{second}/{self.random.choice((1, 1.5, 20.25))}"
        return self.chain(0, 59, 0.1)

    def time(self):
        text = f"{self.chain(0, 23, 0.4)}:{self.chain(0, 59, 0.2)}"
        return f"{text}:{self.second()}" if self.chance(0.4) else text

    def expression(self, year):
        if self.chance(0.04):
            text = self.random.choice(SHORTHANDS)
        elif self.chance(0.02):
            return f"@{self.random.randint(0, 4102444800)}"
        else:
            parts = [self.weekdays()] if self.chance(0.35) else []
            if self.chance(0.6):
                parts.append(self.date(year))
            if self.chance(0.7) or not parts:
                parts.append(self.time())
            text = " ".join(parts)
        if self.chance(0.05):
            text += " UTC"
        elif self.chance(0.05):
            text += " " + self.random.choice(ZONES[1:])
        return text

    def plain_case(self, zone):
        year = self.random.randint(1971, 2100)
        if self.chance(0.15):
            year = self.random.choice((1972, 1999, 2000, 2024, 2028, 2096, 2100))
        start = at(f"{year}-01-01 00:00:00") + self.random.randrange(366 * 24 * HOUR)
        return start, lambda: self.expression(year)

    def moved_case(self, zone):
        """A start shortly before the clock is moved, and times that it passes over or twice."""
        moment, forward, offset, _ = self.random.choice(self.moves[zone])
        low, high = sorted((moment + offset, moment + offset + forward))
        start = moment - self.random.choice((1, HOUR // 2, HOUR, 2 * HOUR, 86400, 3 * 86400))
        if self.chance(0.25):
            # Inside of it: the first pass, the second, or just behind a gap.
            start = moment + self.random.randint(-abs(forward), abs(forward))

        def make():
            inside = self.random.randrange(low, high)
            there = datetime.datetime.fromtimestamp(inside, UTC)
            minute = self.random.choice((f"{there.minute}", f"{there.minute:02d}", "0/5", "*",
                                         f"{there.minute},15,45", f"{there.minute // 10}/10"))
            hour = self.random.choice((f"{there.hour}", f"{there.hour:02d}", "*",
                                       f"0..{there.hour}", f"{there.hour},12", "0/1"))
            second = self.random.choice(("", "", ":30", ":0/20", ":59.5"))
            date = self.random.choice(
                ("", "", "*-*-* ", f"{there:%Y-%m-%d} ", f"*-{there.month}-{there.day} ",
                 f"{there:%a} ", f"{there:%a} *-*-* ", f"*-{there.month}~01..28/1 "))
            return f"{date}{hour}:{minute}{second}"

        return start, make

    def cases(self, count, moved):
        """`count` of (zone, start, expression), of which `moved` meet a gap or a fold; in
        batches that share zone and start."""
        made = []
        moving = [zone for zone in ZONES if self.moves[zone]]
        while len(made) < count:
            in_move = len(made) < moved
            zone = self.random.choice(moving if in_move else ZONES)
            start, make = (self.moved_case if in_move else self.plain_case)(zone)
            batch = min(8 if in_move else BATCH, count - len(made))
            made += [(zone, start, make()) for _ in range(batch)]
        return made


TIME = re.compile(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:([+-]\d\d)(\d\d)?|\w+)$")


def parse_output(output):
    """expression -> (normal form, [seconds])"""
    answers = {}
    original = None
    for line in output.splitlines():
        label, _, value = line.strip().partition(": ")
        if label == "Original form":
            original = value
        elif label == "Normalized form":
            # The line above is only there where the two differ.
            times = []
            answers[value if original is None else original] = (value, times)
            original = None
        elif label.startswith(("Next elapse", "Iter. #")) and value != "never":
            found = TIME.match(value)
            times.append(at(found[1]) - int(found[2] or 0) * 3600)
        elif label == "(in UTC)":
            # Left out where the zone's last rule is UTC, whatever it is at that time.
            times[-1] = at(TIME.match(value)[1])
    return answers


# In place of an answer.
REFUSED_IT = "refused"
GAVE_UP = "gave up"


def ask(cases):
    """The answer to each case: (normal form, [seconds]), REFUSED_IT or GAVE_UP."""
    batches = {}
    for zone, start, expression in cases:
        batches.setdefault((zone, start), []).append(expression)
    answers = {}
    for (zone, start), expressions in batches.items():
        done = subprocess.run(
            [find_tool(), "calendar", f"--iterations={COUNT}", f"--base-time=@{start}", "--",
             *expressions], capture_output=True, text=True, timeout=120,
            env={**os.environ, "TZ": zone, "LC_ALL": "C", "SYSTEMD_COLORS": "0",
                 "SYSTEMD_PAGER": ""})
        found = parse_output(done.stdout)
        for expression in expressions:
            stuck = f"Failed to determine next elapse for '{expression}'" in done.stderr
            answers[zone, start, expression] = found.get(
                expression, GAVE_UP if stuck else REFUSED_IT)
    return [answers[case] for case in cases]


def went_wrong(start, answer):
    """systemd's search goes back in time in some folds, and round in circles in others."""
    return answer == GAVE_UP or any(
        later < earlier for earlier, later in zip([start, *answer[1]], answer[1]))


def hangs_on_what_came_before(moves, start):
    """In the first pass of a fold without daylight saving systemd's answer is that of mktime(),
    which takes the pass that the call before it was about, whichever that was."""
    return any(moment + forward <= start < moment and not saving
               for moment, forward, _, saving in moves)


def with_zone(expression, zone):
    """The same for whom the zone is not the own one."""
    named = expression.endswith((" UTC", *(f" {name}" for name in ZONES)))
    if zone == "UTC" or named or expression.startswith("@"):
        return expression
    return f"{expression} {zone}"


def meets(moves, start, times):
    """Whether the clock is moved on the way, or one of the times is there twice."""
    way = [start, *times]
    return any(earlier < moment <= later or abs(moment - later) < abs(forward)
               for moment, forward, _, _ in moves for earlier, later in zip(way, times))
