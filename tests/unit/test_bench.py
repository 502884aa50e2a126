"""The bench measures what it says: its load generator, its arithmetic and its requests."""

import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import capacity
from bench.applying import drained
from bench.charts import MET, MISSED, chart
from bench.events import EVENTS_PER_ACCOUNT, SECRET, requests
from bench.figures import NO_GOAL, Figure, Goal, quantile, table
from bench.load import LoadPlan, run
from bench.plan import in_turn

ROOT = Path(__file__).resolve().parents[2]


def answering(*pieces: bytes) -> type[socketserver.BaseRequestHandler]:
    """A keep-alive server that answers every request with these pieces, one after the other."""

    class Answering(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.readline():
                length = 0
                while head.strip():
                    name, _, value = head.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                    head = self.rfile.readline()
                self.rfile.read(length)
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()

    return Answering


@contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def a_figure(**changes: object) -> Figure:
    return Figure(
        **{"name": "speed", "unit": "1/s", "reference_name": "the bare part", "goal": Goal(at_least=2), **changes}
    )


def test_every_request_of_an_order_is_answered_once() -> None:
    with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd")) as port:
        seen = run(LoadPlan(port=port, connections=4, first_account=1, count=40)).summary()

    assert (seen.answered, seen.refused) == (40, {})
    assert seen.per_second > 0
    assert 0 < seen.p50_ms <= seen.p99_ms


def test_an_answer_that_is_not_200_is_counted_apart() -> None:
    with serving(answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")) as port:
        seen = run(LoadPlan(port=port, connections=2, first_account=1, count=10)).summary()

    assert (seen.answered, seen.refused) == (0, {"503": 10})


def test_a_timed_run_ends_and_may_repeat_its_requests() -> None:
    with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        seen = run(
            LoadPlan(port=port, connections=2, first_account=1, seconds=0.2, warm_up=0.05, repeat=True)
        ).summary()

    assert seen.answered > 0


def test_a_server_that_hangs_up_is_an_error() -> None:
    class HangingUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with serving(HangingUp) as port, pytest.raises(ConnectionError):
        run(LoadPlan(port=port, connections=1, first_account=1, count=1))


def test_every_request_is_signed_and_unlike_every_other() -> None:
    made = requests(3 * EVENTS_PER_ACCOUNT, first_account=7, seed=1)

    bodies = [request.partition(b"\r\n\r\n")[2] for request in made]
    signatures = [hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode() for body in bodies]
    documents = [json.loads(body) for body in bodies]

    assert all(signature in request for signature, request in zip(signatures, made, strict=True))
    assert len({document["meta"]["webhook_id"] for document in documents}) == len(made)
    assert {document["meta"]["custom_data"]["account_id"] for document in documents} == {"org_7", "org_8", "org_9"}


def test_the_quantile_of_few_values_is_one_of_them() -> None:
    assert quantile([], 0.99) == 0.0
    assert quantile([3.0], 0.99) == 3.0
    assert quantile([float(value) for value in range(100)], 0.99) == 99.0


def test_a_figure_compares_round_with_round() -> None:
    figure = a_figure(ours=[200.0, 10.0, 300.0], reference=[100.0, 4.0, 100.0])

    assert figure.ratios == [2.0, 2.5, 3.0]
    assert figure.ratio == 2.5
    assert figure.met


def test_a_figure_without_rounds_meets_nothing() -> None:
    assert not a_figure().met
    assert not a_figure(goal=Goal(at_most=2)).met


def test_the_table_names_what_is_not_met() -> None:
    lines = table([a_figure(ours=[1.0], reference=[1.0]), a_figure(ours=[3.0], reference=[1.0])]).splitlines()

    assert lines[1].endswith("NOT MET")
    assert lines[2].endswith("≥ 2   met")


def test_a_drain_is_timed_from_the_first_event_applied_to_the_last() -> None:
    left, clock = iter([100, 100, 90, 50, 0]), iter([1.0, 1.5, 1.9])

    rate, spent = drained(lambda: next(left), lambda: next(clock))

    assert rate > 0
    assert spent == pytest.approx(10_000)


def test_a_drain_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to apply"):
        drained(lambda: 0)


def test_a_goal_may_be_about_ours_alone_or_not_be_set() -> None:
    quick = a_figure(ours=[40.0], reference=[1.0], goal=Goal(at_most=50, of_ours=True))
    unjudged = a_figure(ours=[40.0], reference=[1.0], goal=NO_GOAL)

    assert (quick.met, quick.value) == (True, 40.0)
    assert unjudged.met
    assert table([unjudged]).splitlines()[1].endswith("40.00")


def test_a_chart_shows_every_figure_with_a_goal_and_what_it_missed() -> None:
    met, missed, unjudged = (
        a_figure(name=name, ours=[value], reference=[1.0], goal=goal)
        for name, value, goal in (("A & B", 3.0, Goal(at_least=2)), ("C", 1.0, Goal(at_least=2)), ("D", 1.0, NO_GOAL))
    )

    drawn = ET.fromstring(chart([met, missed, unjudged], "speed"))

    texts = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    colours = [element.get("fill") for element in drawn.iter() if element.tag.endswith("rect")]
    assert texts == ["speed", "A & B / the bare part", "3.00, goal ≥ 2", "C / the bare part", "1.00, goal ≥ 2"]
    assert colours == [MET, MISSED]


def test_whoever_is_first_in_a_round_is_last_in_the_next() -> None:
    assert [in_turn(turn, ("a", "b", "c")) for turn in range(3)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


def test_the_capacity_page_shows_what_is_computed() -> None:
    page = (ROOT / "docs" / "capacity.md").read_text()

    assert capacity.table(capacity.Costs(), capacity.Shop()) in page


def test_ten_times_the_accounts_never_need_less() -> None:
    needs = [capacity.need(accounts, capacity.Costs(), capacity.Shop()) for accounts in capacity.SIZES]

    for smaller, larger in pairwise(needs):
        assert larger.burst == pytest.approx(10 * smaller.burst)
        for part in ("web", "workers", "database_cores", "senders", "gigabytes_a_year"):
            assert getattr(larger, part) >= getattr(smaller, part)
