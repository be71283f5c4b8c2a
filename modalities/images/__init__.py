"""Parts of `image.py`: where images come from, how they are decoded, learned from, and shown on the profile page."""
