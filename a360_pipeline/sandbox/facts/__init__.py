"""The made-up truth of the sandbox: what each account has, drawn from a seed."""
