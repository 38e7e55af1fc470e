"""Reads a table of the lake with two readers that share no code with its writer.

Usage: read_table.py TABLE. Prints, for `deltalake` and for `duckdb`,
{"offsets": {"PARTITION": [OFFSET, ...]}, "errors": [{"partition", "offset", "cause"}]}.
"""

import json
import sys

import duckdb
import duckdb_extensions
from deltalake import DeltaTable, QueryBuilder

table = sys.argv[1]
COLUMNS = "SELECT _partition, _offset, _error FROM {} ORDER BY _partition, _offset"


def summary(rows):
    offsets, errors = {}, []
    for partition, offset, error in rows:
        offsets.setdefault(str(partition), []).append(offset)
        if error is not None:
            errors.append({"partition": partition, "offset": offset, "cause": error})
    return {"offsets": offsets, "errors": errors}


def with_deltalake():
    query = QueryBuilder().register("events", DeltaTable(table))
    rows = []
    for batch in query.execute(COLUMNS.format("events")):
        columns = [batch.column(name).to_pylist() for name in ("_partition", "_offset", "_error")]
        rows.extend(zip(*columns))
    return rows


def with_duckdb():
    duckdb_extensions.import_extension("delta")
    connection = duckdb.connect()
    connection.load_extension("delta")
    return connection.execute(COLUMNS.format(f"delta_scan('{table}')")).fetchall()


print(json.dumps({"deltalake": summary(with_deltalake()), "duckdb": summary(with_duckdb())}))
