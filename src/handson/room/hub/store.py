"""What the room remembers, in one SQLite file that outlives a crash: who joined, what happened, what was said."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from handson.errors import HandsonError
from handson.room.hub.names import NameRefusedError, folded

Door = Literal["seat", "page"]

_TABLES = """
CREATE TABLE IF NOT EXISTS attendee (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, door TEXT NOT NULL,
    joined REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, lesson TEXT NOT NULL,
    content TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, content TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS left_seat (number INTEGER PRIMARY KEY) STRICT;
"""
MOST_EVENTS = 200_000
"""Of a room; more are not kept. A class of 100 for three hours makes some 20,000."""

_LAST = """
SELECT max(coalesce((SELECT max(number) FROM attendee), 0),
           coalesce((SELECT CAST(content AS INTEGER) FROM fact WHERE name = 'last'), 0))
"""
LAST_NUMBER = 999
"""Of a room, ever: numbers of those who were forgotten are not given again."""


@dataclass(frozen=True)
class Attendee:
    """Somebody in the room. `number` is theirs for good: of the seat, if they take one, and of its files."""

    number: int
    name: str
    door: Door
    joined: float
    """Seconds since 1970, as every time here."""

    @property
    def user(self) -> str:
        """What JupyterHub calls them; no name of a person goes there."""
        return user_of(self.number)


@dataclass(frozen=True)
class Event:
    """Something that an attendee did."""

    at: float
    number: int
    kind: str
    lesson: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Message:
    """Something that the presenter said to all."""

    id: int
    at: float
    kind: str
    content: str


class RoomFullError(Exception):
    """Everybody who fits in is in."""


def user_of(number: int) -> str:
    """`seat-7`."""
    return f"seat-{number}"


def number_of_user(user: str) -> int | None:
    """7 of `seat-7`; None of any other name."""
    kind, _, digits = user.partition("-")
    return int(digits) if kind == "seat" and digits.isascii() and digits.isdecimal() else None


def joined(file: Path) -> int:
    """How many are in the room whose database this is; for who only looks at it."""
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM attendee").fetchone()[0])


def numbers_ahead(file: Path, count: int) -> tuple[int, ...]:
    """The seats of a room, at most `count`, that are wanted next: of those who took one, then of who comes new.

    For who only looks at the database; one that cannot be read is the hub's to complain of.
    """
    taken: list[int] = []
    last = 0
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection,
    ):
        taken = [
            int(row[0]) for row in connection.execute("SELECT number FROM attendee WHERE door = 'seat' ORDER BY number")
        ]
        last = int(connection.execute(_LAST).fetchone()[0])
    return tuple([*taken, *range(last + 1, LAST_NUMBER + 1)][:count])


class Store:
    """The file. One process writes; each change is on the disk when its function returns."""

    def __init__(self, file: Path) -> None:
        try:
            self._connection = sqlite3.connect(file, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA secure_delete=ON")  # what was forgotten is not in the file any more
            self._connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise HandsonError(
                f"The room's database {file} cannot be opened: {error}.",
                "Free some space; or begin anew with `handson room --forget`.",
            ) from None
        self._events = self._one("SELECT count(*) FROM event")

    def close(self) -> None:
        """Nothing is written afterwards."""
        self._connection.close()

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:  # COMMIT fails as well, on a full disk; and then SQLite may have rolled back by itself
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()[0]

    def join(self, name: str, door: Door, *, seats: int, attendees: int) -> Attendee:
        """Let somebody in under a free name (as `clean_name` gives it).

        Raises NameRefusedError where the name is taken, RoomFullError where no place of that door is left.
        """
        with self._change() as connection:
            if self._one("SELECT count(*) FROM attendee WHERE folded = ?", folded(name)):
                raise NameRefusedError("name_taken")
            self._refuse_where_full(door, seats, attendees, joining=True)
            number = self._one(_LAST) + 1
            if number > LAST_NUMBER:
                raise RoomFullError
            one = Attendee(number, name, door, time.time())
            connection.execute(
                "INSERT INTO attendee VALUES (?, ?, ?, ?, ?)", (number, name, folded(name), door, one.joined)
            )
        return one

    def forget(self, number: int) -> None:
        """Remove an attendee and all they did. Their number is not given again: their come-back code is made of it."""
        with self._change() as connection:
            last = self._one(_LAST)
            connection.execute("INSERT OR REPLACE INTO fact VALUES ('last', ?)", (json.dumps(last),))
            connection.execute("DELETE FROM attendee WHERE number = ?", (number,))
            connection.execute("DELETE FROM event WHERE number = ?", (number,))
            connection.execute("DELETE FROM left_seat WHERE number = ?", (number,))
        self._events = self._one("SELECT count(*) FROM event")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def change_door(self, number: int, door: Door, *, seats: int, attendees: int) -> None:
        """Take the other door; raises RoomFullError where no seat is left."""
        with self._change() as connection:
            before = self._one("SELECT door FROM attendee WHERE number = ?", number)
            if before != door:
                self._refuse_where_full(door, seats, attendees, joining=False)
            if (before, door) == ("seat", "page"):  # the seat's files stay
                connection.execute("INSERT OR IGNORE INTO left_seat VALUES (?)", (number,))
            connection.execute("UPDATE attendee SET door = ? WHERE number = ?", (door, number))

    def _refuse_where_full(self, door: Door, seats: int, attendees: int, *, joining: bool) -> None:
        if joining and self._one("SELECT count(*) FROM attendee") >= attendees:
            raise RoomFullError
        if door == "seat" and self.taken_seats() >= seats:
            raise RoomFullError

    def taken_seats(self) -> int:
        """How many chose a seat."""
        return int(self._one("SELECT count(*) FROM attendee WHERE door = 'seat'"))

    def attendee(self, number: int) -> Attendee | None:
        """Somebody by number."""
        rows = self._connection.execute("SELECT number, name, door, joined FROM attendee WHERE number = ?", (number,))
        row = rows.fetchone()
        return Attendee(*row) if row else None

    def attendees(self) -> list[Attendee]:
        """Everybody, in the order of joining."""
        return [
            Attendee(*row)
            for row in self._connection.execute("SELECT number, name, door, joined FROM attendee ORDER BY number")
        ]

    def with_seat_files(self) -> list[Attendee]:
        """Who has a seat, or has left one for the other door: the files of both are here. In the order of joining."""
        left = {number for (number,) in self._connection.execute("SELECT number FROM left_seat")}
        return [one for one in self.attendees() if one.door == "seat" or one.number in left]

    def add_event(self, event: Event) -> None:
        """Keep what happened, as long as there is room for it."""
        if self._events >= MOST_EVENTS:
            return
        with self._change() as connection:
            connection.execute(
                "INSERT INTO event (at, number, kind, lesson, content) VALUES (?, ?, ?, ?, ?)",
                (event.at, event.number, event.kind, event.lesson, json.dumps(event.content)),
            )
        self._events += 1

    def events(self) -> Iterator[Event]:
        """Everything that happened, in order."""
        for at, number, kind, lesson, content in self._connection.execute(
            "SELECT at, number, kind, lesson, content FROM event ORDER BY id"
        ):
            yield Event(at, number, kind, lesson, json.loads(content))

    def add_message(self, kind: str, content: str) -> Message:
        """Keep what the presenter said."""
        at = time.time()
        with self._change() as connection:
            cursor = connection.execute("INSERT INTO message (at, kind, content) VALUES (?, ?, ?)", (at, kind, content))
        return Message(int(cursor.lastrowid or 0), at, kind, content)

    def messages(self, last: int = 20) -> list[Message]:
        """The last ones, in order."""
        rows = self._connection.execute("SELECT id, at, kind, content FROM message ORDER BY id DESC LIMIT ?", (last,))
        return [Message(*row) for row in rows][::-1]

    def fact(self, name: str) -> Any:
        """Something that the room has to know again, or None."""
        row = self._connection.execute("SELECT content FROM fact WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def set_fact(self, name: str, content: Any) -> None:
        """Know something again."""
        with self._change() as connection:
            connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(content)))
