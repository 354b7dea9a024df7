"""Plans: which CRF every segment of a video shall get, as a record, a file, and zones."""
