"""What runs beside the web process: queue jobs and the clock."""
