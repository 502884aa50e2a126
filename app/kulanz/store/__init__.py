"""What is kept, and the questions one may ask of it: no decisions are made here.

A function that writes takes `tx`, a connection inside `Database.write()`; one that only reads takes `conn`.
"""
