"""What the sandbox answers itself, a file per AWS service: facts drawn from the seed, answers, and tables' truth."""
