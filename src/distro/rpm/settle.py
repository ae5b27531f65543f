"""Ends the write-ahead log of an SQLite database.

    settle.py FILE
"""
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
(mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
connection.close()
if mode != "delete":
    sys.exit(f"{sys.argv[1]}: its journal mode stays {mode}")
