"""AWS Health: events that concern an account, as the account sees them and as the organization's view has them."""
