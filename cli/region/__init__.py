"""The region that commands speak to, local or AWS: its clients, its clock, its functions."""
