"""The wire format of snapshots: name, read, validate, write, move and quarantine them."""
