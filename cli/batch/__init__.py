"""`falaj batch`: a prefix of records answered, each exactly once."""
