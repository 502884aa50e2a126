"""Throws junk at every provider's verifier: each must reject all of it, and none may raise another error.

    python -m bench.fuzz_signatures [MILLIONS] [SEED]

Inputs are random bytes and texts, and real headers that were cut, joined, repeated or changed in one place.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from kulanz.providers import PROVIDERS, timed_signing
from kulanz.providers.signing import lemonsqueezy_signature

SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = [b"", b"another", SECRET]
BODY = b'{"type":"junk"}'
ALPHABET = "0123456789abcdefv1ht=,; .+/-_\u00e9\u0663\ud800\x00\n"


def main() -> None:
    """Run, and say how many inputs there were."""
    stated = [float(argument) for argument in sys.argv[1:]]
    millions, seed = stated + [1.0, 7.0][len(stated) :]
    chance, began, count = random.Random(int(seed)), time.monotonic(), int(millions * 1_000_000)
    for index in range(count):
        headers, body = _headers(chance), BODY if chance.random() < 0.5 else chance.randbytes(chance.randrange(40))
        name = list(PROVIDERS)[index % len(PROVIDERS)]
        if PROVIDERS[name].verify(headers, body, SECRETS) is not None:
            raise SystemExit(f"{name} believed {headers!r} for {body!r}")
    print(f"{count} inputs, {time.monotonic() - began:.0f} s, seed {int(seed)}: all refused, no exception")


def _headers(chance: random.Random) -> dict[str, str]:
    now = int(time.time()) + chance.choice((0, 0, -299, 299, -301, 10**9))
    real = {
        "x-signature": lemonsqueezy_signature(BODY, SECRET),
        "stripe-signature": timed_signing.stripe_signature(BODY, SECRET, now),
        "paddle-signature": timed_signing.paddle_signature(BODY, SECRET, now),
        "webhook-signature": timed_signing.standard_signature("msg_1", BODY, SECRET, now),
    }
    damaged = {name: chance.choice(_DAMAGE)(value, chance) for name, value in real.items()}
    around = {"webhook-id": chance.choice(("msg_1", "", _junk(chance))), "webhook-timestamp": str(now)}
    return {name: value for name, value in (damaged | around).items() if value != real.get(name)}


def _junk(chance: random.Random) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randrange(90)))


def _cut(value: str, chance: random.Random) -> str:
    return value[: chance.randrange(len(value))]


def _changed(value: str, chance: random.Random) -> str:
    at = chance.randrange(len(value))
    last = value.rstrip("=")
    at = min(at, len(last) - 2)
    return value[:at] + chance.choice(ALPHABET.replace(value[at], "")) + value[at + 1 :]


_DAMAGE: tuple[Callable[[str, random.Random], str], ...] = (_cut, _changed, lambda _, chance: _junk(chance))

if __name__ == "__main__":
    main()
