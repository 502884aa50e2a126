"""How the house does: figures for the console and gauges for the metrics, each read at most every few seconds."""
