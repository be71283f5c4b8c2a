"""Who works here: the login in force, else the operating system's user."""

import os
import pwd

LOGIN = "THAWLINE_LOGIN"


def who() -> str:
    """Return who decides what is being decided, to be kept with it; of a login its name, never its password."""
    name, _, password = os.environ.get(LOGIN, "").partition(":")
    if name.strip() and password:
        return " ".join(name.split())[:100]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not be in its list of users
        return f"user {os.getuid()}"
