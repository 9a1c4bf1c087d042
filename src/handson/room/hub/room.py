"""The room as the hub's process holds it: who is in, where they are, what is said, how loaded the host is."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Protocol

from handson.assets import index_for
from handson.errors import HandsonError
from handson.lab.places import cache_dir
from handson.lessons.catalog import Catalog, read_catalog
from handson.lessons.source import Lesson
from handson.lessons.workspace import notebook_path, notebooks
from handson.room.hub import codes
from handson.room.hub.limits import Guesses, Ration
from handson.room.hub.load import Meter, disk_of
from handson.room.hub.names import clean_name
from handson.room.hub.progress import Attendance, Progress
from handson.room.hub.queue import SeatQueue
from handson.room.hub.reports import Report
from handson.room.hub.settings import RoomSettings
from handson.room.hub.state import Places, Secrets, with_new_class_code
from handson.room.hub.store import LAST_NUMBER, Attendee, Door, Event, Message, Store
from handson.room.hub.streams import Bell
from handson.room.space import state_of
from handson.room.use import SeatUse
from handson.workshop import read_workshop

LONGEST_MESSAGE = 500


class Seats(Protocol):
    """What starts seats and knows which of them answer: JupyterHub, or a test."""

    async def start(self, number: int) -> None:
        """Start a seat's server, and return once it answers."""

    def ready(self, number: int) -> bool:
        """Whether it answers."""

    async def stop(self, number: int) -> None:
        """End a seat's server, if it runs; its files stay. Raises where it does not end."""

    async def forget(self, number: int) -> None:
        """End the seat and remove its files and its user; raises where something of it stays."""

    async def use(self) -> dict[int, SeatUse]:
        """What each seat that runs takes; those of which it cannot be told are left out."""


class Room:
    """One room. Lives in the hub's process; nothing here waits for anything but the disk."""

    def __init__(self, settings: RoomSettings, secrets: Secrets, places: Places, seats: Seats) -> None:
        self.settings, self.secrets, self.places = settings, secrets, places
        self.catalog: Catalog = read_catalog(read_workshop(settings.workshop))
        self.store = Store(places.room_database)
        self.attendance = Attendance(self.store.events())
        self.guesses, self.phrases = Guesses(), Guesses(20, 10.0)
        self.joins = Ration(100, 5.0)
        self.reports = Ration(60, 0.5)
        self.bell = Bell()
        self.queue = SeatQueue(seats.start, settings.starts_at_once, self.bell.ring)
        self._seats = seats
        self.meter = Meter(settings.state, seats.use)
        self._given: bytes | None = None
        self._messages = self.store.messages(1000)
        agendas = self.catalog.workshop.agendas
        self.minutes = settings.agenda if settings.agenda is not None else min(agendas)
        self.agenda: tuple[Lesson, ...] = self.catalog.select(agendas[self.minutes].lessons)

    # Joining

    def join(self, typed_name: str, door: Door) -> Attendee:
        """Somebody new; raises NameRefusedError or RoomFullError."""
        one = self.store.join(
            clean_name(typed_name), door, seats=self.settings.seats, attendees=self.settings.attendees
        )
        self.bell.ring()
        return one

    async def change_door(self, one: Attendee, door: Door) -> None:
        """Take the other door; raises RoomFullError. A seat that is left runs no more, and its files stay.

        Raises, and they have their seat still, where its server does not end.
        """
        if one.door == door:
            return
        self.store.change_door(one.number, door, seats=self.settings.seats, attendees=self.settings.attendees)
        try:
            if door == "page":
                await self._end_seat(one.number)
        except BaseException:  # it runs, so it counts, even where somebody came in meanwhile
            self.store.change_door(one.number, one.door, seats=LAST_NUMBER, attendees=LAST_NUMBER)
            raise
        finally:
            self.bell.ring()

    async def _end_seat(self, number: int) -> None:
        self.queue.leave(number)
        await self._seats.stop(number)

    async def done_with(self, number: int) -> None:
        """A seat was started for something other than its attendee (`started`): it ends, where they left it."""
        one = self.store.attendee(number)
        if one is not None and one.door != "seat":
            await self._end_seat(number)

    async def forget(self, number: int) -> None:
        """Remove all that there is of an attendee; raises, and knows them still, where their seat cannot be removed."""
        self.queue.leave(number)
        await self._seats.forget(number)
        self.store.forget(number)
        self.attendance.forget(number)
        self.bell.ring()

    async def remove(self, number: int) -> None:
        """The presenter removes somebody; raises HandsonError where nobody has that number, else as `forget`."""
        if self.store.attendee(number) is None:
            raise HandsonError(f"Nobody here has the number {number}.", "They may have left already.")
        await self.forget(number)

    def is_class_code(self, typed: str) -> bool:
        """Whether that is the class code."""
        return codes.same_code(self.secrets.class_code, typed)

    def is_scanned(self, given: str) -> bool:
        """Whether that is what the QR code carries."""
        return codes.same_code(codes.scan_code(self.secrets.seats, self.secrets.class_code), given)

    def scanned_address(self) -> str:
        """The join page's address as the QR code has it; browsers send nothing of what is behind #."""
        return scanned_address(self.settings, self.secrets)

    def seats_left(self) -> int:
        """Seats that nobody has taken."""
        return max(0, self.settings.seats - self.store.taken_seats())

    def ask_for_seat(self, number: int) -> None:
        """Enter the queue, unless the seat answers already."""
        if not self._seats.ready(number):
            self.queue.enter(number)

    async def started(self, number: int) -> None:
        """Wait until a seat answers, which is started where it does not; raises where that fails or it is left."""
        self.ask_for_seat(number)
        async for _ in self.bell.heard():
            if self._seats.ready(number):
                return
            state = self.queue.place(number).state
            if state == "failed":
                raise RuntimeError(self.queue.failure(number))
            if state == "none":
                raise HandsonError(f"Seat {number} does not start any more.", "Whoever had it left it, or it ended.")

    def come_back(self, typed: str) -> Attendee | None:
        """Whose come-back code that is, if anybody's who joined."""
        number = codes.number_of(self.secrets.seats, typed)
        return self.store.attendee(number) if number is not None else None

    def seat_code(self, number: int) -> str:
        """The come-back code of an attendee."""
        return codes.seat_code(self.secrets.seats, number)

    # Lessons

    def first_notebook(self) -> str:
        """The notebook that everybody begins with, as a path in their folder."""
        return notebook_path(self.agenda[0]).as_posix()

    def has_lessons_for_seats_only(self) -> bool:
        """Whether the agenda has lessons that the lesson page cannot run."""
        return any("page" not in lesson.contract.tiers for lesson in self.agenda)

    def given_lessons(self) -> bytes:
        """What a seat's folder is made of, as JSON: notebooks by path, the index of assets, where these are."""
        if self._given is None:
            given = {
                "notebooks": notebooks(self.catalog.lessons),
                "index": index_for(self.catalog.manifest),
                "cache": str(cache_dir()),
            }
            self._given = json.dumps(given).encode()
        return self._given

    def read_lessons_again(self) -> None:
        """Take in what the presenter corrected; raises HandsonError, and keeps the old ones, where they do not fit."""
        self.catalog, self._given = read_catalog(read_workshop(self.settings.workshop)), None
        self.agenda = self.catalog.select(self.catalog.workshop.agendas[self.minutes].lessons)

    # What attendees do

    def report(self, number: int, report: Report) -> bool:
        """Take in a report; False where it is about no lesson of this workshop or comes too fast."""
        if report.lesson not in self.catalog.by_name or not self.reports.take(str(number)):
            return False
        self._follow(Event(time.time(), number, report.kind, report.lesson, report.content()))
        return True

    def hand(self, number: int, raised: bool) -> bool:
        """A hand goes up or down; False where that comes too fast."""
        if not self.reports.take(str(number)):
            return False
        self._follow(Event(time.time(), number, "hand", "", {"raised": raised}))
        return True

    def lower_hand(self, number: int) -> None:
        """The presenter has seen it."""
        if self.store.attendee(number):
            self._follow(Event(time.time(), number, "hand", "", {"raised": False}))

    def _follow(self, event: Event) -> None:
        if self.attendance.follow(event):
            with suppress(sqlite3.OperationalError):  # a full disk, which terminal and board say: it is shown, not kept
                self.store.add_event(event)
            self.bell.ring()

    # What the presenter does

    def say(self, text: str) -> Message:
        """A message to all; raises ValueError where it is empty or too long."""
        text = text.strip()
        if not text or len(text) > LONGEST_MESSAGE:
            raise ValueError(f"A message has 1 to {LONGEST_MESSAGE} characters.")
        return self._said("say", text)

    def send_to(self, lesson: str) -> Message:
        """Everyone to a lesson; raises UnknownNameError."""
        return self._said("lesson", self.catalog.find(lesson).name)

    def take_back(self) -> Message:
        """Nothing is said any more."""
        return self._said("nothing", "")

    def push_lessons(self) -> Message:
        """Every seat fetches the lessons anew; raises HandsonError where they do not fit."""
        self.read_lessons_again()
        return self._said("lessons", str(int(time.time())))

    def _said(self, kind: str, content: str) -> Message:
        message = self.store.add_message(kind, content)
        self._messages.append(message)
        self.bell.ring()
        return message

    def new_class_code(self) -> None:
        """Whoever has the old one does not come in with it any more; who is in stays, and comes back by their own."""
        self.secrets = with_new_class_code(self.places, self.secrets)
        self.bell.ring()

    def start_clock(self, running: bool) -> None:
        """The agenda begins now, or has not begun."""
        self.store.set_fact("began", time.time() if running else None)
        self.bell.ring()

    # What is seen

    def for_attendee(self, one: Attendee) -> dict[str, Any]:
        """What an attendee's own pages show; no code, no other person."""
        said = next((message for message in reversed(self._messages) if message.kind != "lessons"), None)
        pushed = next((message.id for message in reversed(self._messages) if message.kind == "lessons"), 0)
        return {
            "number": one.number,
            "name": one.name,
            "door": one.door,
            "hand": self.attendance.of(one.number).hand_since is not None,
            "seat": self.seat_state(one),
            "message": self._told(said) if said and said.kind != "nothing" else None,
            "lessons": pushed,
        }

    def _told(self, message: Message) -> dict[str, Any]:
        told: dict[str, Any] = {"id": message.id, "at": message.at, "kind": message.kind, "text": message.content}
        if message.kind == "lesson" and message.content in self.catalog.by_name:
            lesson = self.catalog.find(message.content)
            told |= {"lesson": lesson.name, "text": lesson.contract.title, "path": notebook_path(lesson).as_posix()}
        return told

    def seat_state(self, one: Attendee) -> dict[str, Any]:
        """How it stands with the seat: none, waiting, starting, ready, stopped or failed."""
        if one.door != "seat":
            return {"state": "none"}
        place = self.queue.place(one.number)
        if place.state in ("waiting", "starting"):
            return asdict(place)
        if self._seats.ready(one.number):
            return {"state": "ready"}
        return {"state": "failed" if place.state == "failed" else "stopped"}

    def for_board(self) -> dict[str, Any]:
        """What the presenter sees."""
        now = time.time()
        exercises = {lesson.name: len(lesson.exercises) for lesson in self.catalog.lessons}
        with_files = {one.number for one in self.store.with_seat_files()}
        return {
            "now": now,
            "title": self.catalog.workshop.title,
            "address": self.settings.address,
            "mdns": self.settings.mdns,
            "code": self.secrets.class_code,
            "seats": {"taken": self.store.taken_seats(), "all": self.settings.seats},
            "queue": {"waiting": len(self.queue.waiting), "starting": len(self.queue.starting)},
            "agenda": {
                "minutes": self.minutes,
                "began": self.store.fact("began"),
                "lessons": [
                    {"name": one.name, "title": one.contract.title, "minutes": one.contract.minutes}
                    for one in self.agenda
                ],
            },
            "lessons": [{"name": one.name, "title": one.contract.title} for one in self.catalog.lessons],
            "attendees": [
                self._row(one, exercises) | {"files": one.number in with_files} for one in self.store.attendees()
            ],
            "messages": [asdict(message) for message in self._messages[-8:]],
            "load": asdict(self.meter.load),
        }

    def _row(self, one: Attendee, exercises: dict[str, int]) -> dict[str, Any]:
        progress: Progress = self.attendance.of(one.number)
        return {
            "number": one.number,
            "name": one.name,
            "door": one.door,
            "seat": self.seat_state(one)["state"],
            "lesson": progress.lesson,
            "lesson_since": progress.lesson_since,
            "seen": progress.seen,
            "passed": len(progress.passed.get(progress.lesson, ())),
            "exercises": exercises.get(progress.lesson, 0),
            "all_passed": sum(map(len, progress.passed.values())),
            "stuck_since": progress.stuck_since,
            "stuck_on": progress.stuck_on,
            "hand_since": progress.hand_since,
            "use": asdict(use) if (use := self.meter.seats.get(one.number)) else None,
        }

    def disk_is_full(self) -> bool:
        """Whether nobody else should come in: what they need to be known by would not be kept."""
        return state_of(disk_of(self.settings.state).free) == "full"


def scanned_address(settings: RoomSettings, secrets: Secrets) -> str:
    """The join page's address with class code and scan code behind #."""
    return f"{settings.address}hub/join#{secrets.class_code}-{codes.scan_code(secrets.seats, secrets.class_code)}"
