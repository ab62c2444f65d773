"""The tests of the product, in the same rooms as what they test."""
