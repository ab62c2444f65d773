"""Tests of the room `snapshot`."""
