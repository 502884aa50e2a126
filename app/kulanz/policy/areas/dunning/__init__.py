"""Failed payments: cases, grace, reminders, holds."""
