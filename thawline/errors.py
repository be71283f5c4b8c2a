"""Every error of Thawline, in one tree.

ThawlineError                   exit 1: a fault of ours or of a service
├── UsageError                  exit 2: wrong usage or params; the user can mend it
│   ├── ParamsError             a value in params.yaml or --set breaks its rule
│   ├── WorkspaceError          no workspace here, or it is not complete
│   ├── EncoderNotFoundError    the pretrained weights are not where `model.encoder` says
│   └── PolicyError             an unfreezing schedule that can't be carried out
├── DataError                   exit 3: data refused
│   ├── UnreadableFileError     a file that can't be read as labelled rows
│   └── DataRefusedError        a critical expectation failed
├── WorkspaceBusyError          another run holds the workspace
├── StorageError                no permission, or the disk is full
├── ServiceError                a tracking or orchestration server does not answer
├── SearchError                 every trial of a search failed
├── CandidateError              a baseline that can't be fitted on these rows: it is left out
├── DvcError                    a DVC command failed
├── ExportError                 a model that can't be written in another format
└── LayerGroupError             a parameter in no layer group, or in two

Each message says the value, the rule and the remedy. The command line prints the message and
exits with `exit_code`; a traceback is shown only for errors outside this tree.
"""


def first_line(error: Exception) -> str:
    """Return the first line of what a library's error says, its type where it says nothing: a reason in a message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class ThawlineError(Exception):
    """A fault of ours or of a service."""

    exit_code = 1


class UsageError(ThawlineError):
    """Wrong usage: the user can mend it."""

    exit_code = 2


class ParamsError(UsageError):
    """A value in params.yaml or `--set` breaks its rule."""


class WorkspaceError(UsageError):
    """No workspace here, or it is not complete."""


class EncoderNotFoundError(UsageError):
    """The pretrained weights are not where `model.encoder` says."""


class PolicyError(UsageError):
    """An unfreezing schedule that can't be carried out."""


class DataError(ThawlineError):
    """Data refused; nothing was trained on it."""

    exit_code = 3


class UnreadableFileError(DataError):
    """A file that can't be read as labelled rows."""


class DataRefusedError(DataError):
    """A critical expectation failed."""


class WorkspaceBusyError(ThawlineError):
    """Another run holds the workspace."""


class StorageError(ThawlineError):
    """No permission to write, or the disk is full."""


class ServiceError(ThawlineError):
    """A tracking or orchestration server does not answer."""


class SearchError(ThawlineError):
    """Every trial of a search failed."""


class CandidateError(ThawlineError):
    """A baseline that can't be fitted on these rows: it is left out."""


class DvcError(ThawlineError):
    """A DVC command failed."""


class ExportError(ThawlineError):
    """A model that can't be written in another format, or comes back different."""


class LayerGroupError(ThawlineError):
    """A parameter in no layer group, or in two."""
