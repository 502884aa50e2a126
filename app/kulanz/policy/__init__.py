"""The policy: pure functions of frozen values, with nothing but the standard library and msgspec's structs."""
