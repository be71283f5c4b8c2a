"""What the profile page says, one file a question. Pure: a `Subject` in, a `Section` of panels out."""
