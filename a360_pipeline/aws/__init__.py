"""AWS as the product sees it: sessions per account, the organization, and what errors mean."""
