"""Time of a refusal, by the place where a forged signature or body differs from the real one: it must not depend on it.

    python -m bench.refusing [SAMPLES] [SEED]

The places take turns, in a new order each time, so that other work of the machine affects all of them alike. Where
the medians of two places differ by more than the noise (by which halves of one place differ), it exits 1.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping

from kulanz.providers.signing import lemonsqueezy, lemonsqueezy_signature

SECRETS = [b"the-newest-secret", b"the-one-before"]
BODY = b'{"meta":{"event_name":"subscription_updated"},"data":{"attributes":{"status":"past_due"}}}' * 20
SAMPLES = 40_000
ALIKE = 0.02
"""The share of a refusal's time by which places may differ: an attacker on a network sees a thousand times as much."""
Try = Callable[[], int | None]


def main() -> int:
    """Measure, print a table, and judge."""
    stated = [int(argument) for argument in sys.argv[1:]]
    samples, seed = stated + [SAMPLES, 7][len(stated) :]
    taken = measured(forgeries(), samples, random.Random(seed))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    for name, median in medians.items():
        print(f"{name:<28} {median:8.0f} ns   halves {noise(taken[name]):5.2%}")
    spread = (max(medians.values()) - min(medians.values())) / statistics.median(medians.values())
    allowed = max(ALIKE, 2 * max(noise(each) for each in taken.values()))
    print(f"places differ by {spread:.2%}; {allowed:.2%} is noise; {samples} samples each, seed {seed}")
    return 0 if spread <= allowed else 1


def forgeries() -> Mapping[str, Try]:
    """Return the refused deliveries, by the place where each differs from a valid one."""
    real = lemonsqueezy_signature(BODY, SECRETS[0])
    places = {"first": 0, "middle": 32, "last": 63}
    made: dict[str, Try] = {f"signature, {name}": _refusing(BODY, _other(real, at)) for name, at in places.items()}
    for name, at in {"first": 0, "middle": len(BODY) // 2, "last": len(BODY) - 1}.items():
        made[f"body, {name}"] = _refusing(BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :], real)
    made["signature, everywhere"] = _refusing(BODY, "".join("0" if char != "0" else "1" for char in real))
    made["signature of the old secret"] = _refusing(BODY, _other(lemonsqueezy_signature(BODY, SECRETS[1]), 63))
    return made


def measured(tries: Mapping[str, Try], samples: int, chance: random.Random) -> Mapping[str, list[int]]:
    """Return the nanoseconds of each refusal."""
    taken: dict[str, list[int]] = {name: [] for name in tries}
    names = list(tries)
    for _ in range(samples):
        chance.shuffle(names)
        for name in names:
            began = time.perf_counter_ns()
            refused = tries[name]() is None
            taken[name].append(time.perf_counter_ns() - began)
            if not refused:
                raise SystemExit(f"{name} was believed")
    return taken


def noise(taken: list[int]) -> float:
    """Return by which share the medians of every other sample differ from those between."""
    even, odd = statistics.median(taken[::2]), statistics.median(taken[1::2])
    return abs(even - odd) / statistics.median(taken)


def _other(signature: str, at: int) -> str:
    return signature[:at] + ("0" if signature[at] != "0" else "1") + signature[at + 1 :]


def _refusing(body: bytes, signature: str) -> Try:
    return lambda: lemonsqueezy(signature, body, SECRETS)


if __name__ == "__main__":
    sys.exit(main())
