"""What a stock reader of the lake, DuckDB, finds in a table: its columns, and what happened to one order.

All of it is of one version of the table: each `delta_scan` looks for the newest, so there is only one.

Usage: read_order.py TABLE ORDER. Prints {"columns": [...], "event_types": [...], "errors": n}.
"""

import json
import sys

import duckdb
import duckdb_extensions

table, order = sys.argv[1:]
duckdb_extensions.import_extension("delta")
connection = duckdb.connect()
connection.load_extension("delta")
connection.execute(f"CREATE TEMP TABLE seen AS FROM delta_scan('{table}')")
columns = connection.execute("DESCRIBE seen").fetchall()
happened = connection.execute(
    "SELECT event_type FROM seen WHERE order_id = ? ORDER BY sequence, _offset", [order]
).fetchall()
errors = connection.execute("SELECT count(_error) FROM seen").fetchone()
print(
    json.dumps(
        {
            "columns": [column for column, *_ in columns],
            "event_types": [event_type for (event_type,) in happened],
            "errors": errors[0],
        }
    )
)
