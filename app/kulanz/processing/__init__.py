"""What happens to a received event: translated, decided, recorded, and its effects dispatched."""
