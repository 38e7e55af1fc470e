"""Looks for words in every column of a table of the lake, binary ones included.

Usage: find_words.py TABLE WORD... Prints {"rows": NUMBER, "found": [WORD, ...]}.
"""

import json
import sys

import duckdb
import duckdb_extensions

table, words = sys.argv[1], sys.argv[2:]
duckdb_extensions.import_extension("delta")
connection = duckdb.connect()
connection.load_extension("delta")
rows = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM delta_scan('{table}')").fetchall()
text = "\n".join(repr(row) for row in rows)
print(json.dumps({"rows": len(rows), "found": [word for word in words if word in text]}))
