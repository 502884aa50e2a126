"""The operators' console at `/ops`: server-rendered pages that work without scripts. `console` puts them together."""
