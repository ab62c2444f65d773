"""What a harvest plans, makes and removes, in one stand-in a module."""
