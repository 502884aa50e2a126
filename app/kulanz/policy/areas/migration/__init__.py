"""Moves from the cloud to an on-premise copy: recorded when they are done, so that unused days can be computed."""
