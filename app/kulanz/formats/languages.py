"""Languages that have words of ours."""

LANGUAGES = ("de", "en", "fr")
