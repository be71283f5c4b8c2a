"""Parts of `text.py`: how one text is cleaned, what sizes texts ask for, and how they look on the profile page."""
