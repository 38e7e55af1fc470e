# shellcheck shell=bash
# Orders alone on its file, or three instances that share a PostgreSQL: which it is in this stack.

# instances_share: the orders of this stack were moved to PostgreSQL.
instances_share() { [[ -s $var/orders.instances ]]; }

# instances prints the names of the parts that serve orders, the first one first.
instances() { if instances_share; then cat "$var/orders.instances"; else say orders; fi; }

# orders_database prints the address of the database that they use.
orders_database() { if instances_share; then postgres url; else say "sqlite:$var/orders.db"; fi; }

# postgres COMMAND is deploy/postgres for this stack.
postgres() { TAKEAWAY_VAR=$var TAKEAWAY_PORT_OFFSET=$offset "$repo/deploy/postgres" "$@" 9>&-; }

# local_stack COMMAND... is deploy/local for this stack.
local_stack() { TAKEAWAY_VAR=$var TAKEAWAY_PORT_OFFSET=$offset "$repo/deploy/local" "$@"; }
