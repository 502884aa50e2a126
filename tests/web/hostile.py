"""What nobody should send, and somebody will."""

from __future__ import annotations

from tests.lemonsqueezy import sign, subscription_updated, wire

AN_EVENT = wire(subscription_updated())
ITS_SIGNATURE = sign(AN_EVENT)

BAD_SIGNATURES = {
    "missing": None,
    "empty": "",
    "wrong": "0" * 64,
    "truncated": ITS_SIGNATURE[:63],
    "too long": ITS_SIGNATURE + "0",
    "no hex": "z" * 64,
    "upper case": ITS_SIGNATURE.upper(),
    "doubled": f"{ITS_SIGNATURE}, {ITS_SIGNATURE}",
    "prefixed": f"sha256={ITS_SIGNATURE}",
    "in quotes": f'"{ITS_SIGNATURE}"',
    "by an unknown secret": sign(AN_EVENT, "unknown"),
    "by no secret": sign(AN_EVENT, ""),
    "of another body": sign(AN_EVENT + b" "),
    "not ASCII": "\u00e4" * 64,
}
"""What the header may hold for `AN_EVENT` that is no signature of it."""

MALFORMED = {
    "empty": b"",
    "blank": b" ",
    "no JSON": b"hello",
    "cut short": AN_EVENT[:-1],
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "nested deep": b"[" * 100_000,
    "nested deep and closed": b'{"meta":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested deep in what nobody reads": AN_EVENT[:-1] + b',"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "no meta": b'{"data": {}}',
    "meta null": b'{"meta": null, "data": null}',
    "no name": b'{"meta": {}, "data": {"type": "orders", "id": "1", "attributes": {}}}',
    "a name that is no text": b'{"meta": {"event_name": 7}, "data": {"type": "orders", "id": "1", "attributes": {}}}',
    "no data": b'{"meta": {"event_name": "order_created"}}',
    "invalid UTF-8": AN_EVENT.replace(b"Professional", b"\xff\xfe"),
    "half a surrogate": AN_EVENT.replace(b"subscription_updated", b"\\ud800"),
    "NaN": AN_EVENT.replace(b"58231", b"NaN"),
    "infinity": AN_EVENT.replace(b"58231", b"-Infinity"),
    "UTF-16": AN_EVENT.decode().encode("utf-16"),
    "an id of a thousand digits": AN_EVENT.replace(b'"810233"', b'"' + b"9" * 1000 + b'"'),
    "two documents": AN_EVENT + AN_EVENT,
}
"""Signed bodies that are no usable JSON of the provider's shape."""

STRANGE = {
    "an unknown event": AN_EVENT.replace(b"subscription_updated", b"customer_updated"),
    "an event named by a control character": AN_EVENT.replace(b"subscription_updated", b"a\\u0000b"),
    "an event named at length": AN_EVENT.replace(b"subscription_updated", b"x" * 100_000),
    "an unknown status": AN_EVENT.replace(b'"active"', b'"vanished"'),
    "the year 0": AN_EVENT.replace(b"2026-", b"0000-"),
    "the year 99999": AN_EVENT.replace(b"2026-", b"99999-"),
    "a number of a thousand digits": AN_EVENT.replace(b"5120417", b"9" * 1000),
    "a NUL in the text": AN_EVENT.replace(b"Professional", b"a\\u0000b"),
}
"""Signed bodies that the inbox takes, whatever becomes of them later."""
