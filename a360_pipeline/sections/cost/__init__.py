"""Sections `cost` and `service`: what each account cost, in all and by service, asked once for the organization."""
