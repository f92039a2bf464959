"""`falaj experiment`: how large an experiment must be, and what it found."""
