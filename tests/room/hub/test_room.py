from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError, UnknownNameError
from handson.room.hub import export
from handson.room.hub.export import Export
from handson.room.hub.queue import SeatQueue
from handson.room.hub.reports import Hand, Report
from handson.room.hub.room import Room
from handson.room.hub.settings import RoomSettings
from handson.room.hub.state import make_places, room_secrets
from handson.room.hub.store import Event, RoomFullError
from handson.room.space import Disk
from handson.room.use import SeatUse


class Seats:
    def __init__(self) -> None:
        self.answering: set[int] = set()
        self.stuck: set[int] = set()
        self.uses: dict[int, SeatUse] = {}

    async def start(self, number: int) -> None:
        self.answering.add(number)

    def ready(self, number: int) -> bool:
        return number in self.answering

    async def stop(self, number: int) -> None:
        if number in self.stuck:
            raise TimeoutError
        self.answering.discard(number)

    async def forget(self, number: int) -> None:
        if number in self.stuck:
            raise TimeoutError
        self.answering.discard(number)

    async def use(self) -> dict[int, SeatUse]:
        return self.uses


@pytest.fixture
def make_room(make_settings: Callable[..., RoomSettings], make_workshop: Callable[..., Path]) -> Callable[..., Room]:
    """A room of two, with these seats."""

    def make(seats: Seats) -> Room:
        settings = make_settings(workshop=make_workshop(), seats=2)
        places = make_places(settings.state)
        return Room(settings, room_secrets(places), places, seats)

    return make


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    return make_room(Seats())


def again(room: Room) -> Room:
    room.store.close()
    return Room(room.settings, room.secrets, room.places, Seats())


def checked(passed: bool) -> Report:
    return Report(kind="check", lesson="add", name="add", passed=passed)


def row(room: Room, number: int) -> dict[str, object]:
    return dict(next(one for one in room.for_board()["attendees"] if one["number"] == number))


def test_the_board_follows_where_somebody_is(room: Room) -> None:
    ada = room.join("Ada", "seat")
    assert room.report(ada.number, Report(kind="opened", lesson="add"))
    assert room.report(ada.number, checked(False))
    seen = row(room, ada.number)
    assert (seen["lesson"], seen["passed"], seen["exercises"], seen["stuck_on"]) == ("add", 0, 1, "add")
    room.report(ada.number, checked(True))
    assert (row(room, ada.number)["passed"], row(room, ada.number)["stuck_since"]) == (1, None)
    assert row(again(room), ada.number)["passed"] == 1


def test_a_report_about_no_lesson_of_this_workshop_is_refused(room: Room) -> None:
    ada = room.join("Ada", "seat")
    assert not room.report(ada.number, Report(kind="opened", lesson="other"))
    assert row(room, ada.number)["lesson"] == ""


def test_who_reports_without_end_is_no_longer_heard(room: Room) -> None:
    ada, bob = room.join("Ada", "seat"), room.join("Bob", "seat")
    heard = [room.report(ada.number, checked(False)) for _ in range(200)]
    assert 55 <= sum(heard) <= 70
    assert room.report(bob.number, checked(False))


@pytest.mark.parametrize(
    "sent",
    [
        '{"kind": "opened", "lesson": "../../etc/passwd"}',
        '{"kind": "opened", "lesson": "<script>"}',
        '{"kind": "shout", "lesson": "add"}',
        '{"kind": "check", "lesson": "add", "name": "<img src=x>", "passed": true}',
        '{"kind": "figures", "lesson": "add", "figures": {"accuracy": "NaN"}}',
        '{"kind": "opened", "lesson": "add", "number": 7}',
        "[]",
        "",
    ],
)
def test_a_report_of_another_form_is_refused(sent: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Report.model_validate_json(sent)


def test_a_hand_is_seen_by_the_presenter_and_lowered_by_either(room: Room) -> None:
    ada = room.join("Ada", "seat")
    room.hand(ada.number, Hand(raised=True).raised)
    assert row(room, ada.number)["hand_since"] is not None
    assert room.for_attendee(ada)["hand"] is True
    room.lower_hand(ada.number)
    assert room.for_attendee(ada)["hand"] is False
    room.lower_hand(99)


def test_what_the_presenter_says_is_with_everybody_until_it_is_taken_back(room: Room) -> None:
    ada = room.join("Ada", "seat")
    room.say("  Break until <b>11</b> ")
    assert room.for_attendee(ada)["message"]["text"] == "Break until <b>11</b>"
    room.send_to("add")
    told = room.for_attendee(ada)["message"]
    assert (told["kind"], told["lesson"], told["text"], told["path"]) == (
        "lesson",
        "add",
        "Add",
        "numbers/01_add.ipynb",
    )
    assert again(room).for_attendee(ada)["message"]["id"] == told["id"]
    room = again(room)
    room.take_back()
    assert room.for_attendee(ada)["message"] is None


def test_a_message_is_short_and_a_lesson_is_one(room: Room) -> None:
    for text in ("", "   ", "x" * 501):
        with pytest.raises(ValueError, match="1 to 500 characters"):
            room.say(text)
    with pytest.raises(UnknownNameError, match="no lesson named 'adds'"):
        room.send_to("adds")


def test_corrected_lessons_are_announced_with_their_new_text(room: Room, make_workshop: Callable[..., Path]) -> None:
    ada = room.join("Ada", "seat")
    before = room.for_attendee(ada)["lessons"]
    assert "You add two numbers" not in room.given_lessons().decode()
    make_workshop(("# # Add\n", "# # Add, corrected\n"))
    room.push_lessons()
    assert room.for_attendee(ada)["lessons"] > before
    given = json.loads(room.given_lessons())
    assert "Add, corrected" in given["notebooks"]["numbers/01_add.ipynb"]


def test_a_correction_that_does_not_fit_is_told_and_changes_nothing(
    room: Room, make_workshop: Callable[..., Path]
) -> None:
    make_workshop(("#   minutes: 5\n", "#   minutes: none\n"))
    with pytest.raises(HandsonError, match="minutes"):
        room.push_lessons()
    assert room.for_board()["agenda"]["lessons"][0]["minutes"] == 5


def test_the_clock_of_the_agenda_goes_on_after_a_restart(room: Room) -> None:
    assert room.for_board()["agenda"]["began"] is None
    room.start_clock(True)
    began = room.for_board()["agenda"]["began"]
    assert again(room).for_board()["agenda"]["began"] == began > 1e9


def test_an_attendee_is_told_of_nobody_else_and_of_no_code(room: Room) -> None:
    ada = room.join("Ada", "seat")
    room.join("Bob", "seat")
    told = json.dumps(room.for_attendee(ada))
    assert "Bob" not in told
    assert room.secrets.class_code not in told
    assert room.seat_code(ada.number) not in told


def test_changing_the_door_frees_the_seat_and_leaves_the_queue(room: Room) -> None:
    ada, bob = room.join("Ada", "seat"), room.join("Bob", "seat")
    with pytest.raises(RoomFullError):
        room.join("Cem", "seat")
    asyncio.run(room.change_door(ada, "page"))
    assert room.seats_left() == 1
    assert room.seat_state(room.store.attendee(ada.number) or ada) == {"state": "none"}
    room.join("Cem", "seat")
    assert room.seat_state(bob) == {"state": "stopped"}


def test_a_seat_that_is_left_for_the_other_door_runs_no_more(make_room: Callable[..., Room]) -> None:
    seats = Seats()
    room = make_room(seats)
    ada = room.join("Ada", "seat")

    async def test() -> None:
        await room.started(ada.number)
        assert seats.answering == {ada.number}
        await room.change_door(ada, "page")
        assert seats.answering == set()
        assert row(room, ada.number)["files"]

    asyncio.run(test())


def test_who_has_a_seat_that_does_not_end_has_it_still(make_room: Callable[..., Room]) -> None:
    seats = Seats()
    room = make_room(seats)
    ada = room.join("Ada", "seat")
    seats.stuck.add(ada.number)
    with pytest.raises(TimeoutError):
        asyncio.run(room.change_door(ada, "page"))
    assert room.store.attendee(ada.number) == ada
    assert room.seats_left() == 1


def test_whether_some_lessons_run_in_seats_only_is_read_off_the_agenda(
    make_settings: Callable[..., RoomSettings], make_workshop: Callable[..., Path]
) -> None:
    for tiers, expected in (("laptop", True), ("laptop, page", False)):
        settings = make_settings(workshop=make_workshop(("tiers: [laptop]", f"tiers: [{tiers}]")))
        places = make_places(settings.state)
        assert Room(settings, room_secrets(places), places, Seats()).has_lessons_for_seats_only() is expected


def test_a_seat_goes_from_the_queue_to_ready(room: Room) -> None:
    ada = room.join("Ada", "seat")

    async def test() -> None:
        await room.started(ada.number)
        assert room.seat_state(ada) == {"state": "ready"}

    asyncio.run(test())


def test_the_load_is_that_of_the_host(room: Room) -> None:
    load = room.for_board()["load"]
    assert 0 <= load["cpu"] <= 1
    assert load["cores"] >= 1
    assert 0 < load["memory_used"] < load["memory_total"]
    assert 0 < load["disk_free"] <= load["disk_total"]


def test_what_a_seat_takes_is_on_the_board_and_unknown_where_nobody_tells(room: Room) -> None:
    ada, bob = room.join("Ada", "seat"), room.join("Bob", "page")
    room._seats.uses = {ada.number: SeatUse(300, 1500, 1)}  # type: ignore[attr-defined]
    asyncio.run(room.meter.look())
    assert row(room, ada.number)["use"] == {"memory": 300, "most": 1500, "ended": 1, "waits": False}
    assert row(room, bob.number)["use"] is None


def test_the_presenter_removes_who_is_here_and_is_told_who_is_not(room: Room) -> None:
    ada = room.join("Ada", "seat")
    asyncio.run(room.remove(ada.number))
    assert room.store.attendees() == []
    with pytest.raises(HandsonError, match="Nobody here has the number 1"):
        asyncio.run(room.remove(ada.number))


@pytest.mark.parametrize(
    ("free", "low", "full"), [(50_000_000_000, False, False), (1_900_000_000, True, False), (99_000_000, True, True)]
)
def test_a_disk_that_fills_is_on_the_board_before_nobody_can_join(
    room: Room, monkeypatch: pytest.MonkeyPatch, free: int, low: bool, full: bool
) -> None:
    monkeypatch.setattr(Disk, "of", lambda _: Disk(free, 10**12))
    asyncio.run(room.meter.look())
    assert room.for_board()["load"]["disk_low"] is low
    assert room.disk_is_full() is full


def test_on_a_full_disk_what_happens_is_shown_and_not_kept(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = room.join("Ada", "seat")

    def full(_: Event) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(room.store, "add_event", full)
    assert room.hand(ada.number, True)
    assert room.for_board()["attendees"][0]["hand_since"] is not None
    assert again(room).for_board()["attendees"][0]["hand_since"] is None


def test_who_is_forgotten_is_not_on_the_board_and_their_seat_is_free(room: Room) -> None:
    ada, bob = room.join("Ada", "seat"), room.join("Bob", "seat")
    room.report(ada.number, checked(False))
    asyncio.run(room.forget(ada.number))
    assert [one["name"] for one in room.for_board()["attendees"]] == ["Bob"]
    assert room.seats_left() == 1
    assert room.come_back(room.seat_code(ada.number)) is None
    assert room.come_back(room.seat_code(bob.number)) == bob
    ada_again = room.join("Ada", "seat")
    assert row(again(room), ada_again.number)["lesson"] == "", "and nothing of before is theirs"


def test_whose_seat_cannot_be_removed_is_not_forgotten(room: Room) -> None:
    ada = room.join("Ada", "seat")
    room._seats.stuck.add(ada.number)  # type: ignore[attr-defined]
    with pytest.raises(TimeoutError):
        asyncio.run(room.forget(ada.number))
    assert room.store.attendee(ada.number) == ada


def held_up(room: Room) -> None:
    """No seat comes to its start's end."""

    async def never(_: int) -> None:
        await asyncio.Event().wait()

    room.queue = SeatQueue(never, 1, room.bell.ring)


def test_who_waits_for_a_seat_that_is_given_up_is_told(room: Room) -> None:
    ada, bob = room.join("Ada", "seat"), room.join("Bob", "seat")

    async def bob_leaves() -> None:
        held_up(room)
        room.ask_for_seat(ada.number)
        waiting = asyncio.ensure_future(room.started(bob.number))
        await asyncio.sleep(0)
        await room.change_door(bob, "page")
        try:
            await asyncio.wait_for(waiting, 5)
        finally:
            await room.queue.stop()

    with pytest.raises(HandsonError, match="Seat 2 does not start any more"):
        asyncio.run(bob_leaves())


def test_an_export_waits_for_no_seat_for_ever(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = room.join("Ada", "seat")
    monkeypatch.setattr(export, "_PATIENCE", 0.1)

    async def ask() -> None:
        held_up(room)
        try:
            await asyncio.wait_for(Export(room, None).work_of(ada.number), 5)
        finally:
            await room.queue.stop()

    with pytest.raises(HandsonError, match=r"Seat 1 did not answer within 0 s"):
        asyncio.run(ask())
