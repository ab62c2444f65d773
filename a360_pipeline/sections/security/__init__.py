"""The sections that lie under `security` in a snapshot, one file per service."""
