"""What a stock reader of the lake, DuckDB, finds in a table: its columns, and what happened to one order.

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
source = f"delta_scan('{table}')"
columns = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
happened = connection.execute(
    f"SELECT event_type FROM {source} WHERE order_id = ? ORDER BY sequence, _offset", [order]
).fetchall()
errors = connection.execute(f"SELECT count(_error) FROM {source}").fetchone()
print(
    json.dumps(
        {
            "columns": [column for column, *_ in columns],
            "event_types": [event_type for (event_type,) in happened],
            "errors": errors[0],
        }
    )
)
