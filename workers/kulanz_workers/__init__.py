"""The processes beside the web process: queue workers and the scheduler."""
