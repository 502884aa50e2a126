"""`kulanz up`: everything in one terminal."""
