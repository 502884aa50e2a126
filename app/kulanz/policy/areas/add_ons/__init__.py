"""Add-ons in quantities: booked at once, billed pro rata with the next invoice, cancelled to the period's end."""
