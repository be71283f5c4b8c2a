"""Parts of `tabular.py`: cells made comparable, features, the encoder that is made from rows, and the profile page."""
