"""One session that turns frames into packets, and the thin drivers around it."""
