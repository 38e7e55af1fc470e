//! Whatever ends one loop ends all of them, the last one started first.
