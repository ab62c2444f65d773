"""CloudFormation of the sandbox: moto with what moto skips."""
