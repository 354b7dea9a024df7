"""Everything that touches FFmpeg: the only package that imports av."""
