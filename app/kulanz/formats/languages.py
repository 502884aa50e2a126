"""Languages with translations."""

LANGUAGES = ("de", "en", "fr")
