"""Services of long-running processes: clock, wake-up signals, rate limit, counters, parent watch."""
