"""What is kept of requests for auditors: pseudonyms, keyed hashes, a chain that shows tampering."""
