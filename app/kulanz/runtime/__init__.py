"""What long-running processes need: the clock, notifications through Redis, rate limits, counters, their parent."""
