"""The receiver of deliveries: verifies them and makes them durable, by group commit or in the spool."""
