"""Python reads this at the start of every process of a lab: it puts it on the lab's host, whose clock may step."""

import os

if path := os.environ.get("LAB_HOST_CLOCK"):
    from tests.faults import stepping

    stepping.live_on(path)
