"""Tests of the room `inventory`."""
