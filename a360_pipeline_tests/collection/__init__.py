"""Tests of the room `collection`."""
