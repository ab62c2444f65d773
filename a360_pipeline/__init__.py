"""What every AWS account and every S3 object of an organization looks like, and what is not known."""
