"""The database: tables, and questions to them. No decisions are made here.

A function that writes takes `tx`, a connection inside `Database.write()`; one that only reads takes `conn`.
"""
